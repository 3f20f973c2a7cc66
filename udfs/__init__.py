"""View models and functions that get shipped to workers."""
