"""Audits: whether what a job remembers and shows is what its documents say, and the changes that make it right."""
