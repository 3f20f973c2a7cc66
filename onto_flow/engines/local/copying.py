"""Copies of a checkpoint, also while the engine writes it, and what a checkpoint says of itself."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ...core.codec import decode_state
from ...core.errors import UsageError
from .store import FILE, PAGE_BYTES, check_format, failing


class Summary(NamedTuple):
    """What a checkpoint says of itself.

    Attributes:
        views: The views whose state it is.
        loaded: Whether its first load was complete.
        counts: documents, changes, view_changes, dead_letters: of the job so far.
        epoch: How often it was opened to be written.
        partitions: Of the feed, those with a resume point.
        bytes: What it takes.
    """

    views: list[str]
    loaded: bool
    counts: dict[str, int]
    epoch: int
    partitions: list[str]
    bytes: int


def copy_checkpoint(directory: Path, to: Path) -> None:
    """Copies a checkpoint as it was at its last commit; the engine may go on meanwhile.

    Args:
        directory: Of the checkpoint.
        to: A new directory, or an empty one; it may be moved to another machine.

    Raises:
        UsageError: `not-found`, or `wrong-usage` where something is at `to`.
        EngineError: `checkpoint-failed`, `state-version`.
    """
    if to.exists() and any(to.iterdir()):
        raise UsageError("wrong-usage", f"{str(to)!r} exists and is not empty", fix="Give a new directory.")
    with _opened(directory) as source:
        to.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = to / f"{FILE}.part"
        with failing(part):
            os.close(os.open(part, os.O_CREAT | os.O_RDWR, 0o600))
            with closing(sqlite3.connect(part)) as target:
                source.backup(target)
            _sync(part)
            os.replace(part, to / FILE)
            _sync(to)


def summary(directory: Path) -> Summary:
    """What a checkpoint says of itself.

    Raises:
        UsageError: `not-found`.
        EngineError: `checkpoint-failed`, `state-version`.
    """
    with _opened(directory) as opened, failing(directory):
        said: dict[str, Any] = {n: decode_state(v) for n, v in opened.execute("SELECT name, value FROM meta")}
        partitions = [name for (name,) in opened.execute("SELECT partition FROM points ORDER BY partition")]
        [pages] = opened.execute("PRAGMA page_count").fetchone()
    views = list(said.get("fingerprints", {}))
    return Summary(
        views, bool(said.get("loaded")), said.get("counts", {}), said.get("epoch", 0), partitions, pages * PAGE_BYTES
    )


@contextmanager
def _opened(directory: Path) -> Iterator[sqlite3.Connection]:
    file = directory / FILE
    if not file.is_file():
        raise UsageError("not-found", f"there is no checkpoint at {directory}")
    with failing(file), closing(sqlite3.connect(file, timeout=30)) as opened:
        check_format(opened, file)
        yield opened


def _sync(place: Path) -> None:
    opened = os.open(place, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
