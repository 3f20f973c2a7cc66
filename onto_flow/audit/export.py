"""The documents that an audit compares with: all that a plan reads of a source, as of one time, in the order of paths."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any

from ..core.change import Change, DeadLetter
from ..core.errors import DataError, UsageError
from ..core.values import Document
from ..formats.native.values import value_decoder, value_encoder
from ..plan.nodes import Plan
from ..sources.base import Source
from ..sources.sorted_lines import SortedLines

MEMORY = 64 << 20
"""Bytes that sorting holds; the rest goes to temporary files."""

Read = tuple[str, Document]
"""(path, projected fields)."""


class Export:
    """The documents of a source, sorted by the bytes of their paths.

    Memory is bounded by `MEMORY`; a larger export takes as much room in temporary files as the fields that views read.

    Args:
        source: Has them.
        plan: What is read of them; documents that its views write are left out.
        time: The time of the source's documents in microseconds.

    Attributes:
        documents: How many were read.
        size: Bytes of them, as far as the views read them.
        collections: The names of those that have documents (`collection_of`).
        unreadable: The paths of documents that cannot be decoded.
        has_unknown: Whether there are some that do not even say their path, so that any may be there that was not read.
    """

    def __init__(self, source: Source, plan: Plan, time: int) -> None:
        self.time, self.documents, self.size = time, 0, 0
        self.collections: set[str] = set()
        self.unreadable: set[str] = set()
        self.has_unknown = False
        self._plan, self._written = plan, frozenset(v.collection for v in plan.views)
        self._lines = SortedLines(MEMORY)
        self._encode, self._decode = value_encoder(), value_decoder()
        try:
            self._read(source)
        except BaseException:
            self.close()
            raise

    def _read(self, source: Source) -> None:
        expected = source.info().documents
        for partition in source.partitions():
            reader = source.open(partition, projection=self._plan.projection)
            try:
                while (batch := reader.next_batch()) is not None:
                    self._lines.add(line for item in batch for line in self._taken(item))
                self.documents += reader.documents_read
            finally:
                reader.close()
        if expected is not None and expected != self.documents:
            what = f"the source gave {self.documents} documents and says that it has {expected}"
            raise DataError("bad-export", what, fix="Make the export again; nothing was compared.")

    def _taken(self, item: Change | DeadLetter) -> Iterator[tuple[bytes, bytes]]:
        if isinstance(item, DeadLetter):
            kind, _, path = item.key.partition(":")
            if kind == "document" and "/" in path:
                self.unreadable.add(path)
            else:
                self.has_unknown = True
        elif item.after is not None and self._is_read(item.path):
            self.collections.add(collection_of(item.path))
            fields = projected(self._plan, item.path, item.after)
            line = self._encode((item.path, fields))
            self.size += len(line)
            yield item.path.encode(), line

    def _is_read(self, path: str) -> bool:
        return self._plan.projection.wants(path) and path.rpartition("/")[0] not in self._written

    def __iter__(self) -> Iterator[Read]:
        """(path, projected fields), each path once; it may be asked for again."""
        last = None
        for line in self._lines.sorted():
            path, fields = self._decode(line)
            if path != last:
                yield path, fields
            last = path

    def close(self) -> None:
        """Lets go of the files."""
        self._lines.close()

    def __enter__(self) -> Export:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def projected(plan: Plan, path: str, fields: Document) -> dict[str, Any]:
    """The fields that a plan reads of a document."""
    wanted = plan.projection.fields(path)
    return {n: v for n, v in fields.items() if wanted is None or n in wanted}


def collection_of(path: str) -> str:
    """What a document counts under: its collection, with stars for the ids above it.

    Example:
        >>> collection_of("users/u1"), collection_of("prices/A/daily/2024-01-02")
        ('users', 'prices/*/daily')
    """
    return "/*/".join(path.split("/")[::2])


def time_of(source: Source, given: int | None) -> int:
    """The time of a source's documents in microseconds.

    Raises:
        UsageError: `no-snapshot-time` where nobody knows it.
    """
    from ..core.values import to_micros

    if given is not None:
        return given
    known = source.info().snapshot_time
    if known is None:
        raise UsageError(
            "no-snapshot-time",
            "the export does not say at which time it was taken, so it cannot tell what was lost from what came later",
            fix="Give --snapshot-time (the operation's snapshot_time).",
        )
    return to_micros(known)
