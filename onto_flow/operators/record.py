"""The record of one view document: a small database around its root, and what was last shown of it.

Law: one register per path, holding the highest version that was heard of; membership is never stored, it is derived by
following references from the root.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from ..core.change import NEVER
from ..core.compact import new_map
from ..core.fields import Fields
from ..core.values import Document
from ..plan.evaluator import Kept
from ..plan.nodes import Slot
from .joins import JoinKey, Joins
from .messages import Answer, Doc, Left


class Record:
    """The state of assemble for one root.

    Attributes:
        reg: path -> its register.
        due: path -> when a register that nothing asks for may go.
        open: slot -> key -> sum of the weights of its answers; positive: answered.
        last: output path or group -> what was emitted.
        seq: How many times it emitted: the last part of view versions.
        failed: Whether user code failed on its present documents, so that `last` is out of date.
        behind: Whether it changed while nothing may be published.
        kept: What is kept of it in memory between two steps (`operators.kept_members`); never written down.
        written: What of it is written down, as `operators.written` marks it; `None`: nothing that can be compared.
        asked: Slot, key, slot, key: what changed of `open` since it was written down.
        missing: A slot and a key of it that was asked for and not answered when `members` last looked; never written down.
        awaited: Slots and keys of them that what is kept asks for and that are not answered; never written down.
        settled: Whether every register is known to be covered; never written down.
        layout: The bytes that it was written as, and where its registers stand in them, where an engine has noted it there.
    """

    __slots__ = (
        "asked",
        "awaited",
        "behind",
        "due",
        "failed",
        "kept",
        "last",
        "layout",
        "missing",
        "open",
        "reg",
        "seq",
        "settled",
        "written",
    )

    def __init__(self) -> None:
        self.reg: dict[str, Doc] = new_map()
        self.due: dict[str, int] = new_map()
        self.open: dict[int, dict[JoinKey, int]] = new_map()
        self.last: Mapping[Any, Any] = new_map()
        self.seq = 0
        self.failed = False
        self.behind = False
        self.kept: Kept | None = None
        self.written: list[Any] | None = None
        self.asked: list[Any] | None = None
        self.missing: tuple[int, JoinKey] | None = None
        self.awaited: dict[tuple[int, JoinKey], None] | None = None
        self.settled = False
        self.layout: tuple[bytes, bytes] | None = None

    def pack(self) -> tuple[Any, ...]:
        """The record as a form of `core.codec`."""
        return (
            tuple([(p, version, fields, keys) for p, (version, fields, keys) in self.reg.items()]),
            tuple(self.due.items()),
            tuple([(s, k, w) for s, keys in self.open.items() for k, w in keys.items()]),
            tuple(self.last.items()),
            self.seq,
            self.failed,
            self.behind,
        )

    @classmethod
    def of(cls, held: Any) -> Record:
        """The record that a value cell holds, or a new one."""
        if isinstance(held, Record):
            return held
        record = cls()
        if held is not None:
            reg, due, opened, last, record.seq, record.failed, record.behind = held
            record.reg = new_map({p: Doc(v, f, k) for p, v, f, k in reg})
            record.due = dict(due)
            for slot, key, weight in opened:
                record.open.setdefault(slot, new_map())[key] = weight
            record.last = new_map(dict(last))
        return record

    def told(self, path: str, doc: Doc) -> bool:
        """Takes a document: the highest version wins, and an equal one replaces *gone*. Returns whether it was news."""
        held = self.reg.get(path)
        if held is None or held.version < doc.version or (held.version == doc.version and held.gone and not doc.gone):
            self.reg[path] = doc
            return True
        return False

    def answered(self, answer: Answer) -> list[str]:
        """Takes an answer, a page or the end of one; the paths that it named."""
        if answer.weight and self.written is not None:
            self.asked = self.asked or []
            self.asked += (answer.slot, answer.key)
        if answer.weight < 0:
            self.settled = False
        keys = self.open.get(answer.slot)
        if keys is None:
            keys = self.open[answer.slot] = new_map()
        weight = keys.get(answer.key, 0) + answer.weight
        if weight:
            keys[answer.key] = weight
        else:
            keys.pop(answer.key, None)
            if not keys:
                del self.open[answer.slot]
        for path, doc in answer.members:
            self.told(path, doc)
        for left in answer.left:
            self._departed(left)
        return [p for p, _ in answer.members] + [e.path for e in answer.left]

    def would_only_add(self, answer: Answer) -> bool:
        """Whether an answer brings nothing but documents that are not there yet."""
        return answer.weight > 0 and not answer.left and not any(path in self.reg for path, _ in answer.members)

    def _departed(self, left: Left) -> None:
        held = self.reg.get(left.path)
        if held.version < left.version if held is not None else left.young:
            self.reg[left.path] = Doc(left.version, None, left.keys)

    @property
    def answered_keys(self) -> int:
        """How many keys have answers, of all slots."""
        return sum(map(len, self.open.values()))

    def is_open(self, slot: int, key: JoinKey) -> bool:
        """Whether a key of a slot has been answered, and the answer has not ended."""
        keys = self.open.get(slot)
        return keys is not None and keys.get(key, 0) > 0

    def covered(self, path: str, doc: Doc, root: str, joins: Joins) -> bool:
        """Whether news of this document is sure to come: it is the root, or an open key holds it; never when gone."""
        if path == root:
            return True
        if doc.gone:
            return False
        for at, key in doc.keys or ():
            if self.is_open(at, key):
                return True
        opened = self.open
        for slot in joins.slots[1:]:
            if slot.kind == "via":
                keys = opened.get(slot.index)
                if keys is not None and keys.get(path, 0) > 0:
                    return True
            elif slot.fused and (slot.index, root) in (doc.keys or ()):
                return True
        return False

    def all_covered(self, paths: Iterable[str], root: str, joins: Joins) -> bool:
        """Whether some of the documents are `covered`."""
        reg = self.reg
        return all(p == root or (d := reg.get(p)) is None or self.covered(p, d, root, joins) for p in paths)

    def uncovered(self, root: str, joins: Joins) -> list[str]:
        """The documents that are not `covered`."""
        reached = {
            k for s in joins.slots if s.kind == "via" for k, w in self.open.get(s.index, _NO_KEYS).items() if w > 0
        }
        reached.add(root)
        return [
            p
            for p, d in self.reg.items()
            if (p not in reached or (d.gone and p != root)) and not self.covered(p, d, root, joins)
        ]

    @property
    def worth_keeping(self) -> bool:
        """Whether there is anything to remember; the sequence number outlives everything else."""
        return bool(self.seq or self.reg or self.open or self.last)


_NO_KEYS: dict[JoinKey, int] = {}

HOLD = None
"""What `members` gives while an answer is under way."""


class Found(list[dict[str, Document]]):
    """The documents of each slot.

    Attributes:
        asked: How many keys they ask for.
        joined: Slot -> all documents that were joined to it, where it holds only some of them or in another order.
    """

    asked = 0

    def __init__(self, slots: Iterable[dict[str, Document]] = ()) -> None:
        super().__init__(slots)
        self.joined: dict[int, dict[str, Document]] = {}


def members(record: Record, root: str, joins: Joins) -> Found | None:
    """Per slot, path -> fields of its documents; `HOLD` (`None`) while a key is unanswered or a document's content unknown.

    The root's slot is empty when there is no such document, and none below it that makes a phantom of it. Of the unanswered
    keys that it asks for, the one that is asked for last is noted (`Record.missing`): answers mostly come in that order.
    """
    found = Found([{} for _ in joins.slots])
    record.missing = None
    doc = record.reg.get(root)
    if doc is not None and doc.gone:
        return HOLD
    if doc is not None and doc.fields is not None and joins.counts(0, root, doc.fields):
        found[0] = {root: doc.fields}
    elif joins.below:
        below = [_by_key(record, slot, {root: None}) for slot in joins.below]
        if any(docs is HOLD for docs in below):
            return HOLD
        found[0] = {root: {}} if any(below) else {}
    if not found[0]:
        return found
    for slot in joins.slots[1:]:
        if record.missing is not None and slot.parent:
            continue
        parents = found[slot.parent]
        asks, keys = joins.asks[slot.index], dict[JoinKey, None]()
        for p, f in parents.items():
            for k in joins.parent_keys(slot, p, f) if f.__class__ is Fields else asks(p, f):
                keys[k] = None
        if not slot.fused:
            answered = record.open.get(slot.index) or {}
            missing = next((k for k in reversed(keys) if answered.get(k, 0) <= 0), None)
            if missing is not None:
                record.missing = (slot.index, missing)
            found.asked += len(keys)
        if record.missing is not None:
            continue
        docs = _by_path(record, keys, slot, joins) if slot.kind == "via" else _by_key(record, slot, keys)
        if docs is HOLD:
            return HOLD
        selected = found[slot.index] = joins.selected(slot, docs, parents)
        if selected is not docs:
            found.joined[slot.index] = docs
    return found if record.missing is None else HOLD


def _by_path(record: Record, keys: Iterable[JoinKey], slot: Slot, joins: Joins) -> dict[str, Document] | None:
    docs: dict[str, Document] = {}
    some_count = slot.until is not None or joins.selection(slot) is not None
    for key in cast("Iterable[str]", keys):
        doc = record.reg.get(key)
        if doc is None:
            return HOLD
        _, fields, own = doc
        if fields is None:
            if own is not None:
                return HOLD
        elif not some_count or joins.counts(slot.index, key, fields):
            docs[key] = fields
    return docs


def _by_key(record: Record, slot: Slot, keys: dict[JoinKey, None]) -> dict[str, Document] | None:
    docs: dict[str, Document] = {}
    asked = [(slot.index, key) for key in keys]
    only = asked[0] if len(asked) == 1 else None
    wanted = frozenset(asked)
    for path, doc in record.reg.items():
        held = doc.keys
        if held and (only in held if only is not None else not wanted.isdisjoint(held)):
            if doc.fields is None:
                return HOLD
            docs[path] = doc.fields
    return docs


def known_missing() -> Doc:
    """What a register becomes when its content will not come: a document that is not there."""
    return Doc(NEVER, None, None)
