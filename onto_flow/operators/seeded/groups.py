"""Seeds of aggregate, sessions and own: the registers of a group's or path's members, and what it shows.

The seed's registers are numbered 0, so those of this stream win. They are taken as messages once more, over the seed: the
feed changes few, and a group may have many.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.change import DeadLetter
from ..aggregate import Aggregate, Group
from ..base import Cells, Context, Key
from ..messages import Claim, Message, Rows
from ..own import Own
from ..sessions import SessionGroup, Sessions
from .taking import TakesSeeds, install, numbered_anew, packed, taken_over


class SeededAggregate(TakesSeeds, Aggregate):
    """One grouped view's aggregate, with seeds."""

    def seed(self, cells: Cells) -> dict[str, Any]:
        """The group, which has emitted nothing in the stream to come; none that has no rows."""
        held = packed(cells.get("group"))
        members = numbered_anew((cells.get("members") or {}).items())
        if held is None or not members:
            return {}
        size, states, path, document, _, failed, stale, flagged = held
        group = (size, states, path, document, 0, failed, stale, flagged)
        return {"group": group, "members": members, "entries": tuple((cells.get("entries") or {}).items())}

    def merge(self, key: Key, cells: Mapping[str, Any], ctx: Context) -> None:
        """Takes a seed at a group that has state, then shows the group."""
        assert isinstance(key, bytes)
        held, rows = Group.of(ctx.get("group"), self.accumulators), _rows(ctx)
        install(self.node, cells, ctx)
        group = Group.of(ctx.get("group"), self.accumulators)
        dropped = group if held.seq else held
        if dropped.failed and held.failed != group.failed:
            ctx.emit(DeadLetter(self._letter(key), "", cleared=True))
        if held.seq:
            if group.path is not None and group.document is not None:
                taken_over(self.view, group.path, group.document, group.flagged, ctx)
            group.document, group.flagged, group.failed, group.seq = held.document, held.flagged, held.failed, held.seq
        group.path = group.path or held.path
        ctx.put("group", group)
        super().step(key, rows, ctx)


class SeededSessions(TakesSeeds, Sessions):
    """One view's sessions, with seeds."""

    def seed(self, cells: Cells) -> dict[str, Any]:
        """The group, which has emitted nothing in the stream to come; none that has no rows."""
        held = packed(cells.get("group"))
        members = numbered_anew((cells.get("members") or {}).items())
        if held is None or not members:
            return {}
        return {"group": (0, *held[1:]), "members": members, "shown": tuple((cells.get("shown") or {}).items())}

    def merge(self, key: Key, cells: Mapping[str, Any], ctx: Context) -> None:
        """Takes a seed at a group that has state, then shows its sessions."""
        assert isinstance(key, bytes)
        held, rows, shown = SessionGroup.of(ctx.get("group")), _rows(ctx), dict(ctx.map("shown").items())
        install(self.node, cells, ctx)
        group = SessionGroup.of(ctx.get("group"))
        kept, dropped = (held, group) if held.seq else (group, held)
        for start in sorted(dropped.failing - kept.failing):
            ctx.emit(DeadLetter(self._letter(key, start), "", cleared=True))
        if held.seq:
            for path, (_, document, stale) in cells.get("shown", ()):
                taken_over(self.view, path, document, stale, ctx)
            install(self.node, {**cells, "shown": shown.items()}, ctx)
            # All of its sessions are shown anew: what this stream has shown of them knows nothing of the seed's rows.
            group = SessionGroup(held.seq, True, held.failing)
        ctx.put("group", group)
        super().step(key, rows, ctx)


class SeededOwn(TakesSeeds, Own):
    """One view's owner stage, with seeds."""

    def seed(self, cells: Cells) -> dict[str, Any]:
        """The claims; nothing was emitted in the stream to come."""
        claims = numbered_anew((cells.get("claims") or {}).items())
        if not claims:
            return {}
        document, _, claimants, failed = cells["shown"]
        return {"shown": (document, 0, claimants, failed), "claims": claims}

    def merge(self, key: Key, cells: Mapping[str, Any], ctx: Context) -> None:
        """Takes a seed at a path that has claims, then shows the smallest root's."""
        assert isinstance(key, str)
        document, seq, claimants, failed = ctx.get("shown") or (None, 0, 1, False)
        claims = [Claim(root, n, claim, fails) for root, (n, claim, _, fails) in ctx.map("claims").items()]
        install(self.node, cells, ctx)
        written, _, claimed, flagged = cells["shown"]
        if not seq:
            document, failed = written, flagged
        elif written is not None:
            taken_over(self.view, key, written, flagged, ctx)
        ctx.put("shown", (document, seq, max(claimants, claimed), failed))
        super().step(key, claims, ctx)


def _rows(ctx: Context) -> list[Message]:
    """The members of a group as the messages that they came by."""
    return [Rows(root, n, None, rows, fails) for root, (n, rows, _, fails) in ctx.map("members").items()]
