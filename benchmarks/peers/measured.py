"""How one process of a benchmark says what it took: one line of JSON as the last of its output."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Phases:
    """CPU-seconds of the parts of the work."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - began


def run_backfill(backfill: Callable[[Path, Path, Phases], None]) -> None:
    """Runs a backfill from the export to the folder that the command line names, and tells what it took."""
    phases = Phases()
    backfill(Path(sys.argv[1]), Path(sys.argv[2]), phases)
    tell(phases=phases.seconds)


def tell(**said: Any) -> None:
    """The last line of a process: what it says, and its peak memory in bytes."""
    print(json.dumps({**said, "peak_bytes": peak()}))


def peak() -> int:
    """The most memory that this process, or one of its children, has held."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) << 10


def table_hash(table: dict[str, Any]) -> str:
    """A hash of view documents by path."""
    digest = hashlib.sha256()
    for path in sorted(table):
        digest.update(json.dumps([path, table[path]], sort_keys=True).encode())
    return f"{len(table)} rows {digest.hexdigest()[:16]}"
