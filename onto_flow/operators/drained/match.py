"""match on a drained engine: a new version of a member whose join keys are as before is passed on as it came."""

from __future__ import annotations

from typing import Any

from ...core.fields import Fields
from ...plan.nodes import OperatorNode, Plan
from ..base import Context, Key, Profile
from ..match import Match
from ..messages import Doc, Told
from .base import Left, Outlet, Queue, States
from .paging import PagedStep
from .untold import Untold


class DrainedMatch(Match):
    """One slot's match, taking whole queues.

    Attributes:
        untold: What waits for a page; one for all slots of a view.
    """

    def __init__(self, node: OperatorNode, plan: Plan, profile: Profile) -> None:
        super().__init__(node, plan, profile)
        self.untold = Untold()

    def at(self, key: Key, ctx: Context) -> PagedStep:
        """See `Match`."""
        return PagedStep(self, key, ctx, self.untold)

    def resume(self, key: Key, ctx: Context) -> None:
        """After a restart: what a round that is under way owes is said again."""
        self.at(key, ctx).owe()

    def drain(self, queue: Queue, states: States, outlet: Outlet) -> None:
        """See `Drains`."""
        for key, messages in at_once(queue, states, outlet.queues[self.assemble], self.profile.page):
            outlet.step(self, key, messages)


def at_once(queue: Queue, states: States, told_to: Queue, most: int) -> Left:
    """Passes on the versions that leave join keys alone, where no page is wanted.

    Args:
        queue: What waits.
        states: The cells of this operator's keys.
        told_to: What waits for assemble.
        most: How many roots one step may tell; 0 for all.

    Returns:
        (key, messages) of everything else.
    """
    left: Left = []
    for key, messages in queue.items():
        cells = states.get(key)
        message = messages[0]
        if cells is not None and len(messages) == 1 and message.__class__ is Told:
            path, doc = message
            docs: dict[str, Doc] = cells.get("docs") or _NOTHING
            held = docs.get(path)
            if held.__class__ is Doc and doc[0] > held[0]:
                old, new = held[1], doc[1]
                subs: dict[str, int] = cells.get("subs") or _NOTHING
                if (
                    old.__class__ is Fields
                    and new.__class__ is Fields
                    and old.joined is new.joined is not None
                    and not (most and (len(subs) > most or cells.get("round")))
                ):
                    docs[path] = doc
                    for root, weight in subs.items():
                        if weight > 0:
                            waiting = told_to.get(root)
                            if waiting is None:
                                told_to[root] = [message]
                            else:
                                waiting.append(message)
                    continue
        left.append((key, messages))
    return left


_NOTHING: dict[str, Any] = {}
