"""Roots that know a part of a key with many documents: those up to a path.

The part of a root that came to the key grows page by page; that of a root which has gone shrinks, and it may turn round at
any time. In between the root's record holds (`untold`), so its view document goes from one whole state to the next.

Law: a root with a part is told of every change of a document in it at once, and is subscribed to what these documents ask
for now, and to nothing else for this key.

Example:
    A root comes to a key with three documents, and leaves it after one page:

        >>> docs = dict.fromkeys(("seats/1", "seats/2", "seats/3"))
        >>> parts = Parts()
        >>> parts.begin("halls/h", whole=False)
        >>> parts.take("halls/h", docs, 2, grows=True), parts.knows("halls/h", "seats/2"), parts.knows("halls/h", "seats/3")
        (['seats/1', 'seats/2'], True, False)
        >>> parts.take("halls/h", docs, 2, grows=False), "halls/h" in parts
        (['seats/2', 'seats/1'], False)
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from typing import Any

from .editions import Editions

_ALL = "\U0010ffff"
"""Above all paths."""


class Parts:
    """The roots of one key that know a part of its documents; the first of them is the next to be told.

    Args:
        known: (root, the last path that it knows).
    """

    __slots__ = ("_known", "_order", "turn")

    def __init__(self, known: Iterable[tuple[str, str]] = ()) -> None:
        self._known = dict(known)
        self._order: list[str] | None = None
        self.turn = True

    def pack(self) -> tuple[Any, ...]:
        """The parts as a form of `core.codec`."""
        return tuple(self._known.items())

    def __bool__(self) -> bool:
        return bool(self._known)

    def __contains__(self, root: object) -> bool:
        return root in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def begin(self, root: str, *, whole: bool) -> None:
        """A root came and knows nothing, or goes and knows the whole."""
        self._known[root] = _ALL if whole else ""

    def knows(self, root: str, path: str) -> bool:
        """Whether a document is in the part of a root."""
        return path <= self._known[root]

    def came(self, path: str) -> None:
        """A document came to the key."""
        if self._order is not None:
            at = bisect_left(self._order, path)
            if self._order[at : at + 1] != [path]:
                insort(self._order, path)

    def take(self, root: str, docs: Iterable[str], most: int, *, grows: bool) -> list[str]:
        """The documents that come to the part of a root next, or go from it; it has none any more when that was all.

        Args:
            root: The root.
            docs: The documents of the key.
            most: How many at most.
            grows: Whether they come.
        """
        if self._order is None:
            self._order = sorted(docs)
        members: Any = docs
        order, found = self._order, list[str]()
        at = bisect_right(order, self._known[root])
        while len(found) < most and (at < len(order) if grows else at):
            at -= not grows
            if order[at] in members:
                found.append(order[at])
            at += grows
        self._known[root] = order[at - 1] if at else ""
        if at == (len(order) if grows else 0):
            del self._known[root]
        if not self._known:
            self._order = None
        return found


class Turns:
    """What a key tells page by page: changes to many roots, and many documents to some.

    Attributes:
        last: The edition of the last round that is over, where some root may still be marked with one.
    """

    __slots__ = ("editions", "last", "parts")

    def __init__(self, editions: Editions | None, parts: Parts, last: int = 0) -> None:
        self.editions, self.parts, self.last = editions, parts, last

    @classmethod
    def of(cls, held: Any, subs: Any) -> Turns:
        """What a value cell holds."""
        if isinstance(held, Turns):
            return held
        pair = isinstance(held, tuple) and len(held) == 2
        round_, parts = held if pair else (held, ())
        found = Parts(parts)
        if isinstance(round_, int):
            return cls(None, found, round_)
        return cls(Editions.of(round_, subs), found)

    def held(self) -> Turns | Editions | int | None:
        """What a value cell is to hold."""
        return self if self.parts else self.editions or self.last or None

    def pack(self) -> tuple[Any, ...]:
        """Both as a form of `core.codec`; the number of the last round where there is none."""
        round_ = self.last or None if self.editions is None else self.editions.pack()
        return (round_, self.parts.pack())
