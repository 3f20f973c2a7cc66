"""The public transforms of Beam: their examples, and what they promise beside them."""

from __future__ import annotations

import doctest
import json
import re
import shutil
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
import beam_udfs
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.options.pipeline_options import PipelineOptions
from kept_outputs import KEPT, keep

import onto_flow
import onto_flow.beam as public
from onto_flow.connect import open_source
from onto_flow.core.change import Change, ViewChange
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.core.types import Type
from onto_flow.demo import data as demo
from onto_flow.demo.meeting_room import Attendee, MeetingSession, OrganizationLoad
from onto_flow.engines.beam import cells, elements, parcels, read_documents, routing, rows, udfs
from onto_flow.engines.beam.engine import IN_PROCESS
from onto_flow.engines.beam.read_documents import Reads, _ReadRange
from onto_flow.engines.beam.reading import encode_partition
from onto_flow.formats import encode_change
from onto_flow.formats.export_writer import write_export
from onto_flow.sources.firestore_export import FirestoreExport

PUBLIC = [public.reading, public.views, public.writing, public.udfs]
pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("beam") / "export"
    write_export(place, demo.documents().items())
    return str(place)


@pytest.mark.parametrize("module", [*PUBLIC, elements, parcels, routing, rows, udfs, cells], ids=lambda m: m.__name__)
def test_examples(module, export: str, tmp_path: Path) -> None:
    given = {
        **{name: value for name, value in vars(public).items() if not name.startswith("_")},
        "beam": beam,
        "RUNNER": IN_PROCESS,
        "EXPORT": export,
        "FOLDER": str(tmp_path),
        "MeetingSession": MeetingSession,
        "Attendee": Attendee,
        "PipelineOptions": PipelineOptions,
        "onto_flow": onto_flow,
    }
    failures, _ = doctest.testmod(module, extraglobs=given)
    assert not failures


