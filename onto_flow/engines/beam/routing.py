"""Which documents travel to which shard of roots: semi-joins, slot by slot, without Beam.

The roots of a view are dealt to shards by the hash of their paths. A root asks for documents of its slots at keys; what is
asked for at a key, and the documents that are found at it, meet at the key's own shard (a *hop*), from which each
document goes to every shard of roots that asked for it, and asks on for the slots behind it. So each shard of roots gets
all documents that its roots lead to, and the bulk build computes it alone.

Law: what a shard gets holds every document of every slot of its own roots. Others do not matter: the bulk build finds by
keys what belongs to a root, and evaluates the shard's own roots alone.

Packed values are the bytes of many records for one target; a document is encoded once, where it is read, and is carried
as bytes from there on.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from ...core.change import Change
from ...core.values import Document
from ...formats.native.values import value_decoder, value_encoder
from ...operators.joins import JoinKey, Joins
from ...plan.nodes import Plan, Slot, View

ROOTS = 0
"""The level of shards of roots; hops have the depth of their slot."""

RECORDS = 2000
"""So many records for one target are packed into one value."""

MAX_COLLECTIONS = 10_000

_DOCUMENTS, _PACKED, _ASKED, _FOUND = b"\0", b"\1", b"\2", b"\3"
_encode, _decode = value_encoder(), value_decoder()

Asks = tuple[tuple[JoinKey, ...], ...]
"""For each slot behind a slot, the keys at which a document asks for its documents."""


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


Place = Callable[[str, Document], None]


def shard_of(key: JoinKey, shards: int) -> int:
    """The shard of a path or key.

    Example:
        >>> shard_of("users/u1", 4) == shard_of("users/u1", 4) < 4
        True
    """
    return zlib.crc32(key.encode() if key.__class__ is str else key) % shards  # type: ignore[arg-type, union-attr]


def depths(view: View) -> list[int]:
    """How many hops each slot is away from the root.

    Example:
        >>> from onto_flow.demo.meeting_room import MeetingSession
        >>> depths(MeetingSession.plan().views[0])
        [0, 1, 1, 2]
    """
    found: list[int] = []
    for slot in view.slots:
        found.append(0 if slot.index == 0 else found[slot.parent] + 1)
    return found


class Parcels:
    """Records that wait to be packed, by target."""

    def __init__(self) -> None:
        self._records: dict[tuple[int, bytes, bytes], list[Any]] = {}
        self._asked: dict[tuple[int, bytes], dict[JoinKey, set[int]]] = {}
        self.full: list[Packed] = []

    def put(self, level: int, target: bytes, form: bytes, record: Any) -> None:
        """Adds a record of some form."""
        held = self._records.get((level, target, form))
        if held is None:
            held = self._records[level, target, form] = []
        held.append(record)
        if len(held) >= RECORDS:
            self.full.append(Packed(level, target, _encode(held, form)))
            self._records[level, target, form] = []

    def ask(self, level: int, target: bytes, key: JoinKey, roots: Iterable[int]) -> None:
        """Notes that shards of roots ask for what lies at a key."""
        asked = self._asked.get((level, target))
        if asked is None:
            asked = self._asked[level, target] = {}
        found = asked.get(key)
        if found is None:
            found = asked[key] = set()
        found.update(roots)
        if len(asked) >= RECORDS:
            self._pack_asked(level, target)

    def _pack_asked(self, level: int, target: bytes) -> None:
        asked = [(key, sorted(roots)) for key, roots in self._asked.pop((level, target)).items()]
        self.full.append(Packed(level, target, _encode(asked, _ASKED)))

    def taken(self) -> list[Packed]:
        """The packed values that are full."""
        full, self.full = self.full, []
        return full

    def rest(self) -> list[Packed]:
        """All that is left, packed."""
        for level, target in list(self._asked):
            self._pack_asked(level, target)
        for (level, target, form), held in self._records.items():
            if held:
                self.full.append(Packed(level, target, _encode(held, form)))
        self._records.clear()
        return self.taken()


class _Ways:
    """Where the keys of one view's slots meet."""

    def __init__(self, view: View, number: int, shards: int) -> None:
        self.joins, self.shards = Joins(view), shards
        self.depths = depths(view)
        self.names = [[f"{number}/{s.index}/{h}".encode() for h in range(shards)] for s in view.slots]

    def asks(self, slot: int, path: str, fields: Document) -> Asks:
        """The keys at which a document of a slot asks on."""
        joins = self.joins
        return tuple(joins.parent_keys(child, path, fields) for child in joins.children[slot])

    def ask(self, parcels: Parcels, slot: int, asks: Asks, roots: Iterable[int]) -> None:
        """Asks for what is behind a slot."""
        for child, keys in zip(self.joins.children[slot], asks):
            names, level = self.names[child.index], self.depths[child.index]
            for key in keys:
                parcels.ask(level, names[shard_of(key, self.shards)], key, roots)


