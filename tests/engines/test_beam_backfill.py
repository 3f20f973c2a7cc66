"""The batch plan on Beam gives the tables of the oracle and of the embedded engine, however many shards there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
import chosen_views
from engine_views import History, plan
from kept_outputs import KEPT, keep

from onto_flow import plan_views
from onto_flow.beam import Backfill
from onto_flow.core.change import BELOW_EVENTS, Change, DeadLetter, ViewChange
from onto_flow.core.equality import same
from onto_flow.core.errors import EngineError
from onto_flow.core.values import Document, Reference, from_micros
from onto_flow.demo import data as demo
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.engines.base import seed
from onto_flow.engines.beam.backfill import _Build, _Finish, refusals
from onto_flow.engines.beam.elements import pack_built, unpack_built
from onto_flow.engines.beam.engine import IN_PROCESS
from onto_flow.engines.beam.parcels import ROOTS, shard_named, shard_of, unpacked
from onto_flow.engines.beam.routing import Hops, Router
from onto_flow.engines.beam.transforms import BackfillViews
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.plan.nodes import Plan
from onto_flow.plan.wire import to_json
from onto_flow.testing.cases import Case, random_case
from onto_flow.testing.named_cases import FIXED
from onto_flow.testing.oracle import recompute
from onto_flow.testing.session_view import MINUTE, Visit
from tests.jobs.feeds import documents_of
from tests.jobs.small import JOBS, job_and_feed
from udfs.movielens import GenreStats, YearStats

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

Tables = dict[str, dict[str, Document]]
Job = tuple[Plan, Sequence[Change], int]


def run_all(jobs: Mapping[str, Job]) -> dict[str, tuple[Tables, list[DeadLetter]]]:
    """Many backfills as one pipeline, which starts slowly."""
    KEPT.clear()
    with beam.Pipeline(runner=IN_PROCESS) as pipeline:
        for name, (plan, documents, shards) in jobs.items():
            given = pipeline | f"{name}.documents" >> beam.Create(documents).with_output_types(Change)
            found = given | name >> BackfillViews(plan, shards=shards, generation=7)
            _ = found | f"{name}.keep" >> beam.Map(keep, name)
            _ = found.dead_letters | f"{name}.letters" >> beam.Map(keep, f"{name}.letters")
    return {n: (tables_of(p, KEPT.get(n, [])), KEPT.get(f"{n}.letters", [])) for n, (p, _, _) in jobs.items()}


def tables_of(plan: Plan, changes: Sequence[ViewChange]) -> Tables:
    tables: Tables = {view.name: {} for view in plan.views}
    for change in changes:
        assert change.path not in tables[change.view], f"{change.path} was given twice"
        assert (change.old, change.version) == (None, (7, 0, 1))
        assert change.new is not None
        tables[change.view][change.path] = change.new
    return tables


def as_documents(documents: Mapping[str, Document], random: Random) -> list[Change]:
    found = [Change(p, None, f, BELOW_EVENTS) for p, f in documents.items()]
    random.shuffle(found)
    return found


def differences(found: Tables, expected: Mapping[str, Mapping[str, Document]]) -> list[str]:
    return [
        f"{view} {path}: {found[view].get(path)} should be {table.get(path)}"
        for view, table in expected.items()
        for path in {*found[view], *table}
        if not same(found[view].get(path), table.get(path))
    ]


def simulated(plan: Plan, documents: Sequence[Change], shards: int) -> list[Any]:
    """The outputs of the same steps without a runner; every target's values come in another order."""
    text, random = to_json(plan), Random(shards)
    built: list[Any] = []
    groups: dict[bytes, list[bytes]] = {}
    for target, values in dealt(plan, documents, shards).items():
        for output in _Build(text, shards).process((target, values), 7):
            if isinstance(output, beam.pvalue.TaggedOutput):
                groups.setdefault(output.value[0], []).append(output.value[1])
            else:
                built.append(output)
    for target, values in groups.items():
        random.shuffle(values)
        built += _Finish(text).process((target, values), 7)
    return [output for one in map(unpack_built, map(pack_built, built)) for output in (*one.changes(), *one.letters())]


