"""Which slots of a root the documents that messages name belong to, on a drained engine.

Between two batches, what is open is what the root reaches, but where a page of a hot key is still to come. So whether a
document belongs to a slot can be told from the document and the open keys, and only documents that messages name, or
whose key was opened or closed, can come or go. Where a document asks for a key that is not open, or is owed by one that is
(`untold`) while only its departure from another is known, all is found anew.

Law: what is kept is what `record.members` would find, and everything that no open key holds is gone. Content is always the
newest (`paging`), so what was dropped comes back as it is now, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...core.change import NEVER
from ...core.collection import members_of
from ...core.fields import Fields
from ...core.native import compiled
from ...core.values import Document
from ...plan.evaluator import Kept
from ...plan.nodes import OperatorNode, Plan, Slot, View
from ..assemble import Assemble
from ..base import Context, Profile
from ..carried_keys import MAX_COLLECTIONS
from ..joins import JoinKey, has_own_keys
from ..messages import Answer, Doc, Message, Told, Withdrawn
from ..record import Record
from .untold import Untold

LEFT, PLACED, HALF = 0, 1, 2
"""What `place` did: nothing; all; or so much that all must be found anew."""


class Placing(Assemble):
    """The part of a drained assemble that takes documents into a record and what is kept of it.

    Attributes:
        untold: What waits for a page, or for the rest of a large key.
    """

    def __init__(self, node: OperatorNode, plan: Plan, profile: Profile) -> None:
        super().__init__(node, plan, profile)
        self.untold = Untold()
        self._slots_at: dict[str, tuple[Slot, ...]] = {}
        self._awaits_arrivals = False
        self._messages: Sequence[Message] = ()
        self._shared = _shared(self.view)
        others = self.view.slots[1:]
        by_path = all(s.kind == "via" and not has_own_keys(s) for s in others) and not self.joins.below
        self._at_rest = (profile.page, tuple(s.index for s in others), self._asks_of) if by_path else None
        self._asks_at: dict[str, tuple[Any, ...]] = {}

    def _placed(self, record: Record, root: str, messages: Sequence[Message]) -> int:
        """Takes a step's messages into the record and what is kept of it, where nothing is under way.

        Returns:
            `LEFT`: it is left to the step; `PLACED`; `HALF`: all must be found anew.
        """
        if self._at_rest is None or not self.untold.is_quiet:
            return LEFT
        done: int = place(record, root, messages, self._at_rest)
        if done == HALF:
            record.kept = None
            self._begin(messages)
            self._tidy(record, root, (), None)
        return done

    def _asks_of(self, path: str) -> tuple[Any, ...]:
        """The slots that a document may belong to: (slot, ((code of the keys it asks for, slot of those), ...))."""
        collection = path.rpartition("/")[0]
        found = self._asks_at.get(collection)
        if found is None:
            if len(self._asks_at) >= MAX_COLLECTIONS:
                self._asks_at.clear()
            children, code = self.joins.children, self.joins.asked_code
            found = self._asks_at[collection] = tuple(
                (s.index, tuple((code(c), c.index) for c in children[s.index])) for s in self._slots_of(path)
            )
        return found

    def _begin(self, messages: Sequence[Message]) -> None:
        """A step with these messages begins."""
        self._messages = messages
        self._awaits_arrivals = bool(self.untold) and any(self._opens(m) for m in messages)

    def _changed(self, record: Record, kept: Kept, root: str, messages: Sequence[Message]) -> bool:
        """Takes a step's messages into the record and what is kept; `False` where all must be found anew."""
        named: dict[str, Doc | None] = {}
        reg = record.reg
        for message in messages:
            if isinstance(message, Told):
                named.setdefault(message.path, reg.get(message.path))
                record.told(message.path, message.doc)
            elif isinstance(message, Answer):
                for path in (*(p for p, _ in message.members), *(e.path for e in message.left)):
                    named.setdefault(path, reg.get(path))
                record.answered(message)
                for path in self._found_by(record, kept, message) if message.weight else ():
                    named.setdefault(path, reg.get(path))
        if self._awaits_arrivals and any(p not in reg for p in self.untold.to(record)):
            return False
        if any(isinstance(m, Answer) and m.weight < 0 and self._is_asked_for(record, kept, m) for m in messages):
            return False
        return all(self._place(record, kept, root, path, before) for path, before in named.items())

    def _opens(self, message: Message) -> bool:
        """Whether a key is opened at which there may be several documents, or page by page has been until now."""
        return isinstance(message, Answer) and message.weight >= 0 and self.view.slots[message.slot].kind != "via"

    def _found_by(self, record: Record, kept: Kept, answer: Answer) -> list[str]:
        """The documents that are found by a key that was opened or closed, as far as the record knows them."""
        slot, asked = self.view.slots[answer.slot], (answer.slot, answer.key)
        if slot.kind == "via" and isinstance(answer.key, str):
            return [answer.key]
        if answer.weight < 0:
            return [p for p in kept.paths(answer.slot) if asked in (record.reg[p].keys or ())]
        # An answer names all, but those that the key has lost, which the record knows from another slot.
        return [p for p, d in record.reg.items() if asked in (d.keys or ())] if slot.index in self._shared else []

    def _place(self, record: Record, kept: Kept, root: str, path: str, before: Doc | None) -> bool:
        """Puts a document into the slots that it belongs to, and drops it where nothing asks for it.

        Returns:
            Whether what is open may still be what the root reaches.
        """
        doc = record.reg.get(path)
        if doc is None:
            return True
        for slot in self._slots_of(path):
            belongs = doc.fields is not None and self._belongs(record, slot, root, path, doc, doc.fields)
            if not self._is_settled(record, slot, path, before, doc if belongs else None):
                return False
            if belongs:
                assert doc.fields is not None
                kept.put(slot.index, path, doc.fields)
            elif slot.kind != "root":
                kept.drop(slot.index, path)
        if doc.gone and path in self.untold.to(record):
            return False
        if record.covered(path, doc, root, self.joins):
            return True
        del record.reg[path]
        return not any(s.kind == "via" and record.is_open(s.index, path) for s in self.view.slots)

    def _is_settled(self, record: Record, slot: Slot, path: str, before: Doc | None, now: Doc | None) -> bool:
        """Whether what a document of a slot asks for is open, and what it did ask for is not, where others may say so."""
        for child in self.joins.children[slot.index]:
            if not child.fused:
                keys, lost = (
                    () if doc is None or doc.fields is None else self.joins.parent_keys(child, path, doc.fields)
                    for doc in (now, before)
                )
                if not all(record.is_open(child.index, k) for k in keys):
                    return False
                if self._lags(slot) and any(record.is_open(child.index, k) for k in lost if k not in keys):
                    return False
        return True

    def _is_asked_for(self, record: Record, kept: Kept, answer: Answer) -> bool:
        """Whether a key is closed for which a document asks that another key has told newer content of."""
        child = self.view.slots[answer.slot]
        documents = kept.paths(child.parent) if self._lags(self.view.slots[child.parent]) else ()
        return any(
            (doc := record.reg[p]).fields is not None and answer.key in self.joins.parent_keys(child, p, doc.fields)
            for p in documents
            if p in record.reg
        )

    def _lags(self, slot: Slot) -> bool:
        """Whether several keys tell of a document of a slot, so that one may do it before another one has: in a round."""
        return bool(self.untold.rounds) and self._is_told_by_several(slot)

    def _is_told_by_several(self, slot: Slot) -> bool:
        return slot.index in self._shared or (slot.kind in ("by", "on") and not slot.fused)

    def _belongs(self, record: Record, slot: Slot, root: str, path: str, doc: Doc, fields: Document) -> bool:
        if slot.kind == "root":
            return path == root
        if slot.kind == "via":
            return record.is_open(slot.index, path) and self.joins.counts(slot.index, path, fields)
        keys = [k for i, k in doc.keys or () if i == slot.index]
        return root in keys if slot.fused else any(record.is_open(slot.index, k) for k in keys)

    def _slots_of(self, path: str) -> tuple[Slot, ...]:
        collection = path.rpartition("/")[0]
        slots = self._slots_at.get(collection)
        if slots is None:
            if len(self._slots_at) >= MAX_COLLECTIONS:
                self._slots_at.clear()
            slots = self._slots_at[collection] = tuple(s for s in self.view.slots if s.collection.matches(path))
        return slots

    def _tidy(self, record: Record, root: str, named: Iterable[str], ctx: Context | None) -> None:
        reg, owed = record.reg, self.untold.to(record) if self.untold else {}
        if self._awaits_arrivals:
            reg.update({p: Doc(NEVER, None, d.keys) for p, d in owed.items() if p not in reg})
        for path in list(reg) if self.untold else self._doubtful(record):
            doc = reg.get(path)
            if doc is None:
                continue
            if doc.gone and path in owed:
                reg[path] = Doc(doc.version, None, owed[path].keys)
            elif not record.covered(path, doc, root, self.joins):
                del reg[path]

    def _doubtful(self, record: Record) -> dict[str, None]:
        """The documents that a step's messages may have left without a key that holds them; all others have theirs."""
        found: dict[str, None] = {}
        closed: set[tuple[int, JoinKey]] = set()
        for message in self._messages:
            if isinstance(message, Told):
                found[message.path] = None
            elif isinstance(message, Answer):
                found.update(dict.fromkeys((*(p for p, _ in message.members), *(e.path for e in message.left))))
                if message.weight < 0:
                    closed.add((message.slot, message.key))
        found.update(dict.fromkeys(str(k) for i, k in closed if self.view.slots[i].kind == "via"))
        if any(self.view.slots[i].kind != "via" for i, _ in closed):
            found.update(dict.fromkeys(p for p, d in record.reg.items() if d.keys and not closed.isdisjoint(d.keys)))
        return found

    def _without_withdrawn(
        self, record: Record, kept: Kept | None, root: str, messages: Sequence[Message]
    ) -> Sequence[Message]:
        """Drops the documents that keys have withdrawn, but those that another key holds; gives the other messages."""
        withdrawn = [m for m in messages if isinstance(m, Withdrawn)]
        if not withdrawn:
            return messages
        for slot, key, paths in withdrawn:
            for path in paths:
                doc = record.reg.get(path)
                if doc is not None and not self._is_held_elsewhere(record, path, doc, root, (slot, key)):
                    del record.reg[path]
                    if kept is not None:
                        for each in self._slots_of(path):
                            kept.drop(each.index, path)
        return [m for m in messages if not isinstance(m, Withdrawn)]

    def _is_held_elsewhere(self, record: Record, path: str, doc: Doc, root: str, key: tuple[int, JoinKey]) -> bool:
        others = doc._replace(keys=tuple(k for k in doc.keys or () if k != key))
        return not doc.gone and record.covered(path, others, root, self.joins)


def _shared(view: View) -> frozenset[int]:
    """The slots whose documents may be those of another slot too."""
    names = {s.index: {c.pattern.rpartition("/")[2] for c in members_of(s.collection)} for s in view.slots}
    return frozenset(i for i, mine in names.items() if any(mine & others for j, others in names.items() if j != i))


def place(record: Record, root: str, messages: Sequence[Message], at_rest: tuple[Any, ...]) -> int:
    """Leaves all to the step."""
    return LEFT


in_python = place
if compiled() is not None:
    place = compiled().place((Fields, Doc, Told, Answer, Record))