def test_the_code_of_the_page_runs(export: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(export, "export")
    page = (Path(__file__).parents[2] / "docs" / "beam.md").read_text()
    blocks = re.findall(r"^```py\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    for block in blocks:
        exec(compile(block, "docs/beam.md", "exec"), {"__name__": "page"})
    assert onto_flow.read_table("tables/meetingSessions").num_rows == 2


LARGE = {f"notes/n{n:03}": {"text": "x" * (70_000 if n % 50 == 7 else 1000), "n": n} for n in range(200)}
"""Six blocks a record here and there, most of them many to a block."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("large") / "export"
    write_export(place, LARGE.items())
    return str(place)


def run(transform: Any, runner: str = IN_PROCESS, **options: Any) -> dict[str, list[Any]]:
    KEPT.clear()
    with beam.Pipeline(runner=runner, **options) as pipeline:
        found = pipeline | transform
        _ = found | "keep" >> beam.Map(keep, "main")
        _ = found.dead_letters | "keep letters" >> beam.Map(keep, "letters")
    return KEPT


def tracker_and_reader(place: str) -> tuple[Any, Any, bytes]:
    source = FirestoreExport(place)
    fn = _ReadRange(Reads(partial(FirestoreExport, place), None))
    (partition,) = source.whole()
    element = encode_partition(partition)
    return fn, fn.create_tracker(fn.initial_restriction(element)), element


@pytest.mark.parametrize("after", [1, 2, 3])
@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.6])
def test_a_range_that_is_cut_while_it_is_read_gives_each_document_once(
    large: str, after: int, fraction: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_documents, "BLOCKS_AT_ONCE", 2)
    fn, tracker, element = tracker_and_reader(large)
    assert fn.restriction_size(element, tracker.current_restriction()) >= 400_000
    read = fn.process(element, tracker)
    blocks = [next(read) for _ in range(after)]
    rest = [tracker.current_restriction()]
    while len(rest) < 4 and (cut := tracker.try_split(fraction)) is not None:
        rest.append(cut[1])
    blocks += list(read)
    tracker.check_done()
    assert len(rest) > 1
    for restriction in rest[1:]:
        other = fn.create_tracker(restriction)
        blocks += list(fn.process(element, other))
        other.check_done()
    paths = [change.path for block in blocks for change in block.changes]
    assert sorted(paths) == sorted(LARGE)
    assert sum(block.read for block in blocks) == len(LARGE)


def test_ranges_to_begin_with_are_all_blocks_once(large: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_documents, "SPLIT_BYTES", 3 << 15)
    fn, tracker, element = tracker_and_reader(large)
    ranges = list(fn.split(element, tracker.current_restriction()))
    assert len(ranges) > 3
    blocks = [b for r in ranges for b in fn.process(element, fn.create_tracker(r))]
    assert sorted(c.path for b in blocks for c in b.changes) == sorted(LARGE)


@pytest.mark.parametrize(("runner", "splittable"), [(IN_PROCESS, True), ("BundleBasedDirectRunner", False)])
def test_both_expansions_give_all_documents(large: str, runner: str, splittable: bool) -> None:
    found = run(public.ReadExport(large, ["notes"], {"notes": ["n"]}, splittable=splittable), runner)
    assert sorted((c.path, c.after) for c in found["main"]) == [(p, {"n": f["n"]}) for p, f in sorted(LARGE.items())]
    assert "letters" not in found


def test_other_sources_are_read_by_their_parts(tmp_path: Path) -> None:
    file = tmp_path / "documents.jsonl"
    file.write_text('{"path": "users/u1", "fields": {"n": {"integerValue": "1"}}}\nnonsense\n')
    found = run(public.ReadExport(f"jsonl:{file}"))
    assert [(c.path, c.after) for c in found["main"]] == [("users/u1", {"n": 1})]
    assert [letter.reason[:12] for letter in found["letters"]] == ["bad-document"]


def test_half_an_export_fails_the_job(large: str, tmp_path: Path) -> None:
    shutil.copytree(large, tmp_path / "half")
    (output,) = (tmp_path / "half").rglob("output-0")
    with output.open("r+b") as file:
        file.truncate(2 << 15)
    with pytest.raises(Exception, match="bad-export"):
        run(public.ReadExport(str(tmp_path / "half")))


def test_what_views_read_is_read(export: str) -> None:
    found = run(public.ReadExport(export, views=[MeetingSession]))
    documents = {c.path: c.after for c in found["main"]}
    assert documents["users/ada"] == {
        "firstName": "Ada",
        "lastName": "Lovelace",
        "organization": "Analytical",
        "hearingAidRequested": False,
    }
    assert documents.keys() == demo.documents().keys()
    assert "seats" not in documents["locations/attic"]
    with pytest.raises(UsageError, match="give either"):
        public.ReadExport(export, ["users"], views=[MeetingSession])


def test_fields_without_collections_are_refused() -> None:
    with pytest.raises(UsageError, match="which collections"):
        public.ReadExport("exports/x", fields={"users": ["name"]})


def test_messages_of_pubsub_are_decoded_with_their_attributes() -> None:
    change = Change("users/u1", {"name": "Ada"}, {"name": "Bob"}, (1_700_000_000_000_000, 0))
    event = encode_change(change)
    body = json.dumps(event.pop("data")).encode()
    attributes = {f"ce-{k}": str(v) for k, v in event.items() if k != "datacontenttype"} | {
        "content-type": "application/json"
    }
    published = datetime(2026, 5, 1, tzinfo=timezone.utc)
    row = b'{"document_name": "teams/u2", "operation": "DELETE", "timestamp": "2026-05-01T12:00:00Z"}'
    messages = [
        PubsubMessage(body, attributes, "1", published),
        PubsubMessage(b"{}", {"a": "b"}, "2", published),
        PubsubMessage(row, {}, "3", None),
    ]
    KEPT.clear()
    with beam.Pipeline(runner=IN_PROCESS) as pipeline:
        found = pipeline | beam.Create(messages) | public.Decode()
        _ = found | "keep" >> beam.Map(keep, "main")
        _ = found.dead_letters | "keep letters" >> beam.Map(keep, "letters")
    assert [(c.path, c.after) for c in KEPT["main"]] == [("users/u1", {"name": "Bob"}), ("teams/u2", None)]
    (letter,) = KEPT["letters"]
    assert json.loads(letter.payload)["attributes"] == {"a": "b"}
    assert letter.key == "event:2"


def test_unknown_formats_are_refused_where_the_pipeline_is_made() -> None:
    with pytest.raises(UsageError, match="not a format"):
        public.Decode("cloudevent")


@pytest.mark.parametrize("sink", ["sqlite:{}/views.sqlite", "jsonl:{}/views.jsonl"])
def test_tables_are_written_to_any_sink(export: str, tmp_path: Path, sink: str) -> None:
    uri = sink.format(tmp_path)
    with beam.Pipeline(runner=IN_PROCESS) as pipeline:
        views = pipeline | public.ReadExport(export) | public.Backfill(MeetingSession, OrganizationLoad, shards=2)
        _ = views | public.WriteViewTable(uri, MeetingSession, OrganizationLoad)
    kind, _, file = uri.partition(":")
    if kind == "jsonl":
        lines = [json.loads(line) for line in Path(file).read_text().splitlines()]
        paths = {line["path"] for line in lines}
        assert len({line["version"][0] for line in lines}) == 1
    else:
        source = open_source(uri)
        paths = {c.path for p in source.partitions() for c in source.open(p).next_batch() or ()}
    assert {"meetingSessions/retro", "meetingSessions/standup"} < paths
    assert len(paths) == 2 + 6


def test_an_empty_table_is_published_and_replaces_what_was_there(export: str, tmp_path: Path) -> None:
    uri = f"parquet:{tmp_path}"
    for collections, count in ((None, 2), (["users"], 0)):
        with beam.Pipeline(runner=IN_PROCESS) as pipeline:
            views = pipeline | public.ReadExport(export, collections) | public.Backfill(MeetingSession)
            _ = views | public.WriteViewTable(uri, MeetingSession)
        assert onto_flow.read_table(f"{tmp_path}/meetingSessions").num_rows == count


def test_rows_have_the_columns_of_the_view_and_a_schema() -> None:
    schema = (
        ("path", Type("str")),
        ("count", Type("int", optional=True)),
        ("at", Type("timestamp")),
        ("names", Type("list", items=(Type("str"),))),
        ("person", Type("struct", fields=(("name", Type("str")), ("age", Type("int"))))),
        ("more", Type("any")),
    )
    at = datetime(2026, 5, 1, tzinfo=timezone.utc)
    new = {"path": "p", "count": 3, "at": at, "names": ["a"], "person": {"name": "Ada", "age": 36}, "more": {"x": 1}}
    changes = [
        ViewChange("V", "v/1", None, new, (1, 0, 1)),
        ViewChange("V", "v/2", None, {**new, "count": 3.5}, (1, 0, 1)),
        ViewChange("V", "v/3", new, None, (1, 0, 2)),
        ViewChange("W", "w/1", None, {}, (1, 0, 1)),
    ]
    KEPT.clear()
    with beam.Pipeline(runner=IN_PROCESS) as pipeline:
        made = pipeline | beam.Create(changes).with_output_types(ViewChange) | rows.RowsOf("V", schema)
        _ = made | beam.Reshuffle() | "keep" >> beam.Map(keep, "main")
        _ = made.dead_letters | "keep letters" >> beam.Map(keep, "letters")
    found = {row.path_: row for row in KEPT["main"]}
    first = found["v/1"]
    assert (first.path, first.count, list(first.names), first.deleted) == ("p", 3, ["a"], False)
    assert (first.at.micros, first.person.name, first.person.age) == (int(at.timestamp() * 1e6), "Ada", 36)
    assert json.loads(first.more) == {"mapValue": {"fields": {"x": {"integerValue": "1"}}}}
    assert (found["v/2"].count, found["v/3"].deleted, found["v/3"].names, len(found)) == (None, True, None, 3)
    assert [(x.key, x.reason[:16]) for x in KEPT["letters"]] == [("view:V:v/2", "bad-value: count")]


def test_a_udf_over_columns_is_called_by_batches() -> None:
    pytest.importorskip("pyarrow")
    KEPT.clear()
    with beam.Pipeline(runner=IN_PROCESS) as pipeline:
        pairs = pipeline | beam.Create([{"first": n, "second": 2} for n in range(10)])
        _ = pairs | public.udf(beam_udfs.Sums.total) | beam.Map(keep, "main")
        _ = (
            pairs
            | "second" >> beam.Map(lambda pair: pair["second"])
            | public.udf(beam_udfs.double)
            | "k" >> beam.Map(keep, "double")
        )
    assert sorted(KEPT["main"]) == [n + 2 for n in range(10)]
    assert KEPT["double"] == [4] * 10
    assert max(beam_udfs.SIZES) > 1


def test_the_time_of_documents_is_what_seeds_say(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give seeds= too"):
        public.Backfill(MeetingSession, snapshot=9)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(EngineError, match="seeds"):
        public.Backfill(MeetingSession, seeds=str(tmp_path))
