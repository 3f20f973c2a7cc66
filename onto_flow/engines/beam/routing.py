"""Which documents travel to which shard of roots: semi-joins, slot by slot, without Beam.

The roots of a view are dealt to shards by the hash of their paths. A root asks for documents of its slots at keys; what is
asked for at a key, and the documents that are found at it, meet at the key's own shard (a *hop*), from which each
document goes to every shard of roots that asked for it, and asks on for the slots behind it. So each shard of roots gets
all documents that its roots lead to, and the bulk build computes it alone.

Law: what a shard gets holds every document of every slot of its own roots. Others do not matter: the bulk build finds by
keys what belongs to a root, and evaluates the shard's own roots alone.

What goes to one target is packed (`parcels`); a document is encoded once, where it is read, and is carried as bytes from
there on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ...core.change import Change, DeadLetter
from ...core.values import Document
from ...formats.native.values import value_decoder, value_encoder
from ...operators.ingest import misread
from ...operators.joins import JoinKey, Joins
from ...plan.nodes import Plan, Slot, View
from ..bulk import misreading
from .parcels import ASKED, DOCUMENTS, FOUND, ONLY, PACKED, RECORDS, ROOTS, Packed, Parcels, shard_of

MANY = 50_000
"""What is asked for at so many keys of a slot is gathered before it is packed: many roots ask for the same."""

MAX_COLLECTIONS = 10_000

_encode, _decode = value_encoder(), value_decoder()

Asks = tuple[tuple[JoinKey, ...], ...]
"""For each slot behind a slot, the keys at which a document asks for its documents."""

Place = Callable[[str, Document], None]


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


class _Ways:
    """Where the keys of one view's slots meet, and what is asked for there."""

    def __init__(self, view: View, number: int, shards: int) -> None:
        self.joins, self.shards = Joins(view), shards
        self.depths = depths(view)
        self.names = [[f"{number}/{s.index}/{h}".encode() for h in range(shards)] for s in view.slots]
        self._asked: list[dict[JoinKey, set[int]]] = [{} for _ in view.slots]

    def asks(self, slot: int, path: str, fields: Document) -> Asks:
        """The keys at which a document of a slot asks on."""
        joins = self.joins
        return tuple([joins.parent_keys(child, path, fields) for child in joins.children[slot]])

    def ask(self, slot: int, asks: Asks, roots: Iterable[int]) -> None:
        """Notes that shards of roots ask for what is behind a slot."""
        for child, keys in zip(self.joins.children[slot], asks):
            asked = self._asked[child.index]
            for key in keys:
                found = asked.get(key)
                if found is None:
                    asked[key] = {*roots}
                else:
                    found.update(roots)

    def tell(self, parcels: Parcels, more_than: int = 0) -> None:
        """Hands on what is asked for, slot by slot, where that is more than so many keys."""
        for slot, asked in enumerate(self._asked):
            if len(asked) > more_than:
                shards = self.shards
                waiting = [parcels.of(self.depths[slot], name, ASKED) for name in self.names[slot]]
                for key, roots in asked.items():
                    waiting[shard_of(key, shards)].append((key, [*roots]))
                self._asked[slot] = {}


class Router:
    """Deals documents, as they are read, to hops and to shards of roots.

    Args:
        plan: What is computed.
        shards: How many shards of roots, and of keys; with one, every document goes to it and nobody asks for anything.

    Attributes:
        letters: One for each document that user code cannot read; with one shard the bulk build finds them.
    """

    def __init__(self, plan: Plan, shards: int) -> None:
        self._plan, self._shards = plan, shards
        self._ways = [_Ways(view, number, shards) for number, view in enumerate(plan.views)] if shards > 1 else []
        self._places: dict[str, list[Place]] = {}
        self._parcels, self._taken = Parcels(), 0
        self._read_by = misreading(plan) if shards > 1 else []
        self.letters: list[DeadLetter] = []

    def take(self, changes: Sequence[Change]) -> Iterable[Packed]:
        """Takes documents; gives what is much."""
        known = self._places
        for change in changes:
            path, fields = change[0], change[2]
            if fields is not None:
                parent = path.rpartition("/")[0]
                places = known.get(parent)
                if places is None:
                    places = self._found(parent)
                for place in places:
                    place(path, fields)
                if self._read_by and places:
                    self._look(path, fields)
        self._taken += len(changes)
        if self._taken < RECORDS:
            return ()
        self._taken = 0
        for ways in self._ways:
            ways.tell(self._parcels, MANY)
        return self._parcels.take(RECORDS)

    def _look(self, path: str, fields: Document) -> None:
        letter = misread(self._read_by, path, fields)
        if letter is not None:
            self.letters.append(letter)

    def rest(self) -> Iterator[Packed]:
        """All that is left."""
        for ways in self._ways:
            ways.tell(self._parcels)
        return self._parcels.take()

    def _found(self, parent: str) -> list[Place]:
        """A collection matches by what is above an id, so any id stands for all."""
        if len(self._places) >= MAX_COLLECTIONS:
            self._places.clear()
        path = f"{parent}/x"
        found: list[Place]
        if self._shards == 1:
            wanted = any(s.collection.matches(path) for v in self._plan.views for s in v.slots)
            found = [self._only()] if wanted else []
        else:
            found = [
                self._root(ways) if slot.index == 0 else self._document(ways, slot)
                for ways in self._ways
                for slot in ways.joins.slots
                if slot.collection.matches(path)
            ]
        self._places[parent] = found
        return found

    def _only(self) -> Place:
        put = self._parcels.of(ROOTS, ONLY, DOCUMENTS).append
        return lambda path, fields: put((path, None, fields))

    def _root(self, ways: _Ways) -> Place:
        shards = self._shards
        puts = [self._parcels.of(ROOTS, name, DOCUMENTS).append for name in ways.names[0]]

        def place(path: str, fields: Document) -> None:
            shard = shard_of(path, shards)
            puts[shard]((path, None, fields))
            ways.ask(0, ways.asks(0, path, fields), (shard,))

        return place

    def _document(self, ways: _Ways, slot: Slot) -> Place:
        shards, joins, index = self._shards, ways.joins, slot.index
        names, level = ways.names[index], ways.depths[index]
        puts = [self._parcels.of(level, name, FOUND).append for name in names]
        asks, doc_keys = ways.asks, joins.doc_keys
        asks_on, names_roots = bool(joins.children[index]), slot in joins.below

        def place(path: str, fields: Document) -> None:
            keys = doc_keys(slot, path, fields)
            if keys:
                raw = _encode((path, None, fields))
                asked = asks(index, path, fields) if asks_on else ()
                for key in keys:
                    shard = shard_of(key, shards)
                    puts[shard]((key, asked, raw))
                    if names_roots:  # the root may not exist, and then asks for what its path alone asks for
                        ways.ask(0, asks(0, str(key), {}), (shard,))

        return place


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
            if data[:1] == ASKED:
                for key, roots in _decode(data, 1):
                    asked.setdefault(key, set()).update(roots)
        puts = [parcels.of(ROOTS, name, PACKED).append for name in ways.names[0]]
        asks_on = bool(ways.joins.children[slot])
        for data in values if asked else ():
            if data[:1] == FOUND:
                for key, asks, raw in _decode(data, 1):
                    roots = asked.get(key)
                    if roots is not None:
                        for root in roots:
                            puts[root](raw)
                        if asks_on:
                            ways.ask(slot, asks, roots)
                yield from parcels.take(RECORDS)
        ways.tell(parcels)
        yield from parcels.take()
