"""ingest, keyed by document path: from events to changes.

Law: its state is the event with the highest version among those it was ever sent, and what it sent downstream adds up
to exactly the contribution of that state, whatever was late, repeated or skipped on the way. A deleted document stays
as a tombstone until no replay can bring an older event.

Rule for events and an export of time S (`formats` 6.f): an upsert at or before S is in the export, and is dropped; a
delete with an event time at or before S too; a later delete of version (p, 1) counts as (max(p, S), 1), so that the
deletion of a document last written before S gets through. A document that was read later is joined to its events by the same
rule (`readings`).

Beside its version a document has the holes that the feed left in its history, if any (`meter`): what the versions that
events replaced tell of is compared with what came, and gaps are opened and closed. Nothing that is computed depends on
it.

Example:
    An event, an older one that comes late, and a deletion; changes in -> changes out:

        >>> from onto_flow.operators.ingest import admit
        >>> admit(Event((20, 0), {"n": 1}, 20), snapshot=10)
        Event(version=(20, 0), fields={'n': 1}, time=20, previous=None)
        >>> admit(Event((9, 0), {"n": 0}, 9), snapshot=10) is None
        True
        >>> admit(Event((9, 1), None, 21), snapshot=10)
        Event(version=(10, 1), fields=None, time=21, previous=None)
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from typing import Any

from ..core.change import NEVER, DeadLetter, Version
from ..core.collection import Projection
from ..core.equality import same
from ..core.errors import OntoFlowError
from ..core.gaps import Gap
from ..core.values import Document
from ..plan.clocks import clocks, face
from ..plan.nodes import OnError, OperatorNode, Plan, TimerKind, View
from . import meter
from .base import Context, Key, Profile
from .carried_keys import MAX_COLLECTIONS, CarriedKeys
from .expiry import MARK, marked, next_moment, version_of
from .joins import Joins
from .messages import Event, Message, Tick
from .plain import Plain
from .readings import admit as admit
from .readings import newest
from .routes import Difference, Route, differences, keys_stay

_NOTHING_IS_OLDER = -(1 << 63)


class Ingest:
    """The first operator of a plan; one for all views."""

    def __init__(self, node: OperatorNode, plan: Plan, profile: Profile) -> None:
        self.node = node
        self._profile = profile
        self._projection: Projection = plan.projection
        self._views = tuple((v, Joins(v, number)) for number, v in enumerate(plan.views))
        self._routes: dict[str, Route] = {}
        self._written = frozenset(v.collection for v in plan.views)
        self._carried = CarriedKeys(plan)
        self._keys = self._carried if profile.drained else None
        self._clocks = clocks(plan)
        self._from_start: Version = NEVER if profile.snapshot is None else (profile.snapshot, 0)
        """Up to where the history of a document without state is known: to the export, which has it or has it not."""

    def step(self, key: Key, messages: Sequence[Message], ctx: Context) -> None:
        """Keeps the highest version and tells every view the difference; a feed's other collections leave no trace."""
        assert isinstance(key, str)
        route = self._route(key)
        if not route.wanted:
            if key in self._clocks:
                self._tick(key, messages, ctx)
            return
        events = [e for m in messages if isinstance(m, Event) and (e := admit(m, self._profile.snapshot))]
        if not events:
            return
        state = ctx.get("document")
        version, before, since, *rest = state or (NEVER, None, 0)
        version, held = tuple(version), rest[0] if rest else b""
        event = newest(events, version, since if state and before is None else None)
        if state is None and event is not None and self._too_late(event, ctx):
            ctx.emit(_too_late_letter(key, event))
            return
        holes = self._meter(key, held, version if state else self._from_start, events, ctx)
        if event is None or event.version <= version:
            if holes != held:
                ctx.put("document", _state(version, before, since, holes))
            return
        after = self._project(route.fields, event.fields)
        if route.until:
            after = self._at_moment(key, route, after, ctx)
        if after is not None and self._keys is not None:
            after = self._keys.carry(key, after, before)
        ctx.put("document", _state(event.version, after, ctx.now, holes))
        if after is None:
            ctx.set_timer("garbage", ctx.now + self._profile.horizon)
        changed = not same(before, after)
        if route.parsed and (changed or not self._profile.drained):
            # Unchanged too: where state went back and dead letters did not, the end of this one may have been told.
            self._report(key, before, after, ctx)
        if changed:
            self._send(key, version_of(event.version, after) if route.until else event.version, before, after, ctx)

    def plain(self, path: str) -> Plain | None:
        """What a plain change of the documents of a collection is, by the path of one; `None`: there is none."""
        route = self._route(path)
        _, stays = self._carried.decided_by(path)
        if not route.wanted or route.parsed or route.until or not route.keyless or stays is None:
            return None
        return Plain(stays, route.fields, route.at_path)

    def simple(self, path: str) -> Route | None:
        """How the documents of a collection go on, by the path of one, where nothing but their fields says it."""
        route = self._route(path)
        return None if not route.wanted or route.parsed or route.until or not route.keyless else route

    def on_timer(self, key: Key, kind: TimerKind, ctx: Context) -> None:
        """Drops a tombstone, and gaps, whose time is over."""
        assert isinstance(key, str)
        state = ctx.get("document")
        if state is None:
            return
        if kind == "until":
            self._expire(key, state, ctx)
        if kind != "garbage":
            return
        version, fields, since, *rest = state
        held, deadline = rest[0] if rest else b"", since + self._profile.horizon
        if fields is None and ctx.now >= deadline:
            _give_up(key, held, b"", ctx)
            ctx.put("document", None)
            return
        if fields is None:
            ctx.set_timer("garbage", deadline)
        if held:
            holes = meter.keep(held, self._oldest(ctx))
            _give_up(key, held, holes, ctx)
            ctx.put("document", _state(version, fields, since, holes))
            self._wake(holes, ctx)

    def _send(self, path: str, version: Version, before: Document | None, after: Document | None, ctx: Context) -> None:
        """Tells the views."""
        route = self._route(path)
        if keys_stay(before, after):
            assert after is not None
            route.tell(path, version, after, ctx)
            return
        for view, joins, slots in route.views:
            Difference(view, joins, slots, path, version, before, after).send(ctx)

    def _tick(self, path: str, messages: Sequence[Message], ctx: Context) -> None:
        """A clock's document: every tick is a version of it. Nothing but ticks makes it, whatever a feed may hold."""
        version, before, *_ = ctx.get("document") or (NEVER, None)
        tick = max((m.tick for m in messages if isinstance(m, Tick)), default=-1)
        if (tick, 0) > tuple(version):
            after = face(tick)
            ctx.put("document", _state((tick, 0), after, ctx.now, b""))
            self._send(path, (tick, 0), before, after, ctx)

    def _expire(self, path: str, state: Sequence[Any], ctx: Context) -> None:
        """A moment has come until which the document counted."""
        version, before, *rest = state
        after = self._at_moment(path, self._route(path), before, ctx)
        if after is None or same(before, after):
            return
        if self._keys is not None:
            after = self._keys.carry(path, after, before)
        ctx.put("document", (version, after, *rest))
        self._send(path, version_of(tuple(version), after), before, after, ctx)

    def _at_moment(self, path: str, route: Route, fields: Document | None, ctx: Context) -> Document | None:
        """Content as it is at this moment; a timer will come for the next moment that changes it."""
        if fields is None:
            return None
        fields = marked(fields, route.until, ctx.moment)
        at = next_moment(fields, route.until)
        if at is not None:
            ctx.set_timer("until", at)
        return fields

    def _meter(self, path: str, held: bytes, top: Version, events: Sequence[Event], ctx: Context) -> bytes:
        """The holes of the document's history after some events; the gaps that they open and close are told."""
        if not held and len(events) == 1 and (events[0].previous is None or events[0].previous == top > NEVER):
            return held
        covered = meter.cover(held, top, events)
        holes = meter.keep(covered, self._oldest(ctx))
        if holes != held:
            for (known, awaited), weight in differences(meter.gaps(held), meter.gaps(covered)):
                ctx.emit(Gap(path, known, awaited, weight))
            _give_up(path, covered, holes, ctx)
            self._wake(holes, ctx)
        return holes

    def _wake(self, holes: bytes, ctx: Context) -> None:
        """Asks for a timer for the oldest gap."""
        for _, (micros, _) in meter.gaps(holes)[:1]:
            ctx.set_timer("garbage", max(micros, self._profile.born) + self._profile.horizon + 1)

    def _oldest(self, ctx: Context) -> int:
        """What is older than this (microseconds) is not expected any more."""
        oldest = ctx.now - self._profile.horizon
        return oldest if self._profile.born < oldest else _NOTHING_IS_OLDER

    def _route(self, path: str) -> Route:
        collection = path.rpartition("/")[0]
        route = self._routes.get(collection)
        if route is None:
            if len(self._routes) >= MAX_COLLECTIONS:
                self._routes.clear()
            wanted = self._projection.wants(path) and collection not in self._written
            route = self._routes[collection] = Route(path, wanted, self._projection.fields(path), self._views)
        return route

    def _project(self, wanted: frozenset[str] | None, fields: Document | None) -> Document | None:
        if fields is None:
            return None
        if wanted is None:
            return fields if MARK not in fields else {n: v for n, v in fields.items() if n != MARK}
        return {n: v for n, v in fields.items() if n in wanted}

    def _report(self, path: str, before: Document | None, after: Document | None, ctx: Context) -> None:
        """One dead letter for a document on which a `parse` or `where` raises; it is taken back when none does any more."""
        letter = misread(self._views, path, after)
        if letter is not None:
            ctx.emit(letter)
        elif misread(self._views, path, before) is not None:
            ctx.emit(DeadLetter(f"document:{path}", "", cleared=True))

    def _too_late(self, event: Event, ctx: Context) -> bool:
        return event.time is not None and event.time < self._oldest(ctx)


