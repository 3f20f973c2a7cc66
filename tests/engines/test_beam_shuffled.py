"""The stream in any order that Beam may choose: laws 1 and 3, and that the fence opens when nothing is under way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from random import Random
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
from beam_shuffle import Root, ShufflingRunner
from beam_streams import FROM, Outcome, quick

from onto_flow.core.change import Change
from onto_flow.core.codec import decode_state
from onto_flow.core.equality import same
from onto_flow.core.values import Document
from onto_flow.engines.beam.fence import Account
from onto_flow.engines.beam.gate import OPEN
from onto_flow.engines.beam.maintain import Load, MaintainPlan
from onto_flow.engines.beam.outlet import CAUSED
from onto_flow.engines.carried import LOAD, End, encode_carried
from onto_flow.engines.credit import Sum, add, digest, unwrap
from onto_flow.operators.base import DAY
from onto_flow.plan.nodes import Plan
from onto_flow.plan.wire import from_json, to_json
from onto_flow.testing.cases import Case, random_case
from onto_flow.testing.engine_suite import EngineSuite, Tables
from onto_flow.testing.histories import deliver
from onto_flow.testing.oracle import recompute

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]


class Shuffled:
    """`Maintain` of one plan, as often as one likes."""

    def __init__(self, plan: Plan, snapshot: int | None, page: int, coalesce: int = 0) -> None:
        types = {"documents": Change, "changes": Change, "ends": bytes}
        with quick():
            pipeline = beam.Pipeline()
            self.roots = {name: pipeline | name >> Root().with_output_types(of) for name, of in types.items()}
            load = Load(self.roots["documents"], self.roots["ends"], 1)
            options = {"snapshot": snapshot, "generation": FROM, "shards": 2, "page": page, "coalesce": coalesce}
            maintained = self.roots["changes"] | "maintain" >> MaintainPlan(plan, load=load, **options)
            self.runner = ShufflingRunner(pipeline, maintained._asdict())
        self.operators = [f"maintain/{node.id}/ParDo(step)" for node in plan.operators]
        self.opened = self.load_alone = False

    def run(
        self,
        documents: Sequence[Change],
        changes: Sequence[Change],
        random: Random,
        *,
        later: int = 0,
        watched: bool = True,
    ) -> Outcome:
        """A load and a feed, in pieces, in any order; and a watch that nothing of the load is under way at the fence."""
        roots = self.roots
        moves = [(roots["documents"], piece) for piece in sliced(documents, random)]
        end = (roots["ends"], [encode_carried(End(LOAD, "all", len(documents), len(documents)))])
        moves.insert(random.randint(0, len(moves)), end)
        for piece in sliced(changes, random):
            moves.insert(random.randint(0, len(moves)), (roots["changes"], piece))
        self.opened, self.load_alone = False, not changes
        self.runner.begin(random, self._watch if watched else lambda run: None)
        self.runner.run(moves, later)
        kept = {name: list(found) for name, found in self.runner.kept.items()}
        assert len(kept["receipts"]) == 1
        receipts = [json.loads(text) for text in kept["receipts"]]
        return Outcome(kept["views"], kept["dead_letters"], kept["gaps"], receipts)

    def _watch(self, runner: ShufflingRunner) -> None:
        if self.opened:
            return
        assert not runner.kept["views"], "shown before the fence"
        account = next((v for (label, *_), v in runner.states.items() if label.endswith("/ParDo(fence)")), None)
        self.opened = account is not None and Account(*decode_state(account)).opened
        if self.opened:
            for (label, _), queue in runner.waiting.items():
                if label in self.operators:
                    assert not any(unwrap(data)[0].mantissa for _, data in queue), label
            waits = [decode_state(v) for (*_, name), v in runner.states.items() if name == "waits"]
            assert not any(weight[0] for _, _, weight, *_ in waits)
            inboxes = [data for (*_, name), held in runner.states.items() if name == "inbox" for data in held]
            assert not any(unwrap(data)[0].mantissa for data in inboxes)
            if self.load_alone:
                assert not [label for label, _ in runner.waiting if label in self.operators]
                assert not [pages for _, pages, *_ in waits if pages]
                assert_awaited(runner)


def assert_awaited(runner: ShufflingRunner) -> None:
    """The markers on their way to the gate say how many view changes of the load come there, or came."""
    waiting = [data for (label, _), queue in runner.waiting.items() if label.endswith("(gate)") for _, data in queue]
    came = [decode_state(v)[1] for (*_, name), v in runner.states.items() if name == "gate"]
    awaited = [decode_state(data[1:]) for data in waiting if data[:1] == OPEN]
    assert sum(awaited) == sum(came) + sum(data[:1] == CAUSED for data in waiting)


@lru_cache(maxsize=4)
def shuffled(plan: str, snapshot: int | None, page: int, coalesce: int = 0) -> Shuffled:
    """As building a pipeline takes as long as ten runs of it."""
    return Shuffled(from_json(plan), snapshot, page, coalesce)


def sliced(elements: Sequence[Any], random: Random) -> list[Sequence[Any]]:
    """Elements in pieces of random size."""
    pieces = []
    while elements:
        size = random.choice((1, 2, 5))
        pieces.append(elements[:size])
        elements = elements[size:]
    return pieces


class OnStream(EngineSuite):
    """Binds the suite."""

    thorough = False
    generated, together = 300, 60
    page = 2
    times = 2
    later = 0
    coalesce = 0

    def run(
        self, plan: Plan, documents: Mapping[str, Document], snapshot: int | None, changes: Sequence[Change]
    ) -> Tables:
        given = [Change(p, None, f, (0, 1)) for p, f in documents.items()]
        stream = shuffled(to_json(plan), snapshot, self.page, self.coalesce)
        runs = [stream.run(given, changes, Random(n), later=self.later).tables(plan) for n in range(self.times)]
        assert all(same(found[view], table) for found in runs for view, table in runs[0].items())
        return runs[0]


@pytest.mark.long
class TestOnStream(OnStream):
    pass


@pytest.mark.long
class TestCoalescing(OnStream):
    coalesce = 1000


def test_sessions_are_joined_and_parted() -> None:
    OnStream().test_sessions_are_joined_and_parted()


@pytest.mark.parametrize("page", [1, 0])
def test_generated_cases(page: int) -> None:
    suite = OnStream()
    suite.page, suite.later, suite.coalesce = page, 5 * DAY, 1000 * (page == 0)
    for number in range(6):
        random = Random(number)
        case = random_case(random, most=20)
        suite.judge(case, deliver(case.history.feed, random, "shuffled"))


def let_out_once(case: Case, page: int, seed: int) -> None:
    history = case.history
    whole = [Change(p, None, f, (0, 1)) for p, f in history.final.items()]
    outcome = shuffled(to_json(case.plan), None, page).run(whole, [], Random(seed))
    expected = recompute(case.plan, history.final)
    assert same(outcome.tables(case.plan), expected)
    assert len(outcome.changes) == sum(map(len, expected.values()))
    sums: dict[str, Sum] = {view.name: Sum(0, 0) for view in case.plan.views}
    for view, table in expected.items():
        for path, document in table.items():
            add(sums, {view: digest(path, document)})
    [receipt] = outcome.receipts
    assert receipt["views"] == {v: {"count": s.size, "hash": f"{s.digest:032x}"} for v, s in sums.items()}
    assert receipt["documents"] == len(whole)


@pytest.mark.parametrize("page", [1, 0])
def test_a_load_alone_is_let_out_once_when_all_of_it_is_over(page: int) -> None:
    for number in range(8):
        random = Random(100 + number)
        case = random_case(random, most=20)
        for seed in range(4):
            let_out_once(case, page, seed)
