"""assemble on a drained engine: what a record is made of is kept, and changed only where messages say so.

Between two batches, what is open is what the root reaches, but where a page of a hot key is still to come. So whether a
document belongs to a slot can be told from the document and the open keys, and only documents that messages name, or
whose key was opened or closed, can come or go. Where a document asks for a key that is not open, or is owed by one that is
(`untold`) while only its departure from another is known, the record holds, and all is found anew.

Law: what is kept is what `record.members` would find, and everything that no open key holds is gone. Content is always the
newest (`paging`), so what was dropped comes back as it is now, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from ...core.change import NEVER, ViewChange
from ...core.collection import members_of
from ...core.fields import Fields
from ...core.native import compiled
from ...core.values import Document, in_path_order
from ...plan.evaluator import Keeps, Kept
from ...plan.keyed import found_by_keys
from ...plan.nodes import OperatorNode, Plan, Slot, View
from ..assemble import Assemble
from ..base import Context, Key, Output, Profile
from ..joins import JoinKey
from ..kept_members import KeptMembers, KeptOver
from ..messages import Answer, Claim, Doc, Message, Rows, Told, Withdrawn
from ..record import Found, Record, members
from ..relay import is_relayed, news_of
from .base import Left, Outlet, Queue, States
from .untold import Untold

Give = Callable[[Record, str, Mapping[Any, Any], Sequence[Any]], None]


class DrainedAssemble(Assemble):
    """One view's assemble, taking whole queues.

    Attributes:
        touched: Root -> record of those that the batch has put new versions into; they are shown with the queue.
    """

    def __init__(self, node: OperatorNode, plan: Plan, profile: Profile) -> None:
        super().__init__(node, plan, profile)
        self._slots_at: dict[str, tuple[Slot, ...]] = {}
        self._made: Kept | None = None
        self._asked = 0
        self.untold = Untold()
        self._awaits_arrivals = False
        self._messages: Sequence[Message] = ()
        self._parked: dict[str, Kept] = {}
        self._shared = _shared(self.view)
        self._by_keys = all(map(found_by_keys, self.view.slots))
        self.touched: dict[Key, Record] = {}
        self._sends_on = self.view.grouped or self.view.owned or self.view.relayed
        self._keeps = cast("Keeps", self.evaluator) if hasattr(self.evaluator, "keep") else None

    def drain(self, queue: Queue, states: States, outlet: Outlet) -> None:
        """See `Drains`."""
        touched, code = self.touched, self.joins.slots_code
        left: Left = []
        for key, messages in queue.items():
            cells = states.get(key)
            record = cells.get("record") if cells is not None else None
            if (
                record.__class__ is Record
                and record.kept is not None
                and _replaced(record, record.kept, messages, code)
            ):
                touched[key] = record
            else:
                touched.pop(key, None)
                left.append((key, messages))
        if touched:
            left += self._show_touched(outlet)
        for root, waiting in left:
            outlet.step(self, root, waiting)

    def _show_touched(self, outlet: Outlet) -> Left:
        """Shows the roots that were touched; those are left whose code raises."""
        touched = self.touched
        give = self._give_to(outlet) if self._sends_on else None
        failed = show(touched, self.view.name, outlet.generation, outlet.outputs, give)
        self.evaluated += len(touched) - len(failed)
        touched.clear()
        return [(key, ()) for key in failed]

    def _give_to(self, outlet: Outlet) -> Give:
        """Hands on what a root shows, where it is not for the sinks alone."""
        view, queues = self.view, outlet.queues

        def give(record: Record, root: str, shown: Mapping[Any, Any], changed: Sequence[Any]) -> None:
            last, record.last = record.last, shown
            record.seq += 1
            for output in changed:
                old, new = last.get(output), shown.get(output)
                if view.grouped:
                    queues[self.fold].setdefault(output, []).append(Rows(root, record.seq, old, new))
                elif view.owned:
                    queues[f"{view.name}.own"].setdefault(output, []).append(Claim(root, record.seq, new))
                else:
                    change = ViewChange(view.name, output, old, new, (outlet.generation, 0, record.seq))
                    outlet.outputs.append(change)
                    if is_relayed(view, change):
                        queues[f"{view.name}.relay"].setdefault(output, []).append(news_of(change))

        return give

    def step(self, key: Key, messages: Sequence[Message], ctx: Context) -> None:
        """Changes what is kept where that can be; else finds all of it anew."""
        assert isinstance(key, str)
        record = Record.of(ctx.get("record"))
        kept = record.kept = record.kept or self._parked.pop(key, None)
        messages = self._without_withdrawn(record, kept, key, messages)
        self._messages = messages
        self._awaits_arrivals = bool(self.untold) and any(self._opens(m) for m in messages)
        goes = kept.__class__ is KeptOver and len(record.reg) > self.profile.page
        if kept is None or not all(_is_news_of_members(m, key) or (goes and isinstance(m, Told)) for m in messages):
            record.kept = None
            ctx.put("record", record)
            super().step(key, messages, ctx)
            return
        ctx.put("record", record)
        if not self._changed(record, kept, key, messages):
            self._tidy(record, key, (), ctx)
            self._show(record, key, ctx)
        elif record.reg[key].fields is None or self.untold.moves(key):
            self._park(record, kept, key, ctx)
        else:
            record.behind = False
            try:
                shown, changed = kept.shown(record.last)
            except Exception:
                self._show(record, key, ctx)
            else:
                self.evaluated += 1
                if changed:
                    self._emit(record, key, shown, changed, ctx)

    def _park(self, record: Record, kept: Kept, root: str, ctx: Context) -> None:
        """Keeps what is known of a root that shows nothing new for now: it is on the move, or not there."""
        record.kept = None
        there = record.reg[root].fields is not None
        if not there and record.last:
            self._emit(record, root, {}, list(record.last), ctx)
        if there and isinstance(kept, KeptOver):
            try:
                kept.follow()
            except Exception:
                return  # what raises half-way is evaluated again when the whole is there
        if there or (kept.__class__ is KeptOver and len(record.reg) > self.profile.page):
            self._parked[root] = kept

    def _prepare(self, record: Record, root: str) -> None:
        """Begins to keep what will come to a root page by page."""
        record.kept = None
        found = members(record, root, self.joins) if self._by_keys and len(record.reg) <= self.profile.page else None
        if found is not None:
            try:
                self._evaluate(found)
            except Exception:
                return
            if self._made is not None and self._asked == record.answered_keys:
                self._parked[root] = self._made

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

    def _tidy(self, record: Record, root: str, named: Iterable[str], ctx: Context) -> None:
        reg, owed = record.reg, self.untold.to(root, record) if self.untold else {}
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

    def first(self, record: Record, root: str, found: list[dict[str, Document]], ctx: Context) -> None:
        """Shows a root for the first time; `found`: per slot, the fields of its documents by path."""
        reached = Found(found)
        reached.asked = record.answered_keys
        self._show(record, root, ctx, reached)

    def _show(self, record: Record, root: str, ctx: Context, found: Found | None = None) -> None:
        self._made = None
        there = record.reg.get(root)
        if found is None and there is not None and there.fields is not None and self.untold.moves(root):
            self._prepare(record, root)
            return
        super()._show(record, root, ctx, found)
        settled = self._by_keys and not record.failed and self._asked == record.answered_keys
        record.kept = self._made if settled else None

    def _evaluate(self, found: Found) -> Any:
        self._asked = found.asked
        if not found[0]:
            return {}
        if not self._by_keys:
            return super()._evaluate(found)
        self.evaluated += 1
        if self.over.slots:
            self._made = KeptOver(self.over, found)
            return self._made.shown({})[0]
        slots = {s.name: in_path_order(docs) for s, docs in zip(self.view.slots, found)}
        keeps = self._keeps
        kept = keeps.keep({n: list(docs.items()) for n, docs in slots.items()}) if keeps is not None else None
        self._made = kept or KeptMembers(self.view, self.evaluator, list(slots.values()))
        return self._made.shown({})[0]

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
        if self._awaits_arrivals and any(p not in reg for p in self.untold.to(root, record)):
            return False
        if any(isinstance(m, Answer) and m.weight < 0 and self._is_asked_for(record, kept, m) for m in messages):
            return False
        return all(self._place(record, kept, root, path, before) for path, before in named.items())

    def _opens(self, message: Message) -> bool:
        """Whether a key is opened at which there may be several documents."""
        return isinstance(message, Answer) and message.weight > 0 and self.view.slots[message.slot].kind != "via"

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
        if doc.gone and path in self.untold.to(root, record):
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
            if len(self._slots_at) >= 10_000:
                self._slots_at.clear()
            slots = self._slots_at[collection] = tuple(s for s in self.view.slots if s.collection.matches(path))
        return slots


def _shared(view: View) -> frozenset[int]:
    """The slots whose documents may be those of another slot too."""
    names = {s.index: {c.pattern.rpartition("/")[2] for c in members_of(s.collection)} for s in view.slots}
    return frozenset(i for i, mine in names.items() if any(mine & others for j, others in names.items() if j != i))


def _is_news_of_members(message: Message, root: str) -> bool:
    """Whether a message can change which documents belong to a root, and not whether there is one."""
    if isinstance(message, Told):
        return message.path != root or message.doc.fields is not None
    return isinstance(message, Answer)


def show(touched: dict[Key, Record], view: str, generation: int, outputs: list[Output], give: Give | None) -> list[Key]:
    """Shows what has changed of some roots.

    Args:
        touched: Root -> its record, in which something is kept.
        view: The view's name.
        generation: The first part of view versions.
        outputs: Where view changes go.
        give: Takes what a root shows now and the outputs at which it has changed; view changes are made of them if `None`.

    Returns:
        The roots of which nothing is kept any more, as the view's code raised.
    """
    failed = []
    for key, record in touched.items():
        assert record.kept is not None
        try:
            shown, changed = record.kept.shown(record.last)
        except Exception:
            record.kept = None
            failed.append(key)
            continue
        if changed and give is not None:
            give(record, cast("str", key), shown, changed)
        elif changed:
            last, record.last = record.last, shown
            record.seq += 1
            version = (generation, 0, record.seq)
            outputs.extend(ViewChange(view, o, last.get(o), shown.get(o), version) for o in changed)
    return failed


def _replaced(record: Record, kept: Kept, messages: Sequence[Message], code: str) -> bool:
    """Takes new versions of documents with the same join keys; `False` at the first message that is anything else."""
    reg = record.reg
    for message in messages:
        if message.__class__ is not Told:
            return False
        path, doc = message
        held = reg.get(path)
        if held is None:
            return False
        old, new = held[1], doc[1]
        if (
            old.__class__ is not Fields
            or new.__class__ is not Fields
            or old.joined is not new.joined
            or old.joined is None
        ):
            return False
        if doc[0] > held[0]:
            reg[path] = doc
            joined = new.joined
            assert joined is not None
            kept.replace(joined[0][code], path, new)
    return True


in_python = show
if compiled() is not None:
    show = compiled().show((ViewChange,))
