"""A case through the local engine: the table, and the gaps of the feed, are compared with the oracle after every batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from onto_flow.core.change import Change, DeadLetter, ViewChange
from onto_flow.core.codec import decode, encode
from onto_flow.core.gaps import Gap, Gaps
from onto_flow.core.unread import is_unread
from onto_flow.core.values import Document
from onto_flow.engines.base import event, seed
from onto_flow.engines.local.entries import Entries, Partly
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators import chosen, over
from onto_flow.operators.base import Output
from onto_flow.operators.chosen import INDEXED
from onto_flow.operators.drained.editions import MARK
from onto_flow.operators.over import KEPT_FROM
from onto_flow.operators.record import Record
from onto_flow.plan.nodes import Plan
from onto_flow.testing.cases import Case, random_case
from onto_flow.testing.histories import DELIVERIES, History, deliver
from onto_flow.testing.judge import Shown, judge_shown, timelines
from onto_flow.testing.judge_changes import applied, judge_chain, judge_tables
from onto_flow.testing.letters import judge_letters, open_letters
from onto_flow.testing.oracle import recompute
from tests.laws.hot import hot_case, wide_case

SIZES = (1, 1, 2, 5, 100)


def complaints(case: Case, random: Random, page: int = 0) -> Iterator[str]:
    """What is wrong when the local flow runs a case.

    Args:
        case: The views and the history.
        random: Decides everything else.
        page: How many subscribers a step may tell; then a table may be late, until all pages have come.
    """
    history, plan = case.history, case.plan
    # Slots of generated views are small: half of the cases keep what accumulators over slots have made of them.
    over.KEPT_FROM = 0 if len(history.commits) % 2 else KEPT_FROM
    chosen.INDEXED = 0 if len(history.commits) % 2 else INDEXED
    flow = LocalFlow(plan, snapshot=history.snapshot, page=page)
    seen: list[ViewChange] = []
    shown = Seen(plan, flow)
    gaps = Gaps()
    letters: list[DeadLetter] = []

    def take(outputs: list[Output]) -> None:
        shown.look()
        for output in outputs:
            if isinstance(output, ViewChange):
                seen.append(output)
            elif isinstance(output, Gap):
                gaps.take(output)
            elif isinstance(output, DeadLetter):
                letters.append(output)

    if history.exported:
        take(flow.process([seed(c, history.snapshot) for c in history.seeds()]))
        yield from judge_tables(recompute(plan, history.documents), applied(seen))
    forgetful = page and random.random() < 0.5
    items, size = deliver(history.feed, random, random.choice(DELIVERIES)), random.choice(SIZES)
    lost = set(random.sample(history.feed, len(history.feed) // random.choice((2, 5, 100))))
    items = [index for index in items if index not in lost]
    for at in range(0, len(items), size):
        take(flow.process([event(history.change(i)) for i in items[at : at + size]]))
        while flow.timer_is_due and (at + size >= len(items) or not page or random.random() < 0.5):
            if forgetful and random.random() < 0.3:
                flow = shown.flow = restart(flow, random, plan, history.snapshot, page)
            take(flow.process(()))
        if flow.timer_is_due:
            continue
        for complaint in judge_tables(recompute(plan, history.known(items[: at + size])), applied(seen)):
            yield f"after {items[: at + size]}: {complaint}"
        yield from judge_letters(open_letters(plan, history.known(items[: at + size])), letters)
        missing = {(p, v) for p, v in history.missing(items[: at + size]) if plan.projection.wants(p)}
        if gaps.awaited() != missing:
            yield f"after {items[: at + size]}: the gaps are {gaps.awaited()} and should be {missing}"
    yield from judge_chain((change, False) for change in seen)
    if page:
        yield from shown.complaints(history, seen)
        yield from not_at_rest(flow, plan, history.known(items))


def restart(flow: LocalFlow, random: Random, plan: Plan, snapshot: int | None, page: int) -> LocalFlow:
    """The flow of another process, after a kill behind a checkpoint: cells from their bytes, entries of maps in any order."""
    for states in flow.state.states.values():
        for cells in states.values():
            for name, value in list(cells.items()):
                if hasattr(value, "items") and not is_unread(value):
                    entries = list(value.items())
                    random.shuffle(entries)
                    cells[name] = unread(random, entries) if random.random() < 0.5 else dict(entries)
                elif hasattr(value, "pack"):
                    cells[name] = decode(encode(value.pack()))
    return LocalFlow(plan, snapshot=snapshot, page=page, state=flow.state)


class Unwritten:
    """A rest that is in no table. See `engines.local.entries.Rest`."""

    def __init__(self, entries: list[tuple[Any, Any]]) -> None:
        self._entries, self._at = entries, 0

    def find(self, key: Any) -> tuple[Any, ...]:
        return next(((value,) for other, value in self._entries[self._at :] if other == key), ())

    def next(self, most: int) -> tuple[list[tuple[Any, Any]], bool]:
        at, self._at = self._at, self._at + most
        return self._entries[at : self._at], self._at <= len(self._entries)


def unread(random: Random, entries: list[tuple[Any, Any]]) -> Partly:
    """A map of which some entries are read, and changed or not; of others the rest has an older value, or one that went."""
    known = Entries(entries[: random.randint(0, len(entries))])
    rest = [(key, random.choice((value, None)) if key in known else value) for key, value in entries]
    for gone in ("gone/1", "gone/2"):
        known[gone] = None
        rest.insert(random.randint(0, len(rest)), (gone, None))
        del known[gone]
    known.behind = set(known.changed)
    return Partly(known, Unwritten(rest))


def not_at_rest(flow: LocalFlow, plan: Plan, documents: Mapping[str, Document]) -> Iterator[str]:
    """At rest what a flow knows is what one knows that only ever saw the documents of now."""
    other = LocalFlow(plan)
    other.process([event(Change(path, None, fields, (1, 0))) for path, fields in documents.items()])
    found, expected = knowledge(flow, plan), knowledge(other, plan)
    for place in sorted(found.keys() | expected.keys(), key=str):
        if found.get(place) != expected.get(place):
            yield f"at rest {place} is {found.get(place)} and should be {expected.get(place)}"


def knowledge(flow: LocalFlow, plan: Plan) -> dict[tuple[str, Any], Any]:
    """(operator, key) -> documents and weights of subscriptions, or registers and open keys."""
    found: dict[tuple[str, Any], Any] = {}
    for node in plan.operators:
        for key, cells in flow.state.states[node.id].items():
            if node.kind == "match":
                subs = {root: weight % MARK for root, weight in (cells.get("subs") or {}).items()}
                waits = None if isinstance(cells.get("round"), int) else cells.get("round")
                found[node.id, key] = sorted(cells.get("docs") or ()), subs, cells.get("left") or {}, waits
            elif node.kind == "assemble":
                record = Record.of(cells.get("record"))
                held = sorted(p for p, d in record.reg.items() if d.fields is not None)
                found[node.id, key] = held, record.open
    return {place: what for place, what in found.items() if any(what)}


class Seen:
    """What the roots of a flow showed, one state after the other: law 2 is about these."""

    def __init__(self, plan: Plan, flow: LocalFlow) -> None:
        self._plan, self.flow = plan, flow
        self._states: dict[tuple[str, str], list[Shown]] = {}

    def look(self) -> None:
        """Takes what is shown now."""
        for view in self._plan.views:
            for root, cells in self.flow.state.states[f"{view.name}.assemble"].items():
                if (f"{view.name}.assemble", root, "coalesce") in self.flow.state.timers._at:
                    continue  # it is told of in pages: what it shows is of several states
                record, states = Record.of(cells.get("record")), self._states.setdefault((view.name, str(root)), [])
                if record.last != (states[-1].outputs if states else {}):
                    witness = {p: d.version for p, d in record.reg.items()}
                    states.append(Shown(view.name, str(root), dict(record.last), witness))

    def complaints(self, history: History, seen: list[ViewChange]) -> Iterator[str]:
        """What never was, or went back."""
        lines = timelines(self._plan, history, shown=seen)
        for (name, _), states in self._states.items():
            complaint = judge_shown(self._plan.view(name), states, lines)
            if complaint is not None:
                yield complaint


def run_seed(number: int, *, most: int = 45, page: int = 0) -> list[str]:
    """Runs the case of a seed."""
    random = Random(number)
    return list(complaints(random_case(random, most=most), random, page))


def run_hot_seed(number: int, *, most: int = 30, page: int = 1) -> list[str]:
    """Runs the case of a seed in which keys are hot."""
    random = Random(number)
    return list(complaints(hot_case(random, most), random, page))


def run_wide_seed(number: int, *, most: int = 30, page: int = 1) -> list[str]:
    """Runs the case of a seed in which roots meet many documents."""
    random = Random(number)
    return list(complaints(wide_case(random, most), random, page))
