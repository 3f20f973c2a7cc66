"""Plain and simple steps on their bytes leave the state and send the messages of the operators' steps, byte for byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
from beam_shuffle import Root, ShufflingRunner
from beam_streams import FROM, quick

from onto_flow.core.change import Change
from onto_flow.core.values import Reference
from onto_flow.engines.beam import cells
from onto_flow.engines.beam.live import Live, Pool
from onto_flow.engines.beam.maintain import Load, MaintainPlan
from onto_flow.engines.beam.plain_bytes import TAGGED, _is_its_parts
from onto_flow.engines.carried import End, encode_carried
from onto_flow.engines.coding import decode_message
from onto_flow.operators.base import DAY
from onto_flow.operators.messages import Told
from onto_flow.plan.nodes import Plan
from onto_flow.testing.cases import random_case
from onto_flow.testing.histories import deliver
from onto_flow.testing.shapes import Shape, plan_of

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

CHAIN = Shape(
    "V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("via", "c", 1, ("s",)), ("on", "b", 0, ("k", "k")))
)
FEW = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("via", "c", 1, ("s",))), "few")
FAILING = Shape(
    "V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",))), selections=((1, "strict", "", False, -1),)
)


class Both:
    """A pipeline that runs as it is, and with every change a step of its operator."""

    def __init__(self, plan: Plan, page: int, *, loads: bool = False) -> None:
        with quick():
            pipeline = beam.Pipeline()
            self.root = pipeline | "changes" >> Root().with_output_types(Change)
            self.documents = pipeline | "documents" >> Root().with_output_types(Change)
            self.ends = pipeline | "ends" >> Root().with_output_types(bytes)
            load = Load(self.documents, self.ends, 1) if loads else None
            maintained = self.root | "maintain" >> MaintainPlan(plan, load=load, generation=FROM, shards=2, page=page)
            self.runner = ShufflingRunner(pipeline, maintained._asdict())
        self.fns = [s.fn for s in self.runner.stages.values() if hasattr(s.fn, "plain")]
        self.plain = [(fn.plain, fn.simple, fn.followed) for fn in self.fns]
        self.taken: Counter[str] = Counter()
        self.loaded: Sequence[Change] = ()

    def run(self, changes: Sequence[Change], seed: int, *, plain: bool) -> Any:
        """All that is left: states, timers and all that there were, and what came out, in its order."""
        for fn, (take, simple, followed) in zip(self.fns, self.plain):
            fn.plain = self._counted(fn.node.kind, take) if plain else lambda *given: None
            fn.simple = self._counted(f"simple {fn.node.kind}", simple) if plain else lambda *given: None
            fn.followed = self._counted("followed", followed) if plain else lambda *given: None
            fn.operator.relies = plain
            fn.live.close()
        random = Random(seed)
        end = encode_carried(End("load", "all", len(self.loaded), len(self.loaded)))
        pieces: list[Any] = [(self.documents, self.loaded), (self.ends, [end])] if self.loaded else []
        pieces += [(self.root, changes[at : at + 2]) for at in range(0, len(changes), 2)]
        timers: set[Any] = set()
        self.runner.begin(random, lambda run: timers.update(run.timers.items()))
        self.runner.run(pieces, 5 * DAY)
        kept = {name: list(found) for name, found in self.runner.kept.items()}
        kept["dead_letters"] = [letter._replace(stack="") for letter in kept["dead_letters"]]
        return dict(self.runner.states), (dict(self.runner.timers), timers), kept

    def _counted(self, kind: str, take: Any) -> Any:
        def counted(*given: Any) -> Any:
            found = take(*given)
            self.taken[kind] += found is not None
            return found

        return counted

    def of_deletions(self, kind: str, take: Any) -> Any:
        """Counts deletions among the steps that are taken."""

        def counted(key: bytes, envelope: bytes, begin: int, given: Any) -> Any:
            found, message = take(key, envelope, begin, given), decode_message(envelope[begin:])
            now = message.doc if isinstance(message, Told) else message
            self.taken[f"deletion {kind}"] += found is not None and getattr(now, "fields", ()) is None
            return found

        return counted

    def compare(self, changes: Sequence[Change], seed: int) -> None:
        """Both ways, in the same order."""
        assert self.run(changes, seed, plain=True) == self.run(changes, seed, plain=False)


def mostly_plain(random: Random, count: int) -> list[Change]:
    """Documents of the collections a, b and c: contents change often, references seldom, and some go and come back."""
    paths = [f"{letter}/{n}" for letter in "abc" for n in range(3)]
    now: dict[str, Any] = {}
    changes = []
    for number in range(1, count + 1):
        path = random.choice(paths)
        fields = dict(now.get(path) or {})
        if not fields or random.random() < 0.15:
            fields["r"] = [Reference(f"b/{n}") for n in range(3) if random.random() < 0.6]
            fields["s"], fields["k"] = Reference(f"c/{random.randrange(3)}"), random.choice("xy")
        fields["n"], fields["x"] = random.choice([1, 2, "hide", "é", None]), number
        now[path] = None if random.random() < 0.08 else fields
        changes.append(Change(path, None, now[path], (FROM + 10 * number, 0)))
    return changes


@pytest.mark.parametrize(("shape", "page"), [(CHAIN, 2), (FEW, 0), (FAILING, 0)])
def test_changes_that_are_mostly_plain(shape: Shape, page: int) -> None:
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


def test_a_step_that_fails_with_all_states_is_the_same_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes on by pages, or is in shards, waits for them; the others do not."""
    letters, waited = [], []
    for page, split in ((0, 32 << 10), (1, 32 << 10), (0, 20)):
        monkeypatch.setattr(cells, "SPLIT_BYTES", split)
        both = Both(plan_of(FEW), page)
        for fn in both.fns:
            if fn.node.kind == "match":
                monkeypatch.setattr(fn.operator, "step", failing_on((FROM + 1000, 0), fn.operator.step))
                monkeypatch.setattr(fn, "_wait", noting(fn._wait, waited, (page, split)))
        all_of_b = [Reference(f"b/{n}") for n in range(3)]
        changes = [Change(f"a/{n}", None, {"r": all_of_b}, (FROM + n, 0)) for n in range(3)]
        changes += [Change("b/1", None, {"n": n, "s": Reference(f"c/{n}")}, (FROM + 500 * n, 0)) for n in (1, 2)]
        letters.append(both.run(changes, 0, plain=False)[2]["dead_letters"])
    assert letters[0] == letters[1] == letters[2]
    assert [letter.key for letter in letters[0]] == ["view:V:V.match.s1:sb/1"]
    assert {*waited} == {(1, 32 << 10), (0, 20)}


def failing_on(version: Any, step: Any) -> Any:
    """A step that fails when it has told of a version."""

    def taken(key: Any, messages: Sequence[Any], given: Any) -> None:
        step(key, messages, given)
        if any(isinstance(m, Told) and m.doc.version == version for m in messages):
            raise ValueError(version)

    return taken


def noting(take: Any, notes: list[Any], note: Any) -> Any:
    def taken(*given: Any) -> Any:
        notes.append(note)
        return take(*given)

    return taken


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
