"""ingest on a drained engine: a newer version of a document that is there goes on in a few lines.

What can be taken so is told by what is known of its collection: which fields decide join keys, and who is told.
"""

from __future__ import annotations

from typing import Any

from ...core.change import Version
from ...core.equality import same
from ...core.fields import Fields
from ...core.values import Document
from ...plan.nodes import OperatorNode, Plan
from ..base import Key, Profile
from ..carried_keys import MAX_COLLECTIONS
from ..ingest import Ingest
from ..messages import Doc, Event, Told
from .base import Left, Outlet, Queue, Queues, States

Known = tuple[Any, tuple[str, ...], "frozenset[str] | None", tuple[Any, ...], "tuple[Any, ...] | None"]
"""Of a collection: the codes of its keys, the fields that decide them, the fields that are read (`None`: all), the views as
`Route.tells` gives them, and what works its keys out, where `Route.tells` says all of a change of them."""


class DrainedIngest(Ingest):
    """The first operator of a plan, taking whole queues.

    Attributes:
        known: Of collections whose documents came by: what their common changes need; `None` where none is common.
        floor: The version that events must be above.
    """

    def __init__(self, node: OperatorNode, plan: Plan, profile: Profile) -> None:
        super().__init__(node, plan, profile)
        self.known: dict[str, Known | None] = {}
        self.floor = (-1, 0) if profile.snapshot is None else (profile.snapshot, 1)

    def drain(self, queue: Queue, states: States, outlet: Outlet) -> None:
        """See `Drains`."""
        for key, messages in at_once(queue, states, self.known, outlet.queues, self.floor, outlet.now):
            self._learn(key)
            outlet.step(self, key, messages)

    def first(self, path: str, fields: Document) -> Fields | None:
        """The fields of a document of the first load as they are kept; `None` where no view reads it."""
        route = self._route(path)
        if not route.wanted:
            return None
        assert self._keys is not None
        read = route.fields is not None and route.fields.issuperset(fields)
        return self._keys.carry(path, fields if read else self._project(route.fields, fields) or {}, None)

    def _learn(self, path: Key) -> None:
        """A collection whose documents may be taken at once the next time."""
        assert isinstance(path, str)
        assert self._keys is not None
        collection = path.rpartition("/")[0]
        codes, names = self._keys.decided_by(path)
        known = self.known.get(collection, _MISSING)
        if known is None or (known is not _MISSING and known[0] is codes):
            return
        if len(self.known) >= MAX_COLLECTIONS:
            self.known.clear()
        route = self._route(path)
        if route.wanted and not route.parsed and not route.until and names is not None:
            makers = self._keys.makers(path) if route.tells_moves else None
            self.known[collection] = (codes, names, route.fields, route.tells(codes), makers)
        else:
            self.known[collection] = None


def at_once(
    queue: Queue, states: States, known: dict[str, Known | None], queues: Queues, floor: Version, now: int
) -> Left:
    """Takes what is newer than its document and leaves its join keys alone.

    Returns:
        (key, messages) of everything else.
    """
    left: Left = []
    for key, messages in queue.items():
        if not _taken(key, messages[0], len(messages), states.get(key), known, queues, floor, now):
            left.append((key, messages))
    return left


def _taken(
    key: Any,
    event: Any,
    count: int,
    cells: Any,
    known: dict[str, Known | None],
    queues: Queues,
    floor: Version,
    now: int,
) -> bool:
    collection = known.get(key.rpartition("/")[0]) if count == 1 and event.__class__ is Event else None
    state = cells.get("document") if collection is not None and cells is not None else None
    if state is None or len(state) != 3 or state[1].__class__ is not Fields or collection is None:
        return False
    version, fields, _, previous = event
    (held, before, _), (codes, deciding, wanted, views, _) = state, collection
    joined = before.joined
    if fields is None or previous is not None or not (version > held and version > floor):
        return False
    if joined is None or joined[0] is not codes:
        return False
    after = Fields({n: fields[n] for n in before if n in fields})  # with the names that are there already
    after.update({n: v for n, v in fields.items() if n not in after and (wanted is None or n in wanted)})
    for name in deciding:
        old, new = before.get(name, _MISSING), after.get(name, _MISSING)
        if old is not new:
            if old is _MISSING or new is _MISSING or not same(old, new):
                return False
            after[name] = old
    after.joined, after.made = joined, None
    cells["document"] = (version, after, now)
    if not same(before, after):
        for own, targets in views:
            keys = joined[own] if own else ()
            told = Told(key, Doc(version, after, keys))
            for operator, slot, _ in targets:
                for at in [key] if slot is None else [k for i, k in keys if i == slot]:
                    queues[operator].setdefault(at, []).append(told)
    return True


_MISSING: Any = object()
