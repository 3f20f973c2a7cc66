"""ingest on a drained engine: a newer version of a document that is there goes on in a few lines."""

from __future__ import annotations

from ...core.equality import same
from ...core.fields import Fields
from ..ingest import Ingest
from ..messages import Doc, Event, Told
from ..routes import Route
from .base import Outlet, Queue, States


class DrainedIngest(Ingest):
    """The first operator of a plan, taking whole queues."""

    def drain(self, queue: Queue, states: States, outlet: Outlet) -> None:
        """See `Drains`."""
        now, routes, keys = outlet.now, self._routes, self._keys
        assert keys is not None
        floor = (-1, 0) if self._profile.snapshot is None else (self._profile.snapshot, 1)
        for key, messages in queue.items():
            cells, event = states.get(key), messages[0]
            if cells is not None and len(messages) == 1 and event.__class__ is Event:
                assert isinstance(event, Event)
                assert isinstance(key, str)
                version, fields, _, previous = event
                state = cells.get("document")
                route: Route | None = routes.get(key.rpartition("/")[0])
                if (
                    fields is not None
                    and previous is None
                    and route is not None
                    and route.is_plain
                    and state is not None
                    and len(state) == 3
                    and version > state[0]
                    and version > floor
                    and (before := state[1]).__class__ is Fields
                ):
                    wanted = route.fields
                    if wanted is not None and not wanted.issuperset(fields):
                        fields = {n: v for n, v in fields.items() if n in wanted}
                    after = keys.carry(key, fields, before)
                    if after.joined is before.joined:
                        cells["document"] = (version, after, now)
                        if before != after or not same(before, after):
                            told = Told(key, Doc(version, after, ()))
                            for operator in route.at_path:
                                outlet.queue(operator).setdefault(key, []).append(told)
                        continue
            outlet.step(self, key, messages)
