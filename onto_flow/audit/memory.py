"""What computing the views once more takes, said before it begins: an estimate, and a refusal where it does not fit."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..core.errors import UsageError

BYTES_IN_MEMORY = 10
"""How many bytes of memory stand, for each view, for one of a document's encoded fields (`tests/audit/test_memory.py`)."""

_MEMINFO = Path("/proc/meminfo")
_MB = 1_000_000


def estimate(size: int, views: int) -> int:
    """Bytes of memory that the views of documents take, about.

    Args:
        size: Bytes of the documents, as far as the views read them.
        views: How many views.
    """
    return size * BYTES_IN_MEMORY * views


def available() -> int | None:
    """Bytes of memory that this machine has left; `None` where it does not say."""
    with suppress(OSError, ValueError):
        for line in _MEMINFO.read_text().splitlines():
            name, _, rest = line.partition(":")
            if name == "MemAvailable":
                return int(rest.split()[0]) * 1024
    return None


def check(size: int, views: int, most: int | None) -> None:
    """Refuses what does not fit.

    Args:
        size, views: As for `estimate`.
        most: Bytes that may be taken; `None`: what this machine has left.

    Raises:
        UsageError: `audit-refused`.
    """
    limit, needed = available() if most is None else most, estimate(size, views)
    if limit is not None and needed > limit:
        what = f"the views are computed once more in memory, some {needed // _MB:,} MB, and {limit // _MB:,} MB are allowed"
        fix = "Name fewer views at once, give --documents-only with a checkpoint, or allow more: --max-memory 64GB."
        raise UsageError("audit-refused", what, fix=fix)
