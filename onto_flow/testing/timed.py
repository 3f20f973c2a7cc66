"""Cases in which time passes, and code fails: generated views and histories, with moments between the changes.

Beside what `testing.cases` makes, documents have `u`, a moment or none, and some slots count their documents until it; some
views have a clock, and show it; and with `fails` a root with `n` equal to `"hide"` makes the view's code raise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any

from ..core.change import NEVER, DeadLetter, Version, ViewChange
from ..core.collection import Collection
from ..core.values import Document, from_micros, to_micros
from ..engines.base import event, seed, ticks
from ..engines.local.flow import LocalFlow
from ..operators.base import Output
from ..operators.messages import Event
from ..plan.clocks import CLOCKS, clock_path, clocks, last_tick
from ..plan.compile import compile_plan
from ..plan.nodes import CodeRef, OnError, Plan, Slot, View
from ..plan.places import FieldPath
from .cases import Case, random_case
from .histories import DELIVERIES, History, deliver
from .judge import Timeline, judge_shown, timelines_of_shown, unknown_version
from .judge_changes import applied, judge_chain, judge_tables
from .letters import open_letters
from .oracle import all_at_moment, recompute
from .oracle_joins import passes
from .shapes import READ
from .shuffling import LOOSE, ShufflingEngine

BEGINNING, END = 100, 300
"""Moments lie between these, in microseconds; a tick at 0 would be no version of a clock."""

_UNTIL = FieldPath(("u",))


class Code:
    """The code of a generated view, with a clock, or failing.

    Args:
        shape: The code without them.
        clock: The name of the clock's slot; empty without one.
        fails: Whether roots with `n` equal to `"hide"` make it raise.
    """

    def __init__(self, shape: Any, clock: str, fails: bool) -> None:
        self._shape, self._clock, self._fails = shape, clock, fails

    def evaluator(self) -> Code:
        """Itself."""
        return self

    def documents(self, members: Mapping[str, Any], *results: Any) -> dict[str, Document]:
        """See `plan.evaluator.Evaluator`."""
        plain, tick = self._plain(members)
        shown: dict[str, Document] = self._shape.documents(plain, *results)
        return shown if tick is None else {path: {**document, "tick": tick} for path, document in shown.items()}

    def rows(self, members: Mapping[str, Any]) -> dict[bytes, Any]:
        """See `plan.evaluator.Evaluator`; with a clock a root is in its group at every other tick."""
        plain, tick = self._plain(members)
        rows: dict[bytes, Any] = self._shape.rows(plain)
        return {} if tick is not None and tick // 10 % 2 else rows

    def each(self, members: Mapping[str, Any], slot: int, elements: Sequence[Any]) -> Any:
        """See `plan.evaluator.Evaluator`."""
        return self._shape.each(self._plain(members)[0], slot, [self._plain(e)[0] for e in elements])

    def result(self, key: bytes, results: Sequence[Any]) -> Any:
        """See `plan.evaluator.Evaluator`."""
        return self._shape.result(key, results)

    def _plain(self, members: Mapping[str, Any]) -> tuple[dict[str, Any], int | None]:
        if self._fails and any(fields.get("n") == "hide" for _, fields in members.get("s0", ())):
            raise ValueError("hide")
        plain = {name: docs for name, docs in members.items() if name != self._clock}
        shown = members.get(self._clock, ())
        return plain, to_micros(shown[0][1]["now"]) if shown else None


@dataclass(frozen=True)
class Timed:
    """A case in which time passes.

    Attributes:
        case: Views and a history, without time.
        until: For each view, the indexes of slots that have an `until`.
        every: For each view, how often its clock ticks; 0 without one.
        policy: What the views do where their code fails; empty: it does not.
        first: The moment of the first load.
        moments: (how many changes of the feed were delivered before, moment), rising.
    """

    case: Case
    until: tuple[tuple[int, ...], ...]
    every: tuple[int, ...]
    policy: str
    first: int
    moments: tuple[tuple[int, int], ...]

    @property
    def plan(self) -> Plan:
        """The plan of the views."""
        plan = self.case.plan
        views = [self._view(v, at) for at, v in enumerate(plan.views)]
        read = None if self.case.read is None else (*READ, "u")
        return compile_plan(views, [(c, read) for c, _ in plan.projection.collections])

    def _view(self, view: View, at: int) -> View:
        slots = [replace(s, until=_UNTIL if s.index in self.until[at] else None) for s in view.slots]
        clock = f"s{len(slots)}" if self.every[at] else ""
        if clock:
            place = Collection(CLOCKS)
            slots.append(Slot(clock, len(slots), "via", place, 0, always=clock_path(self.every[at])))
        code = CodeRef(view.code.path, Code(view.code.live, clock, bool(self.policy)))
        policy: OnError = "delete" if self.policy == "delete" else "keep"
        return replace(view, slots=tuple(slots), code=code, on_error=policy)

    def at(self, delivered: int) -> int:
        """The moment when so many changes were delivered."""
        return max([self.first, *(moment for number, moment in self.moments if number <= delivered)])

    @property
    def last(self) -> int:
        """The moment at the end."""
        return max([self.first, *(moment for _, moment in self.moments)])


def random_timed(random: Random, *, most: int = 25) -> Timed:
    """Any case in which time passes."""
    case = random_case(random, most=most)
    commits = tuple(c._replace(fields=_with_moment(random, c.fields)) for c in case.history.commits)
    case = replace(case, history=replace(case.history, commits=commits))
    count = len(case.history.feed)
    passing = sorted((random.randrange(count + 1), _moment(random)) for _ in range(random.choice((0, 1, 3, 6))))
    moments = tuple(zip([n for n, _ in passing], sorted(m for _, m in passing)))
    until = tuple(tuple(i for i in range(len(s.slots)) if random.random() < (0.6 if i else 0.3)) for s in case.shapes)
    every = tuple(random.choice((0, 10, 50)) for _ in case.shapes)
    policy = random.choice(("", "", "keep", "delete"))
    return Timed(case, until, every, policy, random.choice((BEGINNING, _moment(random))), moments)


def _with_moment(random: Random, fields: Document | None) -> Document | None:
    if fields is None or random.random() < 0.3:
        return fields
    return {**fields, "u": random.choice((None, "soon", from_micros(random.randrange(END))))}


def _moment(random: Random) -> int:
    return random.randrange(BEGINNING, END)


def failing(timed: Timed, documents: Mapping[str, Document], moment: int) -> set[tuple[str, str]]:
    """(view, root) of the roots on which the views' code raises at a moment."""
    if not timed.policy:
        return set()
    known = all_at_moment(timed.plan, documents, moment)
    roots = [(v, p, f) for v in timed.plan.views for p, f in known.items() if v.slots[0].collection.matches(p)]
    return {(v.name, p) for v, p, f in roots if f.get("n") == "hide" and passes(v.slots[0], p, f)}


