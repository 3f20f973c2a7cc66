"""match on a drained engine: what concerns few roots and few documents is done in a few lines.

In Python that is a new version of a member whose join keys are as before, which is passed on as it came; in C also what
comes and goes at a key (`core/native/match_step.c`). Everything else is the operator's own step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.change import NEVER
from ...core.compact import cells_of
from ...core.fields import Fields
from ...core.native import compiled
from ...core.unread import is_unread
from ...plan.nodes import OperatorNode, Plan
from ..base import Context, Key, Profile
from ..match import Match
from ..messages import Answer, Doc, Subscribe, Told
from .base import Left, Outlet, Queue, Queues, States
from .paging import PagedStep
from .untold import Untold

Stage = tuple[Any, ...]
"""Of a match: its slot, whether that is a `via`, how many roots or documents one step may tell (0: all), its assemble, what
members ask for as ((code of their keys, operator), ...), what makes cells, and the document that is nowhere."""

_ANEW = 4
"""A root of which nothing is kept in memory takes as long as so many others: its pages stay below 100 milliseconds."""


class DrainedMatch(Match):
    """One slot's match, taking whole queues.

    Attributes:
        untold: What waits for a page; one for all slots of a view.
        records: The cells of assemble that are in memory; `None` where nobody says.
    """

    def __init__(self, node: OperatorNode, plan: Plan, profile: Profile) -> None:
        super().__init__(node, plan, profile)
        self.untold = Untold()
        children = tuple((self.joins.asked_code(child), operator) for child, operator in self.children)
        new_cells = cells_of(c.name for c in node.cells if c.kind != "bag")
        is_via, nowhere = self.slot.kind == "via", Doc(NEVER, None, None)
        self._stage: Stage = (self.slot.index, is_via, profile.page, self.assemble, children, new_cells, nowhere)
        self.records: Mapping[Key, Mapping[str, Any]] | None = None

    def _weigh(self, root: str) -> int:
        """For how many a root counts in a page: one that is found anew takes some 300 microseconds."""
        if self.records is None:
            return 1
        cells = self.records.get(root)
        return _ANEW if cells is None or getattr(cells.get("record"), "kept", None) is None else 1

    def at(self, key: Key, ctx: Context) -> PagedStep:
        """See `Match`."""
        return PagedStep(self, key, ctx, self.untold, self._weigh)

    def resume(self, key: Key, ctx: Context) -> None:
        """After a restart: what a round that is under way owes is said again."""
        self.at(key, ctx).resume()

    def drain(self, queue: Queue, states: States, outlet: Outlet) -> None:
        """See `Drains`."""
        for key, messages in at_once(queue, states, outlet.queues, self._stage):
            outlet.step(self, key, messages)


def at_once(queue: Queue, states: States, queues: Queues, stage: Stage) -> Left:
    """Passes on the versions that leave join keys alone, where no page is wanted.

    Args:
        queue: What waits.
        states: The cells of this operator's keys.
        queues: What waits for other operators.
        stage: What is known of this one.

    Returns:
        (key, messages) of everything else.
    """
    most, told_to = stage[2], queues[stage[3]]
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
                    and not (most and (is_unread(subs) or len(subs) > most or cells.get("round")))
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


in_python = at_once
if compiled() is not None:
    at_once = compiled().match_steps((Fields, Doc, Told, Subscribe, Answer))
