"""aggregate, keyed by the group: from rows to one document per group.

Law: a group's document is a fold over the rows that its members have there now. Rows are taken back as they were sent,
never as recomputed. Where order per (root, group) is not kept, each member has a register (sequence number, rows), and
the higher number wins; a drained engine retracts `old` and adds `new`, and has no registers. A group without rows has no
document, and one that `having` refuses has none while it does.

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
from ..plan.evaluator import Evaluator
from ..plan.nodes import OperatorNode, Plan, TimerKind
from .base import Cells, Context, Key, Profile
from .fold import Accumulators, Fold, Indexes
from .ingest import failure
from .messages import CaughtUp, Message, Republish, Rows
from .relay import publish


class Group:
    """The state of one group.

    Attributes:
        size: How many rows it has.
        states: Of its accumulators.
        path: Where its document lies; `None` before it was first shown.
        document: What was emitted last.
        seq: How many times it emitted: the last part of view versions.
        failed: Whether its results could not be shown.
        stale: How many members have the last good rows of failing code in it.
        flagged: Whether what was emitted last was flagged: it is not what the documents say now.
        indexes: Keys of its kept entries in order, where a drained engine has needed them; derived, never kept.
    """

    __slots__ = ("document", "failed", "flagged", "indexes", "path", "seq", "size", "stale", "states")

    def __init__(self, states: list[Any]) -> None:
        self.size = self.seq = self.stale = 0
        self.states = states
        self.path: str | None = None
        self.document: Document | None = None
        self.failed = self.flagged = False
        self.indexes: Indexes = {}

    def pack(self) -> tuple[Any, ...]:
        """The group as a form of `core.codec`."""
        shown = (self.path, self.document, self.seq, self.failed, self.stale, self.flagged)
        return (self.size, tuple(self.states), *shown)

    @classmethod
    def of(cls, held: Any, accumulators: Accumulators) -> Group:
        """The group that a value cell holds, or a new one."""
        if isinstance(held, Group):
            return held
        group = cls(accumulators.create())
        if held is not None:
            group.size, states, *shown = held
            group.path, group.document, group.seq, group.failed, group.stale, group.flagged = shown
            group.states = list(states)
        return group


class Aggregate:
    """One grouped view's aggregate."""

    def __init__(self, node: OperatorNode, plan: Plan, profile: Profile) -> None:
        self.node = node
        self.profile = profile
        self.view = plan.view(node.view)
        self.evaluator: Evaluator = self.view.code.resolve().evaluator()
        self.accumulators = Accumulators(self.view.accumulators)
        self.evaluated = 0

    def step(self, key: Key, messages: Sequence[Message], ctx: Context) -> None:
        """Takes the rows of members, then shows the group."""
        assert isinstance(key, bytes)
        group = Group.of(ctx.get("group"), self.accumulators)
        entries = ctx.map("entries") if self.accumulators.kept else {}
        fold = Fold(self.accumulators, group.states, entries, group.indexes if self.profile.drained else None)
        for message in messages:
            if isinstance(message, Rows):
                self._take(message, group, fold, ctx)
        fold.settle()
        if not ctx.silent or any(isinstance(m, CaughtUp) for m in messages):
            self._show(key, group, fold, ctx)
        for again in {m.path for m in messages if isinstance(m, Republish)}:
            # Not `path`: a group that was made and unmade since the snapshot does not know its own any more.
            group.seq += 1
            version = (ctx.generation, ctx.epoch, group.seq)
            publish(
                self.view,
                ViewChange(self.view.name, again, group.document, group.document, version, group.flagged),
                ctx,
            )
        ctx.put("group", group if group.size or group.seq else None)

    def on_timer(self, key: Key, kind: TimerKind, ctx: Context) -> None:
        """Forgets members that left so long ago that no older message of theirs can be under way."""
        members = ctx.map("members")
        waiting = []
        for root, (_, rows, since, _) in list(members.items()):
            if rows is None:
                deadline = since + self.profile.keep_left
                if deadline <= ctx.now:
                    del members[root]
                else:
                    waiting.append(deadline)
        if waiting:
            ctx.set_timer("garbage", min(waiting))

    def shown(self, key: Key, cells: Cells) -> Iterable[tuple[str, Document, int, bool]]:
        """See `Shows`."""
        group = Group.of(cells.get("group"), self.accumulators)
        if group.path is None or group.document is None:
            return []
        return [(group.path, group.document, group.seq, group.flagged)]

    def _letter(self, key: bytes) -> str:
        return f"view:{self.view.name}:{document_id(decode(key))}"

    def _take(self, message: Rows, group: Group, fold: Fold, ctx: Context) -> None:
        old, was_failed = message.old, message.was_failed
        if not self.profile.drained:
            members = ctx.map("members")
            held = members.get(message.root)
            if held is not None and held[0] >= message.seq:
                return
            _, old, _, was_failed = held or (0, None, 0, False)
            members[message.root] = (message.seq, message.new, ctx.now, message.failed)
            if message.new is None:
                ctx.set_timer("garbage", ctx.now + self.profile.keep_left)
        rows, before = message.new or (), old or ()
        group.size += len(rows) - len(before)
        group.stale += message.failed - was_failed
        fold.change(message.root, before, rows)

    def _show(self, key: bytes, group: Group, fold: Fold, ctx: Context) -> None:
        new: Document | None = None
        try:
            if group.size:
                self.evaluated += 1
                group.path, new = self.evaluator.result(key, fold.results())
        except Exception as error:
            ctx.emit(failure(self._letter(key), error, self.view.on_error))
            group.failed = True
            if self.view.on_error == "fail":
                return
            new = group.document if self.view.on_error == "keep" else None
        else:
            if group.failed:
                group.failed = False
                ctx.emit(DeadLetter(self._letter(key), "", cleared=True))
        flagged = new is not None and (group.failed or group.stale > 0)
        old = group.document
        if group.path is not None and (flagged != group.flagged or not same(old, new)):
            group.seq += 1
            group.document, group.flagged = new, flagged
            version = (ctx.generation, ctx.epoch, group.seq)
            publish(self.view, ViewChange(self.view.name, group.path, old, new, version, flagged), ctx)