def local_complaints(timed: Timed, random: Random) -> Iterator[str]:
    """What is wrong when the local flow runs a case: the table is compared with the oracle's after every batch."""
    history, plan = timed.case.history, timed.plan
    flow = LocalFlow(plan, snapshot=history.snapshot)
    seen: list[ViewChange] = []
    opened: set[str] = set()

    def take(outputs: Sequence[Output]) -> None:
        for output in outputs:
            if isinstance(output, ViewChange):
                seen.append(output)
            elif isinstance(output, DeadLetter) and not output.reason.startswith("path-claimed"):
                (opened.discard if output.cleared else opened.add)(output.key)

    def judge(documents: Mapping[str, Document], moment: int, where: str) -> Iterator[str]:
        expected, letters = expectation(timed, plan, documents, moment, flow)
        yield from (f"{where}: {c}" for c in judge_tables(expected, applied(seen)))
        yield from (f"{where}: {c}" for c in _wrong_flags(timed, plan, documents, moment, flow, seen))
        if letters != opened:
            yield f"{where}: the open letters are {opened}, not {letters}"

    flow.advance(timed.first)
    take(flow.process([seed(c, history.snapshot) for c in history.seeds()]))
    yield from judge(history.documents, timed.first, "after the load")
    items, size = deliver(history.feed, random, random.choice(DELIVERIES)), random.choice((1, 2, 5, 100))
    for start in range(0, len(items) + 1, size):
        flow.advance(timed.at(start))
        take(flow.process([event(history.change(i)) for i in items[start : start + size]]))
        yield from judge(history.known(items[: start + size]), timed.at(start), f"after {start + size}")
    flow.advance(timed.last)
    take(flow.process([]))
    yield from judge(history.final, timed.last, "at the end")
    yield from judge_chain((change, False) for change in seen)


