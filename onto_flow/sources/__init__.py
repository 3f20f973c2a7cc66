"""Connectors in: one file each. Code here knows `core` and `formats`, no plan, no engine and no other connector."""
