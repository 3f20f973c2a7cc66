"""What a running job shows to others: its health and its numbers."""
