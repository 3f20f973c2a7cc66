"""Engines: one folder each, exporting one name, `Engine`. They take plans and connectors' contracts, never models."""
