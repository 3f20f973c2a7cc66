"""Processing time, as every timer of this engine reads it."""

from __future__ import annotations

import time


def micros() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000
