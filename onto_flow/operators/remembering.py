"""assemble where the engine gives back the record that it was given, as long as it can: what was evaluated is kept with it.

A stream's worker keeps the objects of the keys that it had lately. A new version of a document that belongs where it
belonged then changes the row that is made of it, and nothing else is looked at. Where a view's slots are found by paths,
documents that come and go do so in what is kept as well (`reached`). Anything else is left to `Assemble`.

Law: it sends and emits what `Assemble` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from ..core.values import Document, in_path_order
from ..plan.evaluator import Keeps, Kept
from ..plan.keyed import found_by_keys
from ..plan.nodes import OperatorNode, Plan
from .assemble import Assemble
from .base import Context, Key, Profile
from .kept_members import KeptMembers, Shown
from .messages import Answer, Doc, Message, Told
from .plain import Plain, asked_by, is_chosen
from .reached import Reached
from .record import Found, Record

NEWS, SHOWS = 1, 2
"""What `RememberingAssemble.take` tells."""


class RememberingAssemble(Assemble):
    """One view's assemble."""

    def __init__(self, node: OperatorNode, plan: Plan, profile: Profile) -> None:
        super().__init__(node, plan, profile)
        self._keeps = cast("Keeps", self.evaluator) if hasattr(self.evaluator, "keep") else None
        self._can = not self.over.slots and all(found_by_keys(s) for s in self.view.slots)
        self._reached = Reached(self.joins) if self._can and Reached.can_be(self.joins) else None
        self.tells_sinks_alone = not (self.view.grouped or self.view.owned or self.view.relayed)
        self._keeping = False
        self._made: Kept | None = None
        self._slots = lru_cache(maxsize=1000)(self._slots_in)

    def step(self, key: Key, messages: Sequence[Message], ctx: Context) -> None:
        """Changes what is kept where that can be; else all is found anew, and kept if the record came back as it was."""
        held = ctx.get("record")
        self._keeping = self._can and isinstance(held, Record)
        if not self._keeping:
            super().step(key, messages, ctx)
            return
        if not ctx.silent and self.can_follow(held) and all(map(Reached.takes, messages)):
            self.follow(held, cast("str", key), messages, ctx)
            ctx.put("record", held)
            return
        kept, held.kept = held.kept, None
        held.awaited = None
        if kept is not None and not ctx.silent and self._only_ends(held, kept, messages):
            self._take_ends(held, cast("str", key), messages, ctx)
            held.kept = kept
        elif kept is None or ctx.silent or held.due or held.failed or held.behind or not self._in_place(held, messages):
            super().step(key, messages, ctx)
        elif not self._replaced(held, kept, messages):
            held.kept = kept
        else:
            self.show(held, cast("str", key), self._kept_shows(held, kept), ctx)
            ctx.put("record", held)

    def can_follow(self, record: Record) -> bool:
        """Whether `follow` may take messages into a record."""
        follows = record.kept is not None and self._reached is not None and self.relies
        return follows and not (record.failed or record.behind)

    def follow(self, record: Record, root: str, messages: Sequence[Message], ctx: Context) -> None:
        """Takes messages that `Reached` takes into a record, and shows the view where it may be another one."""
        shows = self.take(record, root, messages, ctx.now) & SHOWS
        if record.due:
            ctx.set_timer("garbage", min(record.due.values()))
        if shows:
            self.show(record, root, self.shows(record), ctx)

    def take(self, record: Record, root: str, messages: Sequence[Message], now: int) -> int:
        """Takes messages that `Reached` takes into a record, and into what is kept of it.

        Returns:
            `NEWS`: a document has another register; `SHOWS`: the view may be another one.
        """
        assert self._reached is not None
        reached, awaited, taken = self._reached, bool(record.awaited), 0
        named: list[tuple[str, bool]] = []
        for message in messages:
            if isinstance(message, Told):
                path, ends = message.path, False
                before = record.reg.get(path)
                record.told(path, message.doc)
            else:
                assert isinstance(message, Answer)
                path = str(message.key)
                before = record.reg.get(path)
                ends = not record.answered(message)
                taken |= SHOWS if message.weight > 0 else 0
            named.append((path, ends))
            if record.reg.get(path) is not before:
                taken = NEWS | SHOWS
            if record.kept is not None:
                reached.move(record, record.kept, message, path, before)
        for path, ends in named:
            self._mention(record, root, path, now, ends=ends)
        record.settled = not record.due
        if record.awaited:
            record.missing = next(reversed(record.awaited))
            return taken & NEWS
        record.missing = None
        return taken | SHOWS if awaited or record.kept is None else taken

    def shows(self, record: Record) -> Shown | None:
        """What follows from what is kept of a record after `take`; `None`: `show` finds it."""
        kept = record.kept
        if kept is None:
            return None
        kept.settle()
        return self._kept_shows(record, kept)

    def _mention(self, record: Record, root: str, path: str, now: int, *, ends: bool) -> None:
        """What `_tidy` does, where only documents that were named, or whose answers ended, may be asked for otherwise."""
        due, doc = record.due, record.reg.get(path)
        assert self._reached is not None
        if doc is None or self._reached.covers(record, root, path, doc):
            if path in due:
                record.due = {p: at for p, at in due.items() if p != path}
        elif not ends or path not in due:
            due = {**due, path: now + self.profile.keep_uncovered}
            record.due = {p: due[p] for p in record.reg if p in due} if len(due) > 1 else due

    def take_while_it_waits(self, record: Record, answer: Answer) -> bool:
        """See `Assemble`; what is kept follows."""
        before = record.reg.get(cast("str", answer.key))
        if not super().take_while_it_waits(record, answer):
            return False
        if record.kept is not None and self._reached is not None and self.relies:
            self._reached.move(record, record.kept, answer, cast("str", answer.key), before)
        else:
            record.kept = None
        return True

    def _drop(self, record: Record, root: str, ctx: Context) -> bool:
        if record.awaited:
            record.kept = record.awaited = None
        return super()._drop(record, root, ctx)

    def plain(self, path: str) -> Plain | None:
        """What a plain change of the documents of a collection is, by the path of one; `None`: there is none."""
        slots = [self.joins.slots[at] for at in self.slots_of(path)]
        if not self._can or is_chosen(slots):
            return None
        return Plain(asked_by(child for slot in slots for child in self.joins.children[slot.index]))

    def slots_of(self, path: str) -> tuple[int, ...]:
        """The slots in which documents of a path's collection may be."""
        return self._slots(path.rpartition("/")[0])

    def can_change(self, record: Record, path: str) -> bool:
        """Whether `change` may take a plain change of a document of a record."""
        return path not in record.due and not (record.failed or record.behind)

    def change(self, record: Record, path: str, doc: Doc, slots: Sequence[int]) -> Shown | None:
        """Takes a plain change into a record: what it shows now, where that follows from what is kept of it.

        Args:
            record: The record.
            path: Of the document.
            doc: It.
            slots: Those in which documents of its collection may be: `slots_of`.

        Returns:
            See `plan.evaluator.Kept.shown`; nothing of it is emitted yet. `None`: `show` finds it.
        """
        kept, record.kept = record.kept, None
        assert doc.fields is not None
        record.reg[path] = doc
        if kept is None:
            return None
        try:
            kept.replace(slots, path, doc.fields)
            shown = (record.last, ()) if record.awaited else kept.shown(record.last)
        except Exception:
            record.awaited = None
            return None
        self.evaluated += 1
        record.kept = kept
        return shown

    def _kept_shows(self, record: Record, kept: Kept) -> Shown | None:
        """What follows from what is kept of a record; `None` where that fails."""
        try:
            shown = kept.shown(record.last)
        except Exception:
            return None
        self.evaluated += 1
        record.kept = kept
        return shown

    def replaces(self, record: Record, shown: Shown) -> tuple[str, Document, Document] | None:
        """Takes what a record shows, where its one view document has another content, of which sinks alone are told.

        Returns:
            Its path, what it was, and what it is; `None`: it is something else.
        """
        (documents, changed), last = shown, record.last
        if not self.tells_sinks_alone or not len(documents) == len(changed) == len(last) == 1:
            return None
        before, after = last.get(changed[0]), documents.get(changed[0])
        if before is None or after is None:
            return None
        record.last = documents
        record.seq += 1
        return changed[0], before, after

    def show(self, record: Record, root: str, shown: Shown | None, ctx: Context) -> None:
        """Emits what a record shows after `change`, evaluated whole where that did not follow from what is kept."""
        if shown is None:
            self._keeping = True
            self._show(record, root, ctx)
        elif shown[1]:
            self._emit(record, root, *shown, ctx)

    def _in_place(self, record: Record, messages: Sequence[Message]) -> bool:
        """Whether each message is a new content of a document that belongs where it did, and asks for what it did."""
        return all(isinstance(m, Told) and self._stays(record, m) for m in messages)

    def _stays(self, record: Record, message: Told) -> bool:
        path, (_, fields, keys) = message
        held = record.reg.get(path)
        if held is None or held.fields is None or fields is None or held.keys != keys:
            return False
        return all(
            self.joins.parent_keys(child, path, held.fields) == self.joins.parent_keys(child, path, fields)
            for slot in self.slots_of(path)
            for child in self.joins.children[slot]
        )

    def _slots_in(self, collection: str) -> tuple[int, ...]:
        """The slots in which documents of a collection may be."""
        return tuple(s.index for s in self.joins.slots if s.collection.matches(f"{collection}/x"))

    def _replaced(self, record: Record, kept: Kept, messages: Sequence[Message]) -> bool:
        """Takes documents into the record and what is kept of it; whether any was news."""
        news = False
        for message in messages:
            assert isinstance(message, Told)
            path, doc = message
            if record.told(path, doc):
                assert doc.fields is not None
                kept.replace(self.slots_of(path), path, doc.fields)
                news = True
        return news

    def _show(self, record: Record, root: str, ctx: Context, found: Found | None = None) -> None:
        self._made = record.awaited = None
        super()._show(record, root, ctx, found)
        record.kept = None if record.failed else self._made

    def _evaluate(self, found: Found) -> Mapping[Any, Any]:
        if not (self._keeping and found[0]):
            return super()._evaluate(found)
        self.evaluated += 1
        slots = {s.name: in_path_order(docs) for s, docs in zip(self.view.slots, found)}
        kept = None
        if self._keeps is not None:
            kept = self._keeps.keep({name: list(docs.items()) for name, docs in slots.items()})
        self._made = kept or KeptMembers(self.view, self.evaluator, list(slots.values()))
        return self._made.shown({})[0]
