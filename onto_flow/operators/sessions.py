"""sessions, keyed by the group: from rows to one document per session.

Law: the rows that a group's members have there now, in order of their moments, are cut wherever two neighbours are further
apart than the gap; each piece is a session, and its document a fold over its rows. So a row may join two sessions into one,
and one that leaves may part them: the documents follow, whatever the order in which rows come and go. Each member has a
register (sequence number, rows), and the higher number wins.

A group is folded anew whenever it changes: the cost of a change grows with the group's rows.

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

from ..core.change import DeadLetter, ViewChange
from ..core.codec import decode
from ..core.equality import same
from ..core.keys import document_id
from ..core.values import Document
from ..plan.evaluator import Evaluator, Row
from ..plan.nodes import OperatorNode, Plan, TimerKind
from .base import Cells, Context, Key, Profile
from .fold import Accumulators, Fold
from .ingest import failure
from .messages import CaughtUp, Message, Republish, Rows
from .relay import publish

Member = tuple[str, Row]
"""(root, one of its rows)."""

Shown = dict[str, tuple[Document | None, bool]]
"""Path -> (document, whether it is the last good one of failing code)."""

_NOTHING = ((), 0, False)
_NO_DOCUMENT = (None, False)


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
        """Takes the rows of members, then shows the sessions."""
        assert isinstance(key, bytes)
        for message in messages:
            if isinstance(message, Rows):
                self._take(message, ctx)
        entries, seq, failed = ctx.get("shown") or _NOTHING
        shown: Shown = {path: (document, stale) for path, document, stale in entries}
        if not ctx.silent or any(isinstance(m, CaughtUp) for m in messages):
            last, (shown, failed) = shown, self._shown(key, shown, failed, ctx)
            seq = self._emit(last, shown, seq, ctx)
        for again in {m.path for m in messages if isinstance(m, Republish)}:
            seq += 1
            document, stale = shown.get(again, _NO_DOCUMENT)
            publish(
                self.view,
                ViewChange(self.view.name, again, document, document, (ctx.generation, ctx.epoch, seq), stale),
                ctx,
            )
        kept = tuple((path, document, stale) for path, (document, stale) in shown.items())
        ctx.put("shown", (kept, seq, failed) if seq or failed else None)

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
        entries, seq, _ = cells.get("shown") or _NOTHING
        return [(path, document, seq, stale) for path, document, stale in entries]

    def _take(self, message: Rows, ctx: Context) -> None:
        members = ctx.map("members")
        held = members.get(message.root)
        if held is not None and held[0] >= message.seq:
            return
        if message.new is None and self.profile.drained:
            members.pop(message.root, None)
            return
        members[message.root] = (message.seq, message.new, ctx.now, message.failed)
        if message.new is None:
            ctx.set_timer("garbage", ctx.now + self.profile.keep_left)

    def _shown(self, key: bytes, last: Shown, failed: bool, ctx: Context) -> tuple[Shown, bool]:
        """What the group shows now, and whether user code fails on it."""
        letter = f"view:{self.view.name}:{document_id(decode(key))}"
        stale = {root for root, (_, _, _, fails) in ctx.map("members").items() if fails}
        try:
            self.evaluated += 1
            shown: Shown = {}
            for rows in self._cut(ctx):
                path, document = self._document(key, rows)
                if document is not None:
                    shown[path] = (document, any(root in stale for root, _ in rows))
        except Exception as error:
            ctx.emit(failure(letter, error, self.view.on_error))
            kept = (
                {}
                if self.view.on_error == "delete"
                else {path: (document, True) for path, (document, _) in last.items()}
            )
            return (last if self.view.on_error == "fail" else kept), True
        if failed:
            ctx.emit(DeadLetter(letter, "", cleared=True))
        return shown, False

    def _emit(self, last: Shown, shown: Shown, seq: int, ctx: Context) -> int:
        """Emits what differs; returns the sequence number."""
        changes = [(p, last.get(p, _NO_DOCUMENT), shown.get(p, _NO_DOCUMENT)) for p in {**last, **shown}]
        changes = [(p, old, new) for p, old, new in changes if old[1] != new[1] or not same(old[0], new[0])]
        seq += bool(changes)
        for path, (old, _), (new, stale) in changes:
            publish(self.view, ViewChange(self.view.name, path, old, new, (ctx.generation, ctx.epoch, seq), stale), ctx)
        return seq

    def _cut(self, ctx: Context) -> list[list[Member]]:
        """The rows of each session, in order of their moments."""
        rows = [(root, row) for root, (_, several, _, _) in ctx.map("members").items() for row in several or ()]
        sessions: list[list[Member]] = []
        for root, row in sorted(rows, key=lambda member: member[1][-1]):
            if not sessions or row[-1] - sessions[-1][-1][1][-1] > self.gap:
                sessions.append([])
            sessions[-1].append((root, row))
        return sessions

    def _document(self, key: bytes, rows: list[Member]) -> tuple[str, Document | None]:
        fold = Fold(self.accumulators, self.accumulators.create(), {}, None)
        for root, row in rows:
            fold.change(root, (), (row,))
        fold.settle()
        return self.evaluator.result(key, [*fold.results(), (rows[0][1][-1], rows[-1][1][-1])])