class Router:
    """Deals documents, as they are read, to hops and to shards of roots.

    Args:
        plan: What is computed.
        shards: How many shards of roots, and of keys; with one, every document goes to it and nobody asks for anything.
    """

    def __init__(self, plan: Plan, shards: int) -> None:
        self._plan, self._shards = plan, shards
        self._ways = [_Ways(view, number, shards) for number, view in enumerate(plan.views)] if shards > 1 else []
        self._places: dict[str, list[Place]] = {}
        self.parcels = Parcels()

    def take(self, changes: Iterable[Change]) -> list[Packed]:
        """Takes documents; gives what is full."""
        known = self._places
        for change in changes:
            path, fields = change[0], change[2]
            if fields is not None:
                parent = path.rpartition("/")[0]
                places = known.get(parent)
                for place in self._found(parent) if places is None else places:
                    place(path, fields)
        return self.parcels.taken()

    def _found(self, parent: str) -> list[Place]:
        """A collection matches by what is above an id, so any id stands for all."""
        if len(self._places) >= MAX_COLLECTIONS:
            self._places.clear()
        path = f"{parent}/x"
        found: list[Place]
        if self._shards == 1:
            wanted = any(s.collection.matches(path) for v in self._plan.views for s in v.slots)
            found = [self._only] if wanted else []
        else:
            found = [
                self._root(ways) if slot.index == 0 else self._document(ways, slot)
                for ways in self._ways
                for slot in ways.joins.slots
                if slot.collection.matches(path)
            ]
        self._places[parent] = found
        return found

    def _only(self, path: str, fields: Document) -> None:
        self.parcels.put(ROOTS, ONLY, _DOCUMENTS, (path, None, fields))

    def _root(self, ways: _Ways) -> Place:
        parcels, shards, names = self.parcels, self._shards, ways.names[0]

        def place(path: str, fields: Document) -> None:
            shard = shard_of(path, shards)
            parcels.put(ROOTS, names[shard], _DOCUMENTS, (path, None, fields))
            ways.ask(parcels, 0, ways.asks(0, path, fields), (shard,))

        return place

    def _document(self, ways: _Ways, slot: Slot) -> Place:
        parcels, shards, joins = self.parcels, self._shards, ways.joins
        names, level, index = ways.names[slot.index], ways.depths[slot.index], slot.index

        def place(path: str, fields: Document) -> None:
            keys = joins.doc_keys(slot, path, fields)
            if keys:
                raw, asks = _encode((path, None, fields)), ways.asks(index, path, fields)
                for key in keys:
                    parcels.put(level, names[shard_of(key, shards)], _FOUND, (key, asks, raw))

        return place


ONLY = b"0"
"""The only shard of roots, of all views."""


class Hops:
    """Where documents of a slot meet what asked for them.

    Args:
        plan: What is computed.
        shards: How many.
    """

    def __init__(self, plan: Plan, shards: int) -> None:
        self._ways = [_Ways(view, number, shards) for number, view in enumerate(plan.views)]

    def meet(self, target: bytes, values: Iterable[bytes]) -> Iterator[Packed]:
        """All that came to one shard of a slot's keys -> documents for shards of roots, and what they ask for."""
        number, slot, _ = map(int, target.split(b"/"))
        ways, parcels = self._ways[number], Parcels()
        asked: dict[JoinKey, set[int]] = {}
        for data in values:
            if data[:1] == _ASKED:
                for key, roots in _decode(data, 1):
                    asked.setdefault(key, set()).update(roots)
        names = ways.names[0]
        for data in values if asked else ():
            if data[:1] == _FOUND:
                for key, asks, raw in _decode(data, 1):
                    roots = asked.get(key)
                    if roots is not None:
                        for root in roots:
                            parcels.put(ROOTS, names[root], _PACKED, raw)
                        ways.ask(parcels, slot, asks, roots)
                yield from parcels.taken()
        yield from parcels.rest()


def unpacked(values: Iterable[bytes]) -> Iterator[Change]:
    """The documents of a shard of roots; each begins as a `Change` does: path, before, after."""
    for data in values:
        if data[:1] == _DOCUMENTS:
            yield from _decode(data, 1)
        else:
            yield from map(_decode, _decode(data, 1))


def shard_named(target: bytes) -> tuple[int | None, int]:
    """(number of the view or `None` for all of them, number of the shard) of a shard of roots."""
    if target == ONLY:
        return None, 0
    number, _, shard = target.split(b"/")
    return int(number), int(shard)
