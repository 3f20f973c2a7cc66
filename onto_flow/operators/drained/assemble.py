"""assemble on a drained engine: what a record is made of is kept, and changed only where messages say so.

`placing` says which documents those are. A root that moves with many documents (`parts`) is kept up to date and not shown
until the last page; so is one that is not there, where that is worth it.

Law: what is shown is what the evaluator shows for what `record.members` finds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

from ...core.change import ViewChange
from ...core.fields import Fields
from ...core.values import Document
from ...plan.evaluator import Kept
from ...plan.nodes import OperatorNode, Plan, TimerKind
from ..base import Context, Key, Profile
from ..kept_members import KeptMembers, KeptOver
from ..messages import Answer, Claim, Message, Rows, Told
from ..record import Found, Record, members
from ..relay import is_relayed, news_of
from . import showing
from .base import Left, Outlet, Queue, States
from .keeping import Keeping
from .placing import LEFT, PLACED, Placing
from .showing import Give
from .unsaid import Unsaid


class DrainedAssemble(Placing):
    """One view's assemble, taking whole queues.

    Attributes:
        touched: Root -> record of those that the batch has put new versions into; they are shown with the queue.
        unsaid: What roots show that does not fit a page.
    """

    def __init__(self, node: OperatorNode, plan: Plan, profile: Profile) -> None:
        super().__init__(node, plan, profile)
        self._made: Kept | None = None
        self._asked, self._is_shown = 0, False
        self._parked: dict[str, Kept] = {}
        self.unsaid = Unsaid(profile.page)
        self._keeping = Keeping(self.view, self.joins, self.over, self.evaluator)
        self.touched: dict[Key, Record] = {}
        self._sends_on = self.view.grouped or self.view.owned or self.view.relayed

    def drain(self, queue: Queue, states: States, outlet: Outlet) -> None:
        """See `Drains`."""
        touched = self.touched
        left: Left = []
        for key, messages in queue.items():
            cells = states.get(key)
            record = cells.get("record") if cells is not None else None
            how = self._take_at_once(record, key, messages) if record.__class__ is Record else LEFT
            if how == PLACED:
                touched[key] = cast("Record", record)
            else:
                touched.pop(key, None)
                left.append((key, messages if how == LEFT else ()))
        if touched:
            left += self._show_touched(outlet)
        for root, waiting in left:
            outlet.step(self, root, waiting)

    def _take_at_once(self, record: Record, root: Key, messages: Sequence[Message]) -> int:
        """Takes messages into what is kept of a root, where that can be; see `placing`."""
        if record.kept is None:
            return LEFT
        if _replaced(record, record.kept, messages, self.joins.slots_code):
            return PLACED
        return self._placed(record, cast("str", root), messages)

    def _show_touched(self, outlet: Outlet) -> Left:
        """Shows the roots that were touched; those are left whose code raises."""
        touched = self.touched
        give = self._give_to(outlet) if self._sends_on else None
        failed = showing.show(touched, self.view.name, outlet.generation, outlet.outputs, give)
        self.evaluated += len(touched) - len(failed)
        for root in touched:
            if root in self.unsaid:
                outlet.set_timer(outlet.now, self.node.id, root, "coalesce")
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
        self._begin(messages)
        goes = kept.__class__ is KeptOver and len(record.reg) > self.profile.page
        if kept is None or not all(_is_news_of_members(m, key) or (goes and isinstance(m, Told)) for m in messages):
            record.kept = None
            ctx.put("record", record)
            super().step(key, messages, ctx)
            self._wake(key, ctx)
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
                kept.settle()
                shown, changed = kept.shown(record.last)
            except Exception:
                self._show(record, key, ctx)
            else:
                self.evaluated += 1
                if changed:
                    super()._emit(record, key, shown, changed, ctx)
        self._wake(key, ctx)

    def on_timer(self, key: Key, kind: TimerKind, ctx: Context) -> None:
        """`coalesce`: the next page of what a root shows; see `Assemble` for others."""
        if kind != "coalesce":
            super().on_timer(key, kind, ctx)
            return
        assert isinstance(key, str)
        record, rest = Record.of(ctx.get("record")), self.unsaid.rest(key)
        if rest is not None:
            super()._emit(record, key, *self.unsaid.part(key, record.last, *rest), ctx)
        elif record.kept is None and key not in self._parked and not record.failed:
            self._show(record, key, ctx)
            if not self._is_shown:
                ctx.set_timer("coalesce", ctx.now)
        self._wake(key, ctx)
        ctx.put("record", record if record.worth_keeping else None)

    def resume(self, key: Key, ctx: Context) -> None:
        """After a restart: the next page finds what is to be told."""

    def _wake(self, root: str, ctx: Context) -> None:
        if root in self.unsaid:
            ctx.set_timer("coalesce", ctx.now)

    def _emit(
        self,
        record: Record,
        root: str,
        shown: Mapping[Any, Any],
        changed: Sequence[Any],
        ctx: Context,
        *,
        was_failed: bool = False,
    ) -> None:
        if record.seq and not (was_failed or record.failed):
            shown, changed = self.unsaid.part(root, record.last, shown, changed)
        else:
            self.unsaid.rest(root)
        super()._emit(record, root, shown, changed, ctx, was_failed=was_failed)

    def _park(self, record: Record, kept: Kept, root: str, ctx: Context) -> None:
        """Keeps what is known of a root that shows nothing new for now: it is on the move, or not there."""
        record.kept = None
        there = record.reg[root].fields is not None
        if not there:
            self.unsaid.rest(root)
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
        fits = self._keeping.by_keys and len(record.reg) <= self.profile.page
        found = members(record, root, self.joins) if fits else None
        if found is not None:
            try:
                self._evaluate(found)
            except Exception:
                return
            if self._made is not None and self._asked == record.answered_keys:
                self._parked[root] = self._made

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
            self._is_shown = False
            return
        rest, self._is_shown = self.unsaid.rest(root), False
        super()._show(record, root, ctx, found)
        if rest is not None and not self._is_shown:
            self.unsaid.keep(root, rest)
        settled = self._keeping.by_keys and not record.failed and self._asked == record.answered_keys
        record.kept = self._made if settled else None
        if isinstance(record.kept, KeptMembers | KeptOver):
            record.kept.bounded = partial(self.unsaid.part, root)

    def _evaluate(self, found: Found) -> Any:
        self._asked, self._is_shown = found.asked, True
        if not found[0]:
            return {}
        if not self._keeping.by_keys:
            return super()._evaluate(found)
        self.evaluated += 1
        self._made = self._keeping.made_of(found)
        return self._made.shown({})[0]


def _is_news_of_members(message: Message, root: str) -> bool:
    """Whether a message can change which documents belong to a root, and not whether there is one."""
    if isinstance(message, Told):
        return message.path != root or message.doc.fields is not None
    return isinstance(message, Answer)


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
