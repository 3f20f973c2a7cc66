"""How many bytes of state a worker process may keep as objects: they take an eighth of the memory that is its.

Its memory is that of the machine, or of the container, shared among as many processes as there are processors for it: a
worker runs a process on each.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

AS_OBJECTS = 7
"""How many bytes the objects take that a byte of a record is made into; 6.3 were measured of 20,000 records."""

_SHARE = 8
_UNKNOWN = 4 << 30
"""The memory of a process where none can be told: what Dataflow's machines have for each processor."""

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def room(limits: Iterable[Path] = _LIMITS) -> int:
    """Bytes of state.

    Args:
        limits: Files that may hold how many bytes the container may take.

    Example:
        >>> 0 < room() < 1 << 40
        True
    """
    bounds = [bound for bound in (_of_machine(), *map(_of_file, limits)) if bound]
    each = min(bounds) // _processors() if bounds else _UNKNOWN
    return each // (_SHARE * AS_OBJECTS)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def _of_machine() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 0


def _of_file(path: Path) -> int:
    """The number in a file; 0 where there is none: no file, or no limit."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return 0
    return int(text) if text.isdecimal() else 0