def _state(version: Version, fields: Document | None, since: int, holes: bytes) -> tuple[Any, ...]:
    return (version, fields, since, holes) if holes else (version, fields, since)


def _give_up(path: str, before: bytes, kept: bytes, ctx: Context) -> None:
    """Tells of the gaps that are kept no longer."""
    for (known, awaited), weight in differences(meter.gaps(before), meter.gaps(kept)):
        ctx.emit(Gap(path, known, awaited, weight, lost=True))


def failure(key: str, error: Exception, policy: OnError = "keep") -> DeadLetter:
    """The dead letter of user code that raised, and what its view does then."""
    reason = f"{error.code}: {error.what}" if isinstance(error, OntoFlowError) else f"udf-failed: {error!r}"
    return DeadLetter(key, reason, "".join(traceback.format_exception(error)), policy=policy)


def misread(views: Iterable[tuple[View, Joins]], path: str, fields: Document | None) -> DeadLetter | None:
    """One dead letter for a document on which a `parse` or `where` of some views raises."""
    if fields is None:
        return None
    errors = [(e, view.on_error) for view, joins in views for e in joins.failures(path, fields)]
    if not errors:
        return None
    policy: OnError = "fail" if any(p == "fail" for _, p in errors) else "keep"
    return failure(f"document:{path}", errors[0][0], policy)


def _too_late_letter(path: str, event: Event) -> DeadLetter:
    reason = "too-late: the event is older than the late horizon and the document has no state; read it again"
    return DeadLetter(
        f"document:{path}", reason, payload={"path": path, "fields": event.fields, "version": [*event.version]}
    )
