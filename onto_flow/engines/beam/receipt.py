"""The receipt of a cutover: what was read and what the views held when the gate opened.

Hashes are sums modulo 2 ** 128 of the hashes of (path, canonical bytes) of each document, so they are the same in any
order, and two receipts of the same documents are equal in counts and hashes. It is JSON: one receipt per generation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from ...core.values import from_micros
from ..coding import decode, decode_state, encode, encode_state
from ..credit import Sum, add, packed_sums, sums_of
from .keys import KeyedMessage

_HEAD, _SHARD = 0, 1
_HELD = beam.DoFn.StateParam(ReadModifyWriteStateSpec("held", BytesCoder()))


class Head(NamedTuple):
    """What the fence knows when it opens.

    Attributes:
        generation: The first part of view versions.
        snapshot: The time of the load in microseconds.
        forced: Whether it was opened though something was missing.
        documents: How many were read.
        canaries: Those that were seen on the feed.
        read: Collection -> its documents.
        seeds: Operator -> how many seeds it began with.
        views: View -> the view documents that they said are written.
    """

    generation: int
    snapshot: int | None
    forced: bool
    documents: int
    canaries: tuple[str, ...]
    read: Mapping[str, Sum]
    seeds: Mapping[str, int] = MappingProxyType({})
    views: Mapping[str, Sum] = MappingProxyType({})

    def encoded(self) -> bytes:
        """A message to `Receipts`."""
        return encode(
            (_HEAD, *self[:5], packed_sums(self.read), tuple(sorted(self.seeds.items())), packed_sums(self.views))
        )

    @classmethod
    def of(cls, held: Any) -> Head:
        """The head that such a message has."""
        generation, snapshot, forced, documents, canaries, read, seeds, views = held
        return cls(generation, snapshot, forced, documents, canaries, sums_of(read), dict(seeds), sums_of(views))


def part(shard: int, views: Mapping[str, Sum]) -> bytes:
    """A message to `Receipts`: by how much what a shard of the gate held when it opened is more than what was written."""
    return encode((_SHARD, shard, packed_sums(views)))


class Receipts(beam.DoFn):
    """The head, and the part of each shard, all under one key -> the receipt as JSON.

    Args:
        shards: Of the gate.
        views: The names of all views: one without documents is in the receipt too.
    """

    def __init__(self, shards: int, views: tuple[str, ...]) -> None:
        super().__init__()
        self.shards, self.views = shards, views

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "receipts"

    def process(self, element: KeyedMessage, held: Any = _HELD) -> Iterator[str]:
        """A part came."""
        raw = held.read()
        head, shards, sums = (None, 0, ()) if raw is None else decode_state(raw)
        views = sums_of(sums)
        kind, *what = decode(element[1])
        if kind == _HEAD:
            head = what
        else:
            shards += 1
            add(views, sums_of(what[1]))
        held.write(encode_state((head, shards, packed_sums(views))))
        if head is not None and shards == self.shards:
            known = Head.of(head)
            add(views, known.views)
            yield _text(known, {**dict.fromkeys(self.views, Sum(0, 0)), **views})


def _text(head: Head, views: Mapping[str, Sum]) -> str:
    snapshot = None if head.snapshot is None else from_micros(head.snapshot).isoformat()
    receipt = {
        "generation": head.generation,
        "snapshot_time": snapshot,
        "forced": head.forced,
        "documents": head.documents,
        **({"seeds": dict(head.seeds)} if head.seeds else {}),
        "canaries": list(head.canaries),
        "collections": _shown(head.read),
        "views": _shown(views),
    }
    return json.dumps(receipt)


def _shown(sums: Mapping[str, Sum]) -> dict[str, Any]:
    return {name: {"count": count, "hash": f"{hashed:032x}"} for name, (count, hashed) in sorted(sums.items())}
