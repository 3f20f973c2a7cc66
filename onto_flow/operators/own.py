"""own, keyed by the output path: decides when several roots claim one path.

Law: the path shows the claim of the smallest root (in path order) that has one; the others are reported. A root that
takes its claim back never deletes the document of another. "The last to arrive" would be a different table after
every replay.

Example:
    Two meetings that name one path; changes in -> changes out:

        >>> from dataclasses import replace
        >>> from onto_flow.demo.meeting_room import MeetingSession
        >>> from onto_flow.plan.compile import compile_plan
        >>> from onto_flow.testing.one_operator import OneOperator
        >>> view = replace(MeetingSession.plan().views[0], owned=True)
        >>> rooms = OneOperator(compile_plan([view], []), "MeetingSession.own")
        >>> rooms.step("rooms/r1", Claim("meetings/m2", 1, {"title": "B"}))
        rooms/r1: None -> {'title': 'B'}, seq 1
        >>> rooms.step("rooms/r1", Claim("meetings/m1", 1, {"title": "A"}))
        rooms/r1: {'title': 'B'} -> {'title': 'A'}, seq 2
        dead letter view:MeetingSession:rooms/r1: path-claimed: meetings/m1 shows at rooms/r1, which meetings/m2 claims too
        >>> rooms.step("rooms/r1", Claim("meetings/m2", 2, None))
        dead letter view:MeetingSession:rooms/r1: taken back
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..core.change import DeadLetter, ViewChange
from ..core.equality import same
from ..core.values import Document, path_order
from ..plan.nodes import OperatorNode, Plan, TimerKind
from .base import Cells, Context, Key, Profile
from .messages import CaughtUp, Claim, Message, Republish
from .relay import publish

_NOTHING = (None, 0, 1, False)


class Own:
    """One view's owner stage."""

    def __init__(self, node: OperatorNode, plan: Plan, profile: Profile) -> None:
        self.node = node
        self.profile = profile
        self.view = plan.view(node.view)

    def step(self, key: Key, messages: Sequence[Message], ctx: Context) -> None:
        """Takes claims, then shows the smallest root's."""
        assert isinstance(key, str)
        for message in messages:
            if isinstance(message, Claim):
                self._take(message, ctx)
        document, seq, claimants, failed = ctx.get("shown") or _NOTHING
        again = any(isinstance(m, Republish) for m in messages)
        if not ctx.silent or again or any(isinstance(m, CaughtUp) for m in messages):
            roots = sorted((r for r, c in ctx.map("claims").items() if c[1] is not None), key=path_order)
            _, shown, _, fails = ctx.map("claims")[roots[0]] if roots else (0, None, 0, False)
            if again or fails != failed or not same(document, shown):
                seq += 1
                publish(
                    self.view,
                    ViewChange(self.view.name, key, document, shown, (ctx.generation, ctx.epoch, seq), fails),
                    ctx,
                )
            self._report(key, roots, claimants, ctx)
            document, claimants, failed = shown, max(1, len(roots)), fails
        # A seed shows without having emitted.
        ctx.put("shown", (document, seq, claimants, failed) if seq or document is not None else None)

    def on_timer(self, key: Key, kind: TimerKind, ctx: Context) -> None:
        """Forgets claims that were taken back so long ago that no older one can be under way."""
        claims = ctx.map("claims")
        old = {r: c[2] + self.profile.keep_left for r, c in claims.items() if c[1] is None}
        for root in [r for r, deadline in old.items() if deadline <= ctx.now]:
            del claims[root], old[root]
        if old:
            ctx.set_timer("garbage", min(old.values()))

    def shown(self, key: Key, cells: Cells) -> Iterable[tuple[str, Document, int, bool]]:
        """See `Shows`."""
        assert isinstance(key, str)
        document, seq, _, failed = cells.get("shown") or _NOTHING
        return [] if document is None else [(key, document, seq, failed)]

    def _take(self, claim: Claim, ctx: Context) -> None:
        claims = ctx.map("claims")
        held = claims.get(claim.root)
        if held is not None and held[0] >= claim.seq:
            return
        if claim.document is None and self.profile.drained:
            claims.pop(claim.root, None)
            return
        claims[claim.root] = (claim.seq, claim.document, ctx.now, claim.failed)
        if claim.document is None:
            ctx.set_timer("garbage", ctx.now + self.profile.keep_left)

    def _report(self, path: str, roots: Sequence[str], claimants: int, ctx: Context) -> None:
        letter = f"view:{self.view.name}:{path}"
        if len(roots) > 1:
            reason = f"path-claimed: {roots[0]} shows at {path}, which {', '.join(roots[1:10])} claims too"
            ctx.emit(DeadLetter(letter, reason, payload=list(roots[:100])))
        elif claimants > 1:
            ctx.emit(DeadLetter(letter, "", cleared=True))
