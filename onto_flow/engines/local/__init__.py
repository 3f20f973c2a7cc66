"""The embedded engine: one process, no Java, no cloud, deterministic."""

from .engine import LocalEngine as Engine

__all__ = ["Engine"]