def dealt(plan: Plan, documents: Sequence[Change], shards: int) -> dict[bytes, list[bytes]]:
    """The packed documents of each shard of roots."""
    router, hops, random = Router(plan, shards), Hops(plan, shards), Random(shards)
    packed = [*router.take(documents), *router.rest()]
    for level in range(1, 9):
        by_target: dict[bytes, list[bytes]] = {}
        for one in packed:
            if one.level == level:
                by_target.setdefault(one.target, []).append(one.data)
        for target, values in by_target.items():
            random.shuffle(values)
            packed += hops.meet(target, values)
    found: dict[bytes, list[bytes]] = {}
    for one in packed:
        if one.level == ROOTS:
            found.setdefault(one.target, []).append(one.data)
    return found


def judge(name: str, case: Case, shards: Sequence[int]) -> None:
    documents = as_documents(case.history.final, Random(1))
    for number in shards:
        outputs = simulated(case.plan, documents, number)
        tables = tables_of(case.plan, [o for o in outputs if isinstance(o, ViewChange)])
        assert differences(tables, recompute(case.plan, case.history.final)) == [], (name, number)


def known(cases: Mapping[str, Case]) -> dict[str, Case]:
    return {name: case for name, case in cases.items() if not refusals(case.plan)}


def test_cases_with_a_name() -> None:
    cases = known(FIXED)
    assert len(cases) > 15
    for name, case in cases.items():
        judge(name, case, (1, 2, 3, 7))


@pytest.mark.parametrize("many", [60, pytest.param(3000, marks=pytest.mark.long)])
def test_generated_cases(many: int) -> None:
    cases = known({str(n): random_case(Random(n)) for n in range(many)})
    assert len(cases) > many * 0.9
    for name, case in cases.items():
        judge(name, case, (1, 3))


def test_cases_on_the_runner() -> None:
    chosen = ("the same target through two parents", "every accumulator, while members change, move and go")
    random = Random(1)
    jobs = {str(n): (FIXED[c].plan, as_documents(FIXED[c].history.final, random), 3) for n, c in enumerate(chosen)}
    for (tables, _), name in zip(run_all(jobs).values(), chosen):
        assert differences(tables, recompute(FIXED[name].plan, FIXED[name].history.final)) == []


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 200, 20))
def test_generated_cases_on_the_runner(first: int) -> None:
    random = Random(1)
    cases = known({str(n): random_case(Random(n)) for n in range(first, first + 20)})
    jobs = {name: (c.plan, as_documents(c.history.final, random), 3) for name, c in cases.items()}
    for name, (tables, _) in run_all(jobs).items():
        assert differences(tables, recompute(cases[name].plan, cases[name].history.final)) == []


def of_the_flow(plan: Plan, documents: Sequence[Change], letters: list[DeadLetter] | None = None) -> Tables:
    """The tables of the embedded engine's flow."""
    expected: Tables = {v.name: {} for v in plan.views}
    told = [] if letters is None else letters
    for output in LocalFlow(plan).process([seed(c, None) for c in documents]):
        if isinstance(output, ViewChange) and output.new is not None:
            expected[output.view][output.path] = output.new
        elif isinstance(output, DeadLetter):
            told.append(output)
    return expected


def same_as_local(plan: Plan, documents: Sequence[Change], shards: Sequence[int]) -> None:
    given: list[DeadLetter] = []
    expected = of_the_flow(plan, documents, given)
    letters = sorted(letter.key for letter in given)
    for name, (tables, told) in run_all({str(k): (plan, documents, k) for k in shards}).items():
        assert differences(tables, expected) == [], name
        assert sorted(letter.key for letter in told) == letters
    assert any(expected.values())


def test_meeting_room() -> None:
    plan = plan_views(MeetingSession, OrganizationLoad)
    same_as_local(plan, as_documents(demo.documents(), Random(2)), (1, 4))


def test_views_of_every_kind_and_letters_of_failing_code() -> None:
    documents = History(5, size=25, changes=0).documents
    found = as_documents(documents, Random(3))
    found += [Change("meetings/broken", None, {"room": "broken", "sku": []}, BELOW_EVENTS)]
    same_as_local(plan(), found, (1, 3))