def _wrong_flags(
    timed: Timed,
    plan: Plan,
    documents: Mapping[str, Document],
    moment: int,
    flow: LocalFlow,
    seen: Sequence[ViewChange],
) -> Iterator[str]:
    """Documents that are flagged and should not be, or the other way round, where one root makes each."""
    fails = failing(timed, documents, moment) if timed.policy == "keep" else set()
    newest = {(c.view, c.path): c for c in seen}
    for view in (v for v in plan.views if not v.grouped and not v.owned):
        for root, cells in flow.state.states[f"{view.name}.assemble"].items():
            for path in cells["record"].last if cells.get("record") is not None else ():
                if newest[view.name, path].failed != ((view.name, root) in fails):
                    yield f"{view.name} at {path} has a wrong flag: {newest[view.name, path]}"


def expectation(
    timed: Timed, plan: Plan, documents: Mapping[str, Document], moment: int, flow: LocalFlow
) -> tuple[dict[str, dict[str, Document]], set[str]]:
    """The tables that the oracle expects, and the keys of dead letters; failing roots show what they last showed."""
    fails = failing(timed, documents, moment)
    kept: dict[str, dict[str, Any]] = {}
    if timed.policy == "keep":
        for view, root in fails:
            record = flow.state.states[f"{view}.assemble"].get(root, {}).get("record")
            kept.setdefault(view, {})[root] = {} if record is None else dict(record.last)
    else:
        for view, root in fails:
            kept.setdefault(view, {})[root] = {}
    letters = {f"view:{view}:{root}" for view, root in fails}
    return recompute(plan, documents, moment, kept), letters | open_letters(plan, documents, moment)


def shuffled_complaints(timed: Timed, random: Random) -> Iterator[str]:
    """What is wrong when the shuffling engine runs a case; its views' code does not fail."""
    timed = replace(timed, policy="")
    history, plan = timed.case.history, timed.plan
    engine = ShufflingEngine(plan, random, replace(LOOSE, snapshot=history.snapshot), packed=random.random() < 0.2)
    engine.tell_time(timed.first, ticks(plan, timed.first))
    engine.bulk(_event(history.snapshot, c) for c in history.seeds())
    items = [event(history.change(i)) for i in deliver(history.feed, random, random.choice(DELIVERIES))]
    moments = list(timed.moments)
    for number in range(len(items) + 1):
        while moments and moments[0][0] <= number:
            _, moment = moments.pop(0)
            engine.tell_time(max(moment, engine.moment), ticks(plan, max(moment, engine.moment)))
        if number < len(items):
            engine.feed(*items[number])
        for _ in range(random.choice((0, 0, 1, 5, 20))):
            engine.move()
    for _, moment in moments:
        engine.tell_time(moment, ticks(plan, moment))
    engine.rest()
    trace = engine.trace
    changes = [e.change for e in trace.emitted]
    yield from judge_tables(recompute(plan, history.final, timed.last), applied(changes))
    yield from trace.complaints
    yield from judge_chain((c, False) for c in changes)
    lines = timed_lines(timed, plan) | timelines_of_shown(plan, changes)
    for (name, _), shown in trace.shown.items():
        yield from (c for s in shown if (c := unknown_version(s, lines)) is not None)
        if (complaint := judge_shown(plan.view(name), shown, lines)) is not None:
            yield complaint


def _event(snapshot: int | None, change: Any) -> tuple[str, Event]:
    return seed(change, snapshot)


def timed_lines(timed: Timed, plan: Plan) -> dict[str, Timeline]:
    """The timelines of all documents, with their expiries, and of the clocks."""
    history: History = timed.case.history
    lines = {}
    for path, states in history.states.items():
        states = [s for version, fields in states for s in _expiring(plan, path, version, fields, timed.last)]
        lines[path] = Timeline(plan, path, states)
    for path, every in clocks(plan).items():
        told = sorted({last_tick(every, m) for m in (timed.first, *(m for _, m in timed.moments)) if m >= timed.first})
        faces: list[tuple[Version, Document | None]] = [(NEVER, None)]
        faces += [((tick, 0), {"now": from_micros(tick)}) for tick in told]
        lines[path] = Timeline(plan, path, faces)
    return lines


def _expiring(
    plan: Plan, path: str, version: Version, fields: Document | None, last: int
) -> list[tuple[Any, Document | None]]:
    states: list[tuple[Any, Document | None]] = [(version, fields)]
    counted = any(s.until is not None and s.collection.matches(path) for v in plan.views for s in v.slots)
    ends = None if fields is None else fields.get("u")
    if fields is not None and counted and isinstance(ends, datetime) and to_micros(ends) <= last:
        states.append(((*version, 1), {**fields, "__expired__": ["u"]}))
    return states


def run_seed(number: int) -> list[str]:
    """Runs the case of a seed on both engines."""
    random = Random(number)
    timed = random_timed(random)
    return [*local_complaints(timed, random), *shuffled_complaints(timed, random)]
