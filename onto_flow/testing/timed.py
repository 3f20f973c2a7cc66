"""Judges runs in which time passes, and code fails: the local flow after every batch, the shuffling engine at rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any

from ..core.change import NEVER, DeadLetter, Version, ViewChange
from ..core.values import Document, from_micros, to_micros
from ..engines.base import event, seed, ticks
from ..engines.local.flow import LocalFlow
from ..operators.base import Output
from ..operators.messages import Event
from ..plan.clocks import clocks, last_tick
from ..plan.nodes import Plan
from .histories import DELIVERIES, History, deliver
from .judge import Timeline, judge_shown, timelines_of_shown, unknown_version
from .judge_changes import applied, judge_chain, judge_tables
from .letters import open_letters
from .oracle import recompute
from .shuffling import LOOSE, ShufflingEngine
from .timed_cases import Timed, failing, random_timed


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
