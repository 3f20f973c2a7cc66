"""Which documents a root reaches, followed while messages come in any order: `record.members` need not look for them.

For views whose slots are all found by the paths of their documents, as `drained.placing` is; but here a document may ask
for what is not answered yet. Such keys are noted (`Record.awaited`), and while there is one nothing is shown.

    a meeting asks for another ticket -> the ticket is awaited -> its answer -> its user is awaited -> its answer -> shown

Law: where nothing is awaited, what is kept is what `record.members` finds; else that finds that it has to hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from ..core.values import Document
from ..plan.evaluator import Kept
from .joins import JoinKey, Joins, has_own_keys
from .messages import Answer, Doc, Message, Told
from .record import Record


class Reached:
    """The documents that the roots of one view reach.

    Args:
        joins: Of the view; see `can_be`.
    """

    def __init__(self, joins: Joins) -> None:
        self._joins, self._slots = joins, joins.slots
        self._asks = tuple(tuple((child.index, joins.asks[child.index]) for child in c) for c in joins.children)
        self._asked = tuple((slot.parent, joins.asks[slot.index]) for slot in joins.slots)
        self._found = tuple(slot.index for slot in joins.slots[1:])
        self._slots_at = lru_cache(maxsize=1000)(self._slots_in)

    @staticmethod
    def can_be(joins: Joins) -> bool:
        """Whether all slots are found by paths, and hold all that is found."""
        return joins.asks_by_itself and all(s.kind == "via" and not has_own_keys(s) for s in joins.slots[1:])

    @staticmethod
    def takes(message: Message) -> bool:
        """Whether a message is of a kind that can be followed."""
        if isinstance(message, Told):
            return not message.doc.gone
        if not isinstance(message, Answer):
            return False
        key = message.key
        return not message.left and (not message.members or all(path == key for path, _ in message.members))

    def move(self, record: Record, kept: Kept, message: Message, path: str, before: Doc | None) -> None:
        """Brings what is kept of a record, and what it awaits, in line with a message that the record has taken.

        What is kept goes where that cannot be told.

        Args:
            record: It.
            kept: What is kept of it.
            message: The message.
            path: The document that it is about.
            before: The register of that document before.
        """
        doc = record.reg.get(path)
        try:
            if doc is not before:
                for slot in self._slots_at(path[: path.rfind("/")]):
                    self._renew(record, kept, slot, path, before)
            if isinstance(message, Answer) and self._is_asked(record, kept, message.slot, path, doc):
                if record.awaited:
                    record.awaited.pop((message.slot, path), None)
                self._reach(record, kept, message.slot, path)
        except Exception:
            record.kept = record.awaited = None

    def _slots_in(self, collection: str) -> tuple[int, ...]:
        return tuple(s.index for s in self._slots if s.collection.matches(f"{collection}/x"))

    def _renew(self, record: Record, kept: Kept, slot: int, path: str, before: Doc | None) -> None:
        """A document has another register."""
        doc = record.reg[path]
        if doc.gone:
            raise LookupError(path)
        if not kept.holds(slot, path):
            if slot and doc.fields is not None and self._is_asked(record, kept, slot, path, before):
                self._reach(record, kept, slot, path)
            return
        assert before is not None
        if doc.fields is not None:
            kept.put(slot, path, doc.fields)
        elif slot:
            kept.drop(slot, path)
        else:
            raise LookupError(path)
        for child, asks in self._asks[slot]:
            was, now = asks(path, _fields(before)), () if doc.fields is None else asks(path, doc.fields)
            if was == now:
                continue
            known, wanted = frozenset(was), frozenset(now)
            for key in wanted - known:
                self._reach(record, kept, child, str(key))
            self._lose(record, kept, child, known - wanted)

    def covers(self, record: Record, root: str, path: str, doc: Doc) -> bool:
        """Whether a document is `Record.covered`."""
        if path == root:
            return True
        if doc.fields is None or doc.keys:
            return record.covered(path, doc, root, self._joins)
        opened = record.open
        for slot in self._found:
            keys = opened.get(slot)
            if keys is not None and keys.get(path, 0) > 0:
                return True
        return False

    def _reach(self, record: Record, kept: Kept, slot: int, path: str) -> None:
        """Something asks for a document: it belongs to the slot if it is known, and is awaited if it is not answered."""
        doc = record.reg.get(path)
        if not record.is_open(slot, path):
            record.awaited = record.awaited or {}
            record.awaited[slot, path] = None
        elif doc is None or doc.gone:
            raise LookupError(path)
        if doc is None or doc.fields is None or kept.holds(slot, path):
            return
        kept.put(slot, path, doc.fields)
        for child, asks in self._asks[slot]:
            for key in asks(path, doc.fields):
                self._reach(record, kept, child, str(key))

    def _lose(self, record: Record, kept: Kept, slot: int, keys: Iterable[JoinKey]) -> None:
        """A document does not ask for some others any more; those go that none asks for."""
        for key in keys:
            if not self._any_asks(record, kept, slot, key):
                self._leave(record, kept, slot, str(key))

    def _leave(self, record: Record, kept: Kept, slot: int, path: str) -> None:
        if record.awaited:
            record.awaited.pop((slot, path), None)
        if not kept.holds(slot, path):
            return
        kept.drop(slot, path)
        fields = _fields(record.reg[path])
        for child, asks in self._asks[slot]:
            self._lose(record, kept, child, asks(path, fields))

    def _is_asked(self, record: Record, kept: Kept, slot: int, path: str, doc: Doc | None) -> bool:
        """Whether anything asks for a document, whose register is or was `doc`: if it has fields, it would be there.

        If it has no register, it would be awaited.
        """
        if (record.awaited and (slot, path) in record.awaited) or kept.holds(slot, path):
            return True
        return doc is not None and doc.fields is None and self._any_asks(record, kept, slot, path)

    def _any_asks(self, record: Record, kept: Kept, slot: int, key: JoinKey) -> bool:
        """Whether a document of the parent slot asks for a key."""
        parent, asks = self._asked[slot]
        registers = record.reg
        return any(key in asks(path, _fields(registers[path])) for path in kept.paths(parent))


def _fields(doc: Doc) -> Document:
    assert doc.fields is not None
    return doc.fields
