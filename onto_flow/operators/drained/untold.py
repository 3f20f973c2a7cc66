"""What the keys of a view's slots still owe to roots: members that wait for a page.

A root that has not had its page may learn, from another key, that a document has gone from there, or come to a key which it
has left. If it is a member of a hot key of the root now, the root must not show that it is nowhere: it holds until its page.

Law: what a key owes is a member of it now, so its content is the newest; a root that is active there and knows nothing of
the document will be told. Derived from the rounds that are under way; never written down.
"""

from __future__ import annotations

from ..joins import JoinKey
from ..messages import Doc
from ..record import Record
from .parts import Parts


class Untold:
    """Of one view; its match operators say what they owe, its assemble asks.

    Attributes:
        rounds: The keys that have a round; where there is none, what is open is what documents ask for, as they are now.
    """

    def __init__(self) -> None:
        self.rounds: set[tuple[int, JoinKey]] = set()
        self._parts: dict[tuple[int, JoinKey], Parts] = {}
        self._docs: dict[tuple[int, JoinKey], dict[str, Doc]] = {}

    def __bool__(self) -> bool:
        return bool(self._docs)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is under way: no round, and no root that knows a part of a key."""
        return not (self.rounds or self._parts or self._docs)

    def goes_on(self, slot: int, key: JoinKey, round_: bool) -> None:
        """Whether a key of a slot has a round from now on."""
        if round_:
            self.rounds.add((slot, key))
        else:
            self.rounds.discard((slot, key))

    def parts(self, slot: int, key: JoinKey, parts: Parts) -> None:
        """The roots that know a part of a key of a slot from now on."""
        if parts:
            self._parts[slot, key] = parts
        else:
            self._parts.pop((slot, key), None)

    def moves(self, root: str) -> bool:
        """Whether a root knows a part of some key only: it shows what it showed, if it is there."""
        return any(root in parts for parts in self._parts.values())

    def owe(self, slot: int, key: JoinKey, docs: dict[str, Doc]) -> None:
        """What a key of a slot owes from now on."""
        if docs:
            self._docs[slot, key] = docs
        else:
            self._docs.pop((slot, key), None)

    def to(self, record: Record) -> dict[str, Doc]:
        """What is owed to a root, whether it knows an older version or none: path -> the document as it is now."""
        open_keys = [docs for (slot, key), docs in self._docs.items() if record.is_open(slot, key)]
        return {path: doc for docs in open_keys for path, doc in docs.items()}
