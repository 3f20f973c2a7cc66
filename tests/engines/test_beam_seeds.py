"""Two jobs on Beam: one writes the view table and seeds, the other begins with them; any order gives the oracle's table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
from beam_seeds import BATCH, Batch, Seeded, seeds_of, tables
from beam_streams import FROM, Stream
from engine_views import ListSource

from onto_flow import plan_views
from onto_flow.beam import Maintain, begin_with_seeds
from onto_flow.core.change import Change
from onto_flow.core.codec import encode
from onto_flow.core.equality import same
from onto_flow.core.errors import EngineError
from onto_flow.core.values import Document, to_micros
from onto_flow.demo import data as demo
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.engines.base import Job
from onto_flow.engines.beam import Engine
from onto_flow.engines.beam.maintain import Load, MaintainPlan
from onto_flow.engines.beam.reading import ENDS
from onto_flow.engines.beam.runners import BOUNDED
from onto_flow.engines.beam.seeds import SeedRecord, SeedsAt
from onto_flow.engines.beam.seeds_read import ListSeeds, ReadShard
from onto_flow.engines.beam.seeds_written import WriteShard
from onto_flow.engines.carried import Unreadable, decode_carried
from onto_flow.engines.credit import Sum, add, digest
from onto_flow.formats.seed_files import MANIFEST, SeedManifest
from onto_flow.operators.base import DAY
from onto_flow.operators.messages import Seed
from onto_flow.plan.nodes import Plan
from onto_flow.sinks.memory import MemorySink
from onto_flow.testing.cases import Case, random_case
from onto_flow.testing.histories import deliver
from onto_flow.testing.named_cases import FIXED
from onto_flow.testing.oracle import recompute

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

SNAPSHOT = to_micros(demo.EXPORTED_AT)
CHANGES = [step.change for step in demo.script()]


def room() -> Plan:
    return plan_views(MeetingSession, OrganizationLoad)


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    return Batch(room(), demo.documents(), SNAPSHOT, tmp_path_factory.mktemp("seeds"))


def after(changes: list[Change]) -> dict[str, Document]:
    documents = dict(demo.documents())
    for change in changes:
        documents.pop(change.path, None)
        if change.after is not None:
            documents[change.path] = change.after
    return documents


def test_a_stream_goes_on_from_a_batch_job(batch: Batch) -> None:
    plan, seeds = room(), batch.read()
    assert same(tables(plan, batch.changes), recompute(plan, demo.documents()))
    stream, expected = Seeded(plan, SNAPSHOT, 2), recompute(plan, after(CHANGES))
    for number in range(4):
        outcome = stream.run(seeds, CHANGES, Random(number), later=5 * DAY)
        assert not outcome.letters
        assert same(tables(plan, batch.changes, outcome.changes), expected)
        assert_receipt(outcome.receipts, expected)
        assert not [c for c in outcome.changes if same(c.old, c.new)]


def assert_receipt(receipts: list[Any], expected: dict[str, dict[str, Document]]) -> None:
    [receipt] = receipts
    sums: dict[str, Sum] = {}
    for view, table in expected.items():
        for path, document in table.items():
            add(sums, {view: digest(path, document)})
    read: dict[str, Sum] = {}
    for path, document in demo.documents().items():
        wanted = room().projection.fields(path)
        assert wanted is not None
        add(read, {path.rpartition("/")[0]: digest(path, {n: v for n, v in document.items() if n in wanted})})
    assert receipt["seeds"]["ingest"] == receipt["documents"] == len(demo.documents())
    assert receipt["collections"] == {n: {"count": s.size, "hash": f"{s.digest:032x}"} for n, s in read.items()}
    assert set(receipt["views"]) == set(expected)
    if receipt["views"] != {n: {"count": s.size, "hash": f"{s.digest:032x}"} for n, s in sums.items()}:
        # What the feed changed after the gate had opened is not in it.
        assert not receipt["forced"]


def test_seeds_alone_let_nothing_out(batch: Batch) -> None:
    stream, expected = Seeded(room(), SNAPSHOT, 0), recompute(room(), demo.documents())
    for number in range(4):
        outcome = stream.run(batch.read(), [], Random(number))
        assert not outcome.changes
        [receipt] = outcome.receipts
        assert {n: v["count"] for n, v in receipt["views"].items()} == {n: len(t) for n, t in expected.items()}


def test_half_of_the_seeds_show_nothing(batch: Batch) -> None:
    stream = Seeded(room(), SNAPSHOT, 2)
    for number in range(8):
        random = Random(number)
        seeds = [s for s in batch.read() if random.random() < 0.9]
        outcome = stream.run(seeds, CHANGES, random)
        if len(seeds) < len(batch.read()):
            assert not outcome.changes
            assert not outcome.receipts


def test_a_fence_that_was_forced_before_all_seeds_are_in_shows_the_right_table_in_the_end(batch: Batch) -> None:
    stream, expected = Seeded(room(), SNAPSHOT, 2), recompute(room(), after(CHANGES))
    for number in range(6):
        outcome = stream.run(batch.read(), CHANGES, Random(number), later=5 * DAY, forced=True)
        assert same(tables(room(), batch.changes, outcome.changes), expected)


@pytest.mark.parametrize("page", [1, 0])
def test_generated_views_in_any_order(page: int) -> None:
    for number in range(4):
        random = Random(number)
        judge(random_case(random, most=20), page, random, 2)


def test_cases_with_a_name() -> None:
    for number, case in enumerate([*FIXED.values()][::3]):
        judge(case, number % 3, Random(number))


@pytest.mark.long
def test_very_many_generated_views() -> None:
    for number in range(1000, 1400):
        random = Random(number)
        judge(random_case(random), number % 3, random, 3)


def judge(case: Case, page: int, random: Random, times: int = 1) -> None:
    history, plan = case.history, case.plan
    written, seeds = seeds_of(plan, history.documents, history.snapshot)
    changes = [history.change(i) for i in deliver(history.feed, random, "shuffled")]
    stream = Seeded(plan, history.snapshot, page)
    for seed in range(times):
        outcome = stream.run(seeds, changes, Random(seed), later=5 * DAY)
        assert same(tables(plan, written, outcome.changes), recompute(plan, history.final)), case.describe()
        assert len(outcome.receipts) == 1


def test_the_same_on_beams_own_runner(batch: Batch) -> None:
    """The files are read in the pipeline, by their manifest."""
    plan = room()
    stream = Stream().changes(CHANGES[:3]).seconds(1).changes(CHANGES[3:]).seconds(1)
    outcome = stream.run(plan, read=lambda _: Load(seeds=batch.at()), control=None)
    assert not outcome.letters
    assert same(tables(plan, batch.changes, outcome.changes), recompute(plan, after(CHANGES)))
    assert [r["documents"] for r in outcome.receipts] == [len(demo.documents())]
    assert outcome.receipts[0]["snapshot_time"] == demo.EXPORTED_AT.isoformat()


def test_any_pipeline_may_write_seeds(batch: Batch, tmp_path: Path) -> None:
    folder = tmp_path / "seeds"
    documents = [Change(p, None, f, (0, 1)) for p, f in demo.documents().items()]
    with beam.Pipeline(runner=BOUNDED) as pipeline:
        given = pipeline | beam.Create(documents).with_output_types(Change)
        options = {"seeds": str(folder), "snapshot": SNAPSHOT, "generation": BATCH}
        _ = given | Maintain(MeetingSession, OrganizationLoad, **options)
    load = begin_with_seeds(str(folder), MeetingSession, OrganizationLoad)
    assert load.seeds is not None
    manifest, other = load.seeds.manifest(), batch.at().manifest()
    assert (manifest.seeds, manifest.plan, manifest.snapshot) == (other.seeds, other.plan, other.snapshot)
    assert Maintain(MeetingSession, OrganizationLoad, load=load, generation=FROM).snapshot == SNAPSHOT


def test_golden_bytes() -> None:
    """A record of a file as the first release wrote it."""
    golden = (
        "0d03050d562e6d617463682e75736572730602056b06550d0203010a0d020d020504646f63730d010d02050875736572732f75310d030d02030105"
        "0301000c0105016e0301010d010d0203010105016d0d020504737562730d010d02050b6d656574696e67732f6d31030101"
    )
    docs = ("docs", (("users/u1", ((5, 0), {"n": 1}, ((1, "m"),))),))
    record = SeedRecord.decoded(bytes.fromhex(golden), "golden")
    assert record[:2] == ("V.match.users", b"\x05k")
    assert record.seed() == Seed((docs, ("subs", (("meetings/m1", 1),))))
    assert record.encoded().hex() == golden


def ends(found: Iterable[Any]) -> list[Any]:
    """The end markers among what a DoFn of the reading gave: the fence opens for none but good ones."""
    tagged = [each for each in found if isinstance(each, beam.pvalue.TaggedOutput)]
    return [decode_carried(each.value) for each in tagged if each.tag == ENDS]


def test_a_damaged_file_is_no_end_of_the_seeds(batch: Batch, tmp_path: Path) -> None:
    manifest = SeedManifest.of((batch.folder / MANIFEST).read_text(), "")
    name = manifest.shards[0].name
    (tmp_path / name).write_bytes((batch.folder / name).read_bytes()[:-9])
    reads = ReadShard(SeedsAt(str(tmp_path), room(), {}))
    reads.setup()
    [end] = ends(reads.process(encode(name)))
    assert isinstance(end, Unreadable)
    assert end.code == "bad-seeds"


def test_seeds_of_other_code_are_refused_here_and_on_the_workers(batch: Batch) -> None:
    other = plan_views(MeetingSession)
    with pytest.raises(EngineError, match="seeds-differ.*OrganizationLoad is gone"):
        MaintainPlan(other, load=Load(seeds=SeedsAt(str(batch.folder), other, {})), generation=FROM)
    with pytest.raises(EngineError, match="seeds-differ.*is not later"):
        MaintainPlan(room(), load=Load(seeds=batch.at()), generation=BATCH)
    with pytest.raises(EngineError, match="seeds-differ.*snapshot is 5"):
        MaintainPlan(room(), load=Load(seeds=batch.at()), snapshot=5, generation=FROM)
    made = SeedManifest.of((batch.folder / MANIFEST).read_text(), "")
    code = SeedsAt(str(batch.folder), room(), {**made.fingerprints, "MeetingSession": {"structure": "another"}})
    with pytest.raises(EngineError, match="seeds-differ.*MeetingSession changed in structure"):
        code.manifest()


def test_what_a_worker_finds_later_is_compared_there(batch: Batch, tmp_path: Path) -> None:
    """A pipeline may be made before there are seeds."""
    at = SeedsAt(str(tmp_path / "later"), room(), {})
    assert at.known() is None
    MaintainPlan(room(), load=Load(seeds=at), snapshot=SNAPSHOT, generation=FROM)
    other = SeedsAt(str(batch.folder), plan_views(MeetingSession), {})
    for lists, code in (
        (ListSeeds(at, SNAPSHOT, FROM), "bad-seeds"),
        (ListSeeds(other, SNAPSHOT, FROM), "seeds-differ"),
        (ListSeeds(batch.at(), SNAPSHOT + 1, FROM), "seeds-differ"),
        (ListSeeds(batch.at(), SNAPSHOT, BATCH), "seeds-differ"),
    ):
        [end] = ends(lists.process(b""))
        assert isinstance(end, Unreadable)
        assert end.code == code


def job(folder: Path, **options: Any) -> Job:
    source = ListSource([Change(p, None, f, (0, 1)) for p, f in demo.documents().items()], partitions=1)
    return Job(room(), source, MemorySink(), options={"seeds": str(folder)}, **options)


def test_seeds_are_of_documents_alone(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="leave out the feed"):
        Engine().run(job(tmp_path, feed=ListSource(CHANGES, partitions=1)))


def test_a_folder_of_seeds_is_not_written_again(batch: Batch) -> None:
    with pytest.raises(EngineError, match="there are seeds already") as told:
        Engine().run(job(batch.folder))
    assert told.value.code == "bad-seeds"
    with pytest.raises(EngineError, match="there are seeds already"):
        next(WriteShard(str(batch.folder), 1).process((encode(0), [])))
