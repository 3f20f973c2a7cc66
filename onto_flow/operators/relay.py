"""relay, keyed by the output path: the documents of a view as documents that other views of the plan read.

Law: what it tells the readers is what ingest would tell them of a feed of the view's documents, each at the version
(epoch, seq) under which it was shown. It keeps the highest version, so the order in which they come never shows.

Example:
    A view document is shown, an older one comes late, and the document goes; changes in -> changes out:

        >>> from dataclasses import replace
        >>> from onto_flow.core.collection import Collection
        >>> from onto_flow.demo.meeting_room import MeetingSession
        >>> from onto_flow.plan.compile import compile_plan
        >>> from onto_flow.plan.nodes import CodeRef, Slot, View
        >>> first = MeetingSession.plan().views[0]
        >>> pages = Collection("meetingSessions")
        >>> second = View("Pages", "pages", first.code, (Slot("session", 0, "root", pages),), ())
        >>> from onto_flow.testing.one_operator import OneOperator
        >>> relay = OneOperator(compile_plan([first, second], [(pages, ("inSession",))]), "MeetingSession.relay")
        >>> relay.step("meetingSessions/m1", Event((0, 2), {"inSession": True, "address": None}))
        Pages.assemble meetingSessions/m1: Told('meetingSessions/m1', ((0, 2), {'inSession': True}, ()))
        >>> relay.step("meetingSessions/m1", Event((0, 1), {"inSession": False}))
        >>> relay.step("meetingSessions/m1", Event((0, 3), None))
        Pages.assemble meetingSessions/m1: Told('meetingSessions/m1', ((0, 3), None, None))
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.change import NEVER, ViewChange
from ..core.equality import same
from ..plan.nodes import OperatorNode, Plan, TimerKind, View
from .base import Context, Key, Profile
from .carried_keys import CarriedKeys
from .joins import Joins
from .messages import Event, Message
from .routes import Difference, Route, keys_stay


def publish(view: View, change: ViewChange, ctx: Context) -> None:
    """Shows a view document, to the sinks and to the views that read it."""
    ctx.emit(change)
    if is_relayed(view, change):
        ctx.send(f"{view.name}.relay", change.path, news_of(change))


def is_relayed(view: View, change: ViewChange) -> bool:
    """Whether other views of the plan read the document that changed."""
    return view.relayed and change.path.rpartition("/")[0] == view.collection


def news_of(change: ViewChange) -> Event:
    """A change of a view document as its relay takes it."""
    return Event(change.version[1:], change.new)


class Relay:
    """One view's relay."""

    def __init__(self, node: OperatorNode, plan: Plan, profile: Profile) -> None:
        self.node = node
        self._profile = profile
        path = f"{node.view and plan.view(node.view).collection}/x"
        views = tuple((v, Joins(v, number)) for number, v in enumerate(plan.views))
        self._route = Route(path, True, plan.derived.fields(path), views)
        self._keys = CarriedKeys(plan) if profile.drained else None

    def step(self, key: Key, messages: Sequence[Message], ctx: Context) -> None:
        """Keeps the highest version and tells the readers the difference."""
        assert isinstance(key, str)
        events = [m for m in messages if isinstance(m, Event)]
        if not events:
            return
        version, before, _ = ctx.get("document") or (NEVER, None, 0)
        event = max(events, key=lambda e: e.version)
        if event.version <= tuple(version):
            return
        wanted, after = self._route.fields, event.fields
        if after is not None and wanted is not None:
            after = {n: v for n, v in after.items() if n in wanted}
        if after is not None and self._keys is not None:
            after = self._keys.carry(key, after, before)
        gone = after is None and self._profile.drained
        ctx.put("document", None if gone else (event.version, after, ctx.now))
        if after is None and not gone:
            ctx.set_timer("garbage", ctx.now + self._profile.keep_left)
        if same(before, after):
            return
        if after is not None and keys_stay(before, after):
            self._route.tell(key, event.version, after, ctx)
            return
        for view, joins, slots in self._route.views:
            Difference(view, joins, slots, key, event.version, before, after).send(ctx)

    def on_timer(self, key: Key, kind: TimerKind, ctx: Context) -> None:
        """Forgets a document that went so long ago that no older news of it can be under way."""
        state = ctx.get("document")
        if kind != "garbage" or state is None or state[1] is not None:
            return
        deadline = state[2] + self._profile.keep_left
        if deadline <= ctx.now:
            ctx.put("document", None)
        else:
            ctx.set_timer("garbage", deadline)
