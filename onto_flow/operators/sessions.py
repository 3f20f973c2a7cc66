"""sessions, keyed by the group: from rows to one document per session.

Law: the rows that a group's members have there now, in order of their moments, are cut wherever two neighbours are further
apart than the gap; each piece is a session, and its document a fold over its rows. So a row may join two sessions into one,
and one that leaves may part them: the documents follow, whatever the order in which rows come and go. Each member has a
register (sequence number, rows), and the higher number wins.

A change follows the sessions that it touches (`cut`): the others are not looked at. Code that fails on one session leaves
the others alone: with `keep` the last good documents of its rows stay, flagged; each has a dead letter of its own.

Example:
    Two clicks of a user ten minutes apart, then one between them that makes them one session; changes in -> changes out:

        >>> from onto_flow.core.codec import encode
        >>> from onto_flow.testing.one_operator import OneOperator
        >>> from onto_flow.testing.session_view import MINUTE, Visit
        >>> visits = OneOperator(Visit.plan(), "Visit.sessions")
        >>> ada = encode("ada")
        >>> visits.step(ada, *[Rows(f"clicks/{m}", 1, None, ((True, m * MINUTE),)) for m in (0, 10)])
        ... # doctest: +ELLIPSIS
        visits/ada|=@1970-01-01T00:00:00.000000Z: None -> {'user': 'ada', 'clicks': 1, 'session': {...}}, seq 1
        visits/ada|=@1970-01-01T00:10:00.000000Z: None -> {'user': 'ada', 'clicks': 1, 'session': {...}}, seq 1
        >>> visits.step(ada, Rows("clicks/5", 1, None, ((True, 5 * MINUTE),)))  # doctest: +ELLIPSIS
        visits/ada|=@1970-01-01T00:00:00.000000Z: {...'clicks': 1, ...} -> {'user': 'ada', 'clicks': 3, ...}, seq 2
        visits/ada|=@1970-01-01T00:10:00.000000Z: {'user': 'ada', 'clicks': 1, 'session': {...}} -> None, seq 2
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..core.change import DeadLetter, ViewChange
from ..core.codec import decode
from ..core.equality import same
from ..core.keys import document_id
from ..core.values import Document, from_micros
from ..plan.evaluator import Evaluator
from ..plan.nodes import OperatorNode, Plan, TimerKind
from .base import Cells, Context, Key, Profile
from .cut import Cut, Session
from .fold import Accumulators
from .ingest import failure
from .messages import CaughtUp, Message, Republish, Rows
from .relay import publish

Shown = tuple[int, Document, bool]
"""(the start of its session, document, whether it is the last good one of failing code)."""

_CUT_FROM = 32
"""How many members a group has at least whose sessions are kept between steps; fewer are cut anew."""


class SessionGroup:
    """What a group keeps beside its members and documents.

    Attributes:
        seq: How many times it emitted: the last part of view versions.
        behind: Whether it took rows and did not show them yet.
        failing: The starts of the sessions whose results fail.
        cut: Its sessions, where an engine keeps objects between steps; derived, never kept.
    """

    __slots__ = ("behind", "cut", "failing", "seq")

    def __init__(self, seq: int = 0, behind: bool = False, failing: Iterable[int] = ()) -> None:
        self.seq, self.behind, self.failing = seq, behind, set(failing)
        self.cut: Cut | None = None

    def pack(self) -> tuple[Any, ...]:
        """The group as a form of `core.codec`."""
        return (self.seq, self.behind, tuple(sorted(self.failing)))

    @classmethod
    def of(cls, held: Any) -> SessionGroup:
        """The group that a value cell holds, or a new one."""
        return held if isinstance(held, SessionGroup) else cls(*(held or ()))

    @property
    def worth_keeping(self) -> bool:
        """Whether there is anything to keep."""
        return bool(self.seq or self.behind or self.failing or self.cut)


class Sessions:
    """One view's sessions."""

    def __init__(self, node: OperatorNode, plan: Plan, profile: Profile) -> None:
        self.node = node
        self.profile = profile
        self.view = plan.view(node.view)
        self.evaluator: Evaluator = self.view.code.resolve().evaluator()
        assert self.view.sessions is not None
        self.gap = self.view.sessions.gap
        self.accumulators = Accumulators(self.view.accumulators)
        self.evaluated = 0

    def step(self, key: Key, messages: Sequence[Message], ctx: Context) -> None:
        """Takes the rows of members, then shows the sessions that changed."""
        assert isinstance(key, bytes)
        group = SessionGroup.of(ctx.get("group"))
        cut = self._cut(group, ctx)
        for message in messages:
            if isinstance(message, Rows):
                self._take(message, cut, ctx)
        if ctx.silent and not any(isinstance(m, CaughtUp) for m in messages):
            group.behind = True
        else:
            if group.behind:
                cut.touch_all()
            group.behind = False
            self._show(key, group, cut, ctx)
        for again in {m.path for m in messages if isinstance(m, Republish)}:
            group.seq += 1
            _, document, stale = ctx.map("shown").get(again) or _NOTHING
            self._publish(again, document, document, stale, group, ctx)
        group.cut = cut if self.profile.drained and len(cut.members) >= _CUT_FROM else None
        ctx.put("group", group if group.worth_keeping else None)

    def on_timer(self, key: Key, kind: TimerKind, ctx: Context) -> None:
        """Forgets members that left so long ago that no older message of theirs can be under way."""
        members = ctx.map("members")
        gone = {r: since + self.profile.keep_left for r, (_, rows, since, _) in members.items() if rows is None}
        for root in [r for r, deadline in gone.items() if deadline <= ctx.now]:
            del members[root], gone[root]
        if gone:
            ctx.set_timer("garbage", min(gone.values()))

    def shown(self, key: Key, cells: Cells) -> Iterable[tuple[str, Document, int, bool]]:
        """See `Shows`."""
        seq = SessionGroup.of(cells.get("group")).seq
        return [(path, document, seq, stale) for path, (_, document, stale) in (cells.get("shown") or {}).items()]

    def _cut(self, group: SessionGroup, ctx: Context) -> Cut:
        """The sessions of the group, as its members had them before this step."""
        members = ctx.map("members")
        if group.cut is not None:
            group.cut.members = members
            return group.cut
        cut = Cut(self.gap, self.accumulators, members, keeps=self.profile.drained)
        cut.attach(((start, path) for path, (start, _, _) in ctx.map("shown").items()), group.failing)
        return cut

    def _take(self, message: Rows, cut: Cut, ctx: Context) -> None:
        members = ctx.map("members")
        held = members.get(message.root)
        if held is not None and held[0] >= message.seq:
            return
        old = held[1] if held is not None else None
        members[message.root] = (message.seq, message.new, ctx.now, message.failed)
        cut.change(message.root, old or (), message.new or (), message.failed)
        if message.new is None:
            if self.profile.drained:
                del members[message.root]
            else:
                ctx.set_timer("garbage", ctx.now + self.profile.keep_left)

    def _show(self, key: bytes, group: SessionGroup, cut: Cut, ctx: Context) -> None:
        """Shows the sessions that were touched, in place of what was shown of their rows."""
        held = ctx.map("shown")
        touched = sorted(cut.touched, key=lambda session: session.start)
        last = [*cut.loose, *(shown for session in touched for shown in session.shown)]
        failed = {*cut.cleared, *(s.failing for s in touched if s.failing is not None)}
        now: dict[str, Shown] = {}
        failing: set[int] = set()
        for session in touched:
            shown, error = self._shown(key, session, cut)
            session.failing = None if error is None else session.start
            if error is not None:
                failing.add(session.start)
                ctx.emit(failure(self._letter(key, session.start), error, self.view.on_error))
                shown = {p: held[p] for start, p in last if cut.near(start) is session}
                shown = self._failing(shown)
            session.shown = [(start, path) for path, (start, _, _) in shown.items()]
            now.update(shown)
        for start in sorted(failed - failing):
            ctx.emit(DeadLetter(self._letter(key, start), "", cleared=True))
        group.failing = group.failing - failed | failing
        cut.touched, cut.loose, cut.cleared = {}, [], []
        self._emit({path: held[path] for _, path in last}, now, group, ctx)

    def _shown(self, key: bytes, session: Session, cut: Cut) -> tuple[dict[str, Shown], Exception | None]:
        """The document of a session by its path, or what its code raises."""
        try:
            self.evaluated += 1
            results = [*cut.results(session), (session.start, session.end)]
            path, document = self.evaluator.result(key, results)
        except Exception as error:
            return {}, error
        return ({} if document is None else {path: (session.start, document, bool(session.stale))}), None

    def _failing(self, last: dict[str, Shown]) -> dict[str, Shown]:
        """What a session shows on which code fails, where these documents were shown of its rows."""
        if self.view.on_error == "delete":
            return {}
        stale = self.view.on_error == "keep"
        return {path: (start, document, was or stale) for path, (start, document, was) in last.items()}

    def _emit(self, last: dict[str, Shown], now: dict[str, Shown], group: SessionGroup, ctx: Context) -> None:
        """Emits what differs, and keeps what is shown."""
        held = ctx.map("shown")
        changes = [(p, last.get(p, _NOTHING), now.get(p, _NOTHING)) for p in {**last, **now}]
        changes = [(p, old, new) for p, old, new in changes if old[2] != new[2] or not same(old[1], new[1])]
        group.seq += bool(changes)
        for path, old, new in changes:
            self._publish(path, old[1], new[1], new[2], group, ctx)
            if path in now:
                held[path] = now[path]
            else:
                del held[path]

    def _publish(
        self, path: str, old: Document | None, new: Document | None, stale: bool, group: SessionGroup, ctx: Context
    ) -> None:
        version = (ctx.generation, ctx.epoch, group.seq)
        publish(self.view, ViewChange(self.view.name, path, old, new, version, stale), ctx)

    def _letter(self, key: bytes, start: int) -> str:
        parts = decode(key)
        ids = (*(parts if isinstance(parts, tuple) else (parts,)), from_micros(start))
        return f"view:{self.view.name}:{document_id(ids)}"


_NOTHING = (0, None, False)
