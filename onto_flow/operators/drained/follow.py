"""A batch before its stages: what is common goes through all of them at once, in C where that is there.

Common is a newer version of a document that is there, with the same join keys: it is kept by ingest, passed on by match, and
put into what is kept of the roots that hold it, which are then shown as a stage's last step. Everything else waits for
ingest. The result is that of two batches, of the common changes and of the others, shown once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...core.fields import Fields
from ...core.native import compiled
from ..base import Key, Operator
from ..messages import Doc, Event, Subscribe, Told
from ..record import Record
from .assemble import DrainedAssemble
from .base import Queues, States
from .ingest import DrainedIngest
from .match import DrainedMatch


class Follow:
    """The batches of one flow.

    Args:
        operators: Those of the plan.
        states: Operator -> the cells of its keys, always the same dictionaries.
        changed: Gives the set that an operator's key is put into before it changes; `None` where nobody wants to know.
        told: The same for a match of which a document gets a newer version, and nothing else changes.
    """

    def __init__(
        self,
        operators: Mapping[str, Operator],
        states: Mapping[str, States],
        changed: Callable[[str], set[Key] | None],
        told: Callable[[str], set[Key] | None],
    ) -> None:
        self._ingest: tuple[Any, ...] = ()
        self._stages: dict[str, tuple[Any, ...]] = {}
        for name, operator in operators.items():
            held = states[name], told(name) if isinstance(operator, DrainedMatch) else changed(name)
            if isinstance(operator, DrainedIngest):
                self._ingest = (*held, operator.known, operator.floor)
            elif isinstance(operator, DrainedMatch):
                operator.records = states[operator.assemble]
                self._stages[name] = (*held, operator.assemble, operator.profile.page, None)
            elif isinstance(operator, DrainedAssemble):
                self._stages[name] = (*held, None, operator.joins.slots_code, operator.touched)

    def take(self, events: Iterable[tuple[str, Event]], queues: Queues, now: int) -> None:
        """Takes a batch.

        Args:
            events: (document path, event).
            queues: Where everything waits that is not common.
            now: Processing time in microseconds.
        """
        at_once(events, self._ingest, self._stages, queues, now)


def at_once(
    events: Iterable[tuple[str, Event]],
    ingest: tuple[Any, ...],
    stages: Mapping[str, tuple[Any, ...]],
    queues: Queues,
    now: int,
) -> None:
    """Leaves all to the stages."""
    waiting = queues["ingest"]
    for path, event in events:
        waiting.setdefault(path, []).append(event)


in_python = at_once
if compiled() is not None:
    at_once = compiled().follow((Event, Fields, Doc, Told, Record, Subscribe))
