"""Lines in an order, more of them than fit into memory: sorted runs in temporary files, merged at the end."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from struct import Struct
from typing import IO, TypeAlias

MAX_RUNS = 64
"""So many runs become one larger run, so many of these a still larger one, and so on."""

LINE_BYTES = 150
"""What a line costs in memory besides its bytes and those of its key."""

_BUFFER = 32 << 10
_sizes = Struct("<II")

Keyed: TypeAlias = "tuple[bytes, bytes]"
"""What a line is sorted by, and the line."""


class SortedLines:
    """Sorts lines by their keys.

    Law: the order is that of `sorted`, which is stable; memory is bounded, whatever is added. The files of the runs have no
    names: nobody else can open them, and they go away with the process, however it ends.

    Args:
        memory: Bytes, about, that are held.
        limit: How many of the first lines are wanted; `None`: all.
        folder: Where the files are; by default where the system says.

    Example:
        >>> with SortedLines() as lines:
        ...     lines.add([(b"b", b"2"), (b"a", b"1")])
        ...     list(lines.sorted())
        [b'1', b'2']
    """

    def __init__(self, memory: int = 64 << 20, limit: int | None = None, folder: str | None = None) -> None:
        self._memory = memory
        self._limit, self._folder = limit, folder
        self._held: list[Keyed] = []
        self._bytes = 0
        self._runs: list[list[IO[bytes]]] = []

    def add(self, lines: Iterable[Keyed]) -> None:
        """Takes lines."""
        for pair in lines:
            self._held.append(pair)
            self._bytes += len(pair[0]) + len(pair[1]) + LINE_BYTES
            if self._bytes > self._memory:
                self._make_room()

    def _make_room(self) -> None:
        self._sort()
        if self._bytes > self._memory // 2:
            self._spill(self._held)
            self._held, self._bytes = [], 0

    def _sort(self) -> None:
        self._held.sort(key=lambda pair: pair[0])
        if self._limit is not None and len(self._held) > self._limit:
            del self._held[self._limit :]
            self._bytes = sum(len(key) + len(line) + LINE_BYTES for key, line in self._held)

    def sorted(self) -> Iterator[bytes]:
        """All lines that were added, or the first of them."""
        self._sort()
        runs = [_read(run) for level in reversed(self._runs) for run in level]
        merged = heapq.merge(*runs, self._held, key=lambda pair: pair[0]) if runs else iter(self._held)
        return (line for _, line in islice(merged, self._limit))

    def _spill(self, lines: Iterable[Keyed], level: int = 0) -> None:
        """Writes a run; older lines are in runs of higher levels, and before others of their level."""
        if level == len(self._runs):
            self._runs.append([])
        runs = self._runs[level]
        runs.append(self._written(lines))
        if len(runs) >= MAX_RUNS:
            merged = heapq.merge(*map(_read, runs), key=lambda pair: pair[0])
            self._spill(islice(merged, self._limit), level + 1)
            for run in runs:
                run.close()
            runs.clear()

    def _written(self, lines: Iterable[Keyed]) -> IO[bytes]:
        file = tempfile.TemporaryFile(dir=self._folder, buffering=_BUFFER)  # noqa: SIM115 - close() closes it
        for key, line in lines:
            file.write(_sizes.pack(len(key), len(line)))
            file.write(key)
            file.write(line)
        return file

    def close(self) -> None:
        """Lets go of everything."""
        for run in (run for level in self._runs for run in level):
            run.close()
        self._held, self._runs = [], []

    def __enter__(self) -> SortedLines:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _read(file: IO[bytes]) -> Iterator[Keyed]:
    file.seek(0)
    while sizes := file.read(_sizes.size):
        key, line = _sizes.unpack(sizes)
        yield file.read(key), file.read(line)