def test_slots_that_choose_and_sessions() -> None:
    at = (from_micros(n * n * MINUTE) for n in range(9))
    clicks = {f"clicks/c{n}": {"user": "ada" if n % 2 else "bob", "at": t} for n, t in enumerate(at)}
    documents = as_documents({**chosen_views.documents(), **clicks}, Random(4))
    same_as_local(plan_views(chosen_views.Wall, Visit), documents, (1, 3))


@pytest.mark.parametrize("shards", [1, 3])
def test_a_view_that_says_so_stops_the_job(shards: int) -> None:
    with pytest.raises(Exception, match="on_error = 'fail', so the run was stopped"):
        run_all(
            {"strict": (plan_views(chosen_views.StrictWall), as_documents(chosen_views.documents(), Random(4)), shards)}
        )


@pytest.mark.parametrize("name", JOBS)
def test_documents_that_meet_by_urls_and_by_ids(name: str) -> None:
    plan, existing, _ = job_and_feed(name)
    same_as_local(plan, existing, (1, 3))


@pytest.mark.parametrize("name", ["swapi", pytest.param("stocks", marks=pytest.mark.long), "movielens"])
def test_the_real_exports(name: str, real_exports: Path) -> None:
    documents = as_documents(documents_of(real_exports / name), Random(6))
    plan = plan_views(GenreStats, YearStats) if name == "movielens" else job_and_feed(name)[0]
    assert refusals(plan) == []
    expected = of_the_flow(plan, documents)
    for shards in (1, 4):
        changes = [o for o in simulated(plan, documents, shards) if isinstance(o, ViewChange)]
        assert differences(tables_of(plan, changes), expected) == []
    assert all(expected.values())


def test_views_that_the_batch_plan_does_not_know_are_refused_with_what_they_say() -> None:
    refused = next(c.plan for c in FIXED.values() if refusals(c.plan))
    assert refusals(refused) == ["View.relayed", "the operator relay"]

    class Local(MeetingSession):
        pass

    with pytest.raises(EngineError, match="known to this process alone"):
        Backfill(Local)


def test_a_stream_is_refused() -> None:
    pipeline = beam.Pipeline(runner=IN_PROCESS)
    changes = pipeline | beam.Create([Change("users/u1", None, {}, BELOW_EVENTS)]).with_output_types(Change)
    windowed = changes | beam.WindowInto(beam.window.FixedWindows(60))
    with pytest.raises(EngineError, match="global window"):
        _ = windowed | Backfill(MeetingSession)


def routed(plan: Plan, documents: Sequence[Change], shards: int) -> dict[int, list[str]]:
    """Which documents come to each shard of roots of the first view."""
    found = {shard_named(target): values for target, values in dealt(plan, documents, shards).items()}
    return {shard: [c[0] for c in unpacked(values)] for (number, shard), values in found.items() if number == 0}


def test_a_shard_gets_what_its_roots_lead_to_and_nothing_else() -> None:
    plan = MeetingSession.plan()
    rooms = {
        f"meetings/m{n}": {
            "status": "x",
            "location": Reference(f"locations/l{n}"),
            "tickets": [Reference(f"tickets/t{n}")],
        }
        for n in range(40)
    }
    tickets = {f"tickets/t{n}": {"attendance": True, "user": Reference(f"users/u{n}")} for n in range(60)}
    users = {f"users/u{n}": {"firstName": "A"} for n in range(80)}
    locations = {f"locations/l{n}": {"name": "L"} for n in range(50)}
    found = routed(plan, as_documents({**rooms, **tickets, **users, **locations}, Random(4)), 3)
    assert len(found) == 3
    for shard, paths in found.items():
        mine = [n for n in range(40) if shard_of(f"meetings/m{n}", 3) == shard]
        expected = [f"{kind}{n}" for n in mine for kind in ("meetings/m", "locations/l", "tickets/t", "users/u")]
        assert sorted(paths) == sorted(expected)


def test_everything_goes_to_the_only_shard_but_what_no_slot_reads() -> None:
    router = Router(MeetingSession.plan(), 1)
    documents = [Change(p, None, {}, BELOW_EVENTS) for p in ("users/u1", "notes/n1", "users/u1/pets/p1", "meetings/m1")]
    packed = [*router.take(documents), *router.rest()]
    assert [change[0] for one in packed for change in unpacked([one.data])] == ["users/u1", "meetings/m1"]
