"""aggregate, keyed by the group: from rows to one document per group.

Law: a group's document is a fold over the rows that its members have there now. Rows are taken back as they were sent,
never as recomputed. Where order per (root, group) is not kept, each member has a register (sequence number, rows), and
the higher number wins; a drained engine retracts `old` and adds `new`, and keeps members only for accumulators that
need them. A group without rows has no document.

Example:
    Two tickets of one organization, of which the first is deleted; changes in -> changes out:

        >>> from onto_flow.core.codec import encode
        >>> from onto_flow.demo.meeting_room import OrganizationLoad
        >>> from onto_flow.testing.one_operator import OneOperator
        >>> load = OneOperator(OrganizationLoad.plan(), "OrganizationLoad.aggregate")
        >>> acme, row = encode(("Acme", "guest")), (True, (None, "Ada"))
        >>> load.step(acme, Rows("tickets/t1", 1, None, (row,)), Rows("tickets/t2", 1, None, ((None, (None, "Bob")),)))
        ... # doctest: +NORMALIZE_WHITESPACE
        organizationLoad/Acme|guest: None ->
            {'organization': 'Acme', 'role': 'guest', 'attending': 1, 'names': ['Ada', 'Bob']}, seq 1
        >>> load.step(acme, Rows("tickets/t1", 2, (row,), None))  # doctest: +NORMALIZE_WHITESPACE
        organizationLoad/Acme|guest: {'organization': 'Acme', 'role': 'guest', 'attending': 1, 'names': ['Ada', 'Bob']} ->
            {'organization': 'Acme', 'role': 'guest', 'attending': 0, 'names': ['Bob']}, seq 2
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..core.change import DeadLetter, ViewChange
from ..core.codec import decode
from ..core.equality import same
from ..core.keys import document_id
from ..core.values import Document
from ..plan.evaluator import Evaluator, Row
from ..plan.nodes import OperatorNode, Plan, TimerKind
from .accumulators import ABELIAN, Abelian, Collect
from .base import Cells, Context, Key, Profile
from .ingest import failure
from .messages import CaughtUp, Message, Republish, Rows

Shown = tuple[str | None, Document | None, int, bool]
"""(path, document, sequence number, failed): what was emitted last; behind rows and states in the value cell."""


class Aggregate:
    """One grouped view's aggregate."""

    def __init__(self, node: OperatorNode, plan: Plan, profile: Profile) -> None:
        self.node = node
        self.profile = profile
        self.view = plan.view(node.view)
        self.evaluator: Evaluator = self.view.code.resolve().evaluator()
        kinds = [a.kind for a in self.view.accumulators]
        self.abelian: dict[int, Abelian] = {i: ABELIAN[k]() for i, k in enumerate(kinds) if k in ABELIAN}
        self.collect = {i: Collect(a) for i, a in enumerate(self.view.accumulators) if i not in self.abelian}
        self.keeps_members = bool(self.collect) or not profile.drained

    def step(self, key: Key, messages: Sequence[Message], ctx: Context) -> None:
        """Takes the rows of members, then shows the group."""
        assert isinstance(key, bytes)
        held = ctx.get("group")
        empty = (0, tuple(a.create() for a in self.abelian.values()), None, None, 0, False)
        size, states, path, document, seq, failed = held or empty
        fold = _Fold(self, size, list(states))
        for message in messages:
            if isinstance(message, Rows):
                self._take(message, fold, ctx)
        if not ctx.silent or any(isinstance(m, CaughtUp) for m in messages):
            path, document, seq, failed = self._show(key, fold, (path, document, seq, failed), ctx)
        for again in {m.path for m in messages if isinstance(m, Republish)}:
            # Not `path`: a group that was made and unmade since the snapshot does not know its own any more.
            seq += 1
            ctx.emit(ViewChange(self.view.name, again, document, document, (ctx.generation, ctx.epoch, seq)))
        ctx.put("group", (fold.size, tuple(fold.states), path, document, seq, failed) if fold.size or seq else None)

    def on_timer(self, key: Key, kind: TimerKind, ctx: Context) -> None:
        """Forgets members that left so long ago that no older message of theirs can be under way."""
        members = ctx.map("members")
        waiting = []
        for root, (_, rows, since) in list(members.items()):
            if rows is None:
                deadline = since + self.profile.keep_left
                if deadline <= ctx.now:
                    del members[root]
                else:
                    waiting.append(deadline)
        if waiting:
            ctx.set_timer("garbage", min(waiting))

    def shown(self, key: Key, cells: Cells) -> Iterable[tuple[str, Document, int]]:
        """See `Shows`."""
        _, _, path, document, seq, *_ = cells.get("group") or (0, (), None, None, 0)
        return [] if path is None or document is None else [(path, document, seq)]

    def _letter(self, key: bytes) -> str:
        return f"view:{self.view.name}:{document_id(decode(key))}"

    def _take(self, message: Rows, fold: _Fold, ctx: Context) -> None:
        old = message.old
        if self.keeps_members:
            members = ctx.map("members")
            held = members.get(message.root)
            if held is not None:
                if held[0] >= message.seq:
                    return
                old = held[1]
            elif not self.profile.drained:
                old = None
            if message.new is None and self.profile.drained:
                members.pop(message.root, None)
            else:
                members[message.root] = (message.seq, message.new, ctx.now)
                if message.new is None:
                    ctx.set_timer("garbage", ctx.now + self.profile.keep_left)
        fold.change(old or (), message.new or ())

    def _show(self, key: bytes, fold: _Fold, shown: Shown, ctx: Context) -> Shown:
        path, last, seq, failed = shown
        try:
            new_path, new = self.evaluator.result(key, fold.results(ctx)) if fold.size else (path, None)
        except Exception as error:
            ctx.emit(failure(self._letter(key), error))
            return path, last, seq, True
        if failed:
            ctx.emit(DeadLetter(self._letter(key), "", cleared=True))
        if new_path is not None and not same(last, new):
            seq += 1
            ctx.emit(ViewChange(self.view.name, new_path, last, new, (ctx.generation, ctx.epoch, seq)))
        return new_path, new, seq, False


class _Fold:
    """The accumulators of one group while a step changes them."""

    def __init__(self, aggregate: Aggregate, size: int, states: list[Any]) -> None:
        self.aggregate, self.size, self.states = aggregate, size, states

    def change(self, old: Sequence[Row], new: Sequence[Row]) -> None:
        """Takes rows back and adds others."""
        self.size += len(new) - len(old)
        for at, (index, accumulator) in enumerate(self.aggregate.abelian.items()):
            state = self.states[at]
            for row in old:
                if row[index] is not None:
                    state = accumulator.retract(state, row[index])
            for row in new:
                if row[index] is not None:
                    state = accumulator.add(state, row[index])
            self.states[at] = state

    def results(self, ctx: Context) -> list[Any]:
        """The results in the order of the view's accumulators."""
        results: list[Any] = [None] * len(self.aggregate.view.accumulators)
        for at, (index, accumulator) in enumerate(self.aggregate.abelian.items()):
            results[index] = accumulator.result(self.states[at])
        if self.aggregate.collect:
            rows = [(root, row) for root, (_, kept, _) in ctx.map("members").items() for row in kept or ()]
            for index, collect in self.aggregate.collect.items():
                results[index] = collect.result([(root, row[index]) for root, row in rows if row[index] is not None])
        return results
