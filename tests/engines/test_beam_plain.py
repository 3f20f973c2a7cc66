"""Plain and simple steps on their bytes leave the state and send the messages of the operators' steps, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
from beam_both import CHAIN, FAILING, FEW, Both, mostly_plain
from beam_streams import FROM

from onto_flow.core.change import Change
from onto_flow.core.values import Reference
from onto_flow.engines.beam import cells, plain_assemble
from onto_flow.engines.beam.live import Live, Pool
from onto_flow.engines.beam.plain_bytes import TAGGED, _is_its_parts
from onto_flow.testing.cases import random_case
from onto_flow.testing.histories import deliver
from onto_flow.testing.shapes import Shape, plan_of

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(("shape", "page"), [(CHAIN, 2), (FEW, 0), (FAILING, 0)])
def test_changes_that_are_mostly_plain(
    shape: Shape, page: int, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setattr(plain_assemble, "plain_root", lambda: None)
    both = Both(plan_of(shape), page)
    for seed in range(6):
        random = Random(seed)
        changes = mostly_plain(random, 60)
        late = [random.choice(changes) for _ in range(15)]
        both.compare([*changes[:40], *late, *changes[40:]], seed)
    wanted = (
        {"ingest", "match", "assemble", "simple ingest"} if shape is FEW else {"match"} if shape is CHAIN else set()
    )
    wanted |= {"simple match"} if shape is not FAILING else set()
    assert all(both.taken[kind] > 20 for kind in wanted), both.taken


def coming_and_going(random: Random, count: int) -> list[Change]:
    """Documents that are made, and deleted, and made again."""
    paths = [f"{letter}/{n}" for letter in "abc" for n in range(3)]
    there: dict[str, Any] = {}
    changes = []
    for number in range(1, count + 1):
        path = random.choice(paths)
        fields = {"r": [Reference(f"b/{n}") for n in range(3)], "s": Reference("c/1"), "k": random.choice("xy")}
        there[path] = None if there.get(path) else {**fields, "n": number}
        changes.append(Change(path, None, there[path], (FROM + 10 * number, 0)))
    return changes


@pytest.mark.parametrize(("shape", "loads"), [(CHAIN, False), (FEW, False), (FEW, True)])
def test_documents_that_go_and_come(shape: Shape, loads: bool) -> None:
    both = Both(plan_of(shape), 0, loads=loads)
    both.plain = [
        (plain, both.of_deletions(fn.node.kind, simple), f) for fn, (plain, simple, f) in zip(both.fns, both.plain)
    ]
    for seed in range(6):
        changes = coming_and_going(Random(seed), 60)
        both.loaded = [c._replace(version=(1, 0)) for c in changes[:9] if c.after is not None] if loads else ()
        both.compare(changes[9:], seed)
    assert both.taken["deletion match"] > 20, both.taken
    assert both.taken["deletion ingest"] > 20, both.taken


def asking_for_many(random: Random, times: int) -> list[Change]:
    """Roots that ask for nearly all of b, which ask for one of c; again and again others."""
    changes = []
    for number in range(1, times + 1):
        paths = [*(f"a/{n}" for n in range(2)), *(f"b/{n}" for n in range(6)), *(f"c/{n}" for n in range(4))]
        random.shuffle(paths)
        for path in paths:
            asked = [Reference(f"b/{n}") for n in range(6) if random.random() < 0.8]
            fields = {"r": asked, "s": Reference(f"c/{random.randrange(4)}"), "n": number}
            after = None if random.random() < 0.05 else fields
            changes.append(Change(path, None, after, (FROM + 1000 * number + random.randrange(9), 0)))
    return changes


class More(beam.pvalue.TaggedOutput):  # type: ignore[type-arg]
    def __init__(self, tag: str, value: Any) -> None:
        super().__init__(tag, value)
        self.more = 1


def test_what_beam_carries_is_made_of_its_parts_where_it_has_no_others() -> None:
    assert TAGGED is beam.pvalue.TaggedOutput
    assert not _is_its_parts(More)


def test_roots_that_wait_for_many_answers() -> None:
    both = Both(plan_of(FEW), 0)
    for seed in range(6):
        both.compare(asking_for_many(Random(seed), 4), seed)
    assert both.taken["simple assemble"] > 10, both.taken
    assert both.taken["followed"] > 100, both.taken


def test_workers_that_take_turns() -> None:
    """What one has kept of a key is not what the other has made of it since."""
    both, random = Both(plan_of(FEW), 0), Random(7)

    def by_any(fn: Any, take: Any) -> Any:
        workers = [Live(), Live()]

        def taken(*given: Any) -> Any:
            fn.live = random.choice(workers)
            return take(*given)

        return taken

    both.plain = [(by_any(fn, plain), *others) for fn, (plain, *others) in zip(both.fns, both.plain)]
    for seed in range(6):
        both.compare(asking_for_many(Random(seed), 4), seed)


def test_what_a_load_causes() -> None:
    both = Both(plan_of(FEW), 0, loads=True)
    for seed in range(6):
        random = Random(seed)
        changes = mostly_plain(random, 60)
        last = {c.path: c for c in changes[:30] if c.after is not None}
        both.loaded = [c._replace(version=(1, 0)) for c in last.values()]
        both.compare(changes[random.choice((0, 30)) :], seed)
        assert len(both.runner.kept["receipts"]) == 1
    assert both.taken["simple ingest"] > 20
    assert both.taken["simple match"] > 20


class Raising:
    """An evaluator whose code raises on some documents."""

    def __init__(self, evaluator: Any) -> None:
        self.evaluator = evaluator

    def documents(self, members: Any) -> Any:
        if any(fields.get("n") == "hide" for found in members.values() for _, fields in found):
            raise ValueError("hide")
        return self.evaluator.documents(members)


@pytest.mark.parametrize("most", [8 << 20, 600])
def test_code_that_raises_and_workers_that_keep_little(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    both = Both(plan_of(FEW), 0)
    for fn in both.fns:
        monkeypatch.setattr(fn.live, "_pool", Pool(most))
        if fn.node.kind == "assemble":
            monkeypatch.setattr(fn.operator, "evaluator", Raising(fn.operator.evaluator))
    for seed in range(4):
        both.compare(mostly_plain(Random(seed), 50), seed)
    assert both.taken["assemble"] > 20
    assert both.runner.kept["dead_letters"]


def test_maps_in_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "SPLIT_BYTES", 60)
    both = Both(plan_of(FEW), 0)
    for seed in range(4):
        both.compare(mostly_plain(Random(seed), 60), seed)
    states, *_ = both.run(mostly_plain(Random(0), 60), 0, plain=True)
    assert any(name.startswith("docs_") for *_, name in states)


def test_a_message_that_fails_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that wait for the shards of a map are one step; where it fails, each is tried alone."""
    monkeypatch.setattr(cells, "SPLIT_BYTES", 60)
    both = Both(plan_of(FEW), 0)
    together: list[int] = []
    changes = mostly_plain(Random(0), 80)
    expected = shown(both.run(changes, 0, plain=True))
    for fn in both.fns:
        monkeypatch.setattr(fn.operator, "step", failing(fn.operator.step, together))
    given = both.run(changes, 0, plain=True)
    assert together
    assert given[2]["dead_letters"] == []
    assert shown(given) == expected


def failing(step: Any, together: list[int]) -> Any:
    """A step that cannot take several messages."""

    def taken(key: Any, messages: Sequence[Any], given: Any) -> None:
        step(key, messages, given)
        if len(messages) > 1:
            together.append(len(messages))
            raise ValueError("together")

    return taken


def shown(given: Any) -> dict[str, Any]:
    """The view documents at last."""
    latest = {c.path: c for c in sorted(given[2]["views"], key=lambda c: c.version)}
    return {path: change.new for path, change in latest.items()}


def test_any_views_and_histories() -> None:
    for number in range(8):
        random = Random(number)
        case = random_case(random, most=30)
        changes = [case.history.change(i) for i in deliver(case.history.feed, random, "shuffled")]
        Both(case.plan, random.choice((0, 2))).compare(changes, number)
