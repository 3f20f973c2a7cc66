"""Records for one target, packed into few large values: Beam's own work is per value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from zlib import crc32

from ...core.change import Change
from ...core.codec import joined
from ...formats.native.values import value_decoder, value_encoder
from ...operators.joins import JoinKey

ROOTS = 0
"""The level of shards of roots; hops have the depth of their slot."""

ONLY = b"0"
"""The only shard of roots, of all views."""

RECORDS = 2000
"""So many records for one target are packed into one value."""

DOCUMENTS, PACKED, ASKED, FOUND = b"\0", b"\1", b"\2", b"\3"
"""Records are documents; documents as bytes; (key, shards of roots that ask); (key, what is asked on, document)."""

_encode, _decode = value_encoder(), value_decoder()


class Packed(NamedTuple):
    """Records for one target.

    Attributes:
        level: `ROOTS`, or the depth of a slot.
        target: Which shard there.
        data: The records.
    """

    level: int
    target: bytes
    data: bytes


def shard_of(key: JoinKey, shards: int) -> int:
    """The shard of a path or key.

    Example:
        >>> shard_of("users/u1", 4) == shard_of("users/u1", 4) < 4
        True
    """
    return crc32(key.encode() if isinstance(key, str) else key) % shards


class Parcels:
    """Records that wait to be packed, by target."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, bytes, bytes], list[Any]] = {}

    def of(self, level: int, target: bytes, form: bytes) -> list[Any]:
        """Where records of some form for a target are put; it stays the same list."""
        return self._waiting.setdefault((level, target, form), [])

    def take(self, at_least: int = 1) -> Iterator[Packed]:
        """Packs what waits for targets that have so many records."""
        for (level, target, form), records in self._waiting.items():
            if len(records) >= at_least:
                for begin in range(0, len(records), RECORDS):
                    some = records[begin : begin + RECORDS]
                    data = form + joined(some) if form == PACKED else _encode(some, form)
                    yield Packed(level, target, data)
                records.clear()


def unpacked(values: Iterable[bytes]) -> Iterator[Change]:
    """The documents of a shard of roots; each begins as a `Change` does: path, before, after."""
    for data in values:
        yield from _decode(data, 1)


def shard_named(target: bytes) -> tuple[int | None, int]:
    """(number of the view or `None` for all of them, number of the shard) of a shard of roots."""
    if target == ONLY:
        return None, 0
    number, _, shard = target.split(b"/")
    return int(number), int(shard)
