"""Every kind of feed, through a whole job: late, repeated, re-created and deleted documents, in any order."""

import json
from contextlib import closing
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onto_flow import DomainModel, Store, ViewModel, attrs, cli, computed, root
from onto_flow.core.change import Change
from onto_flow.core.errors import DataError
from onto_flow.core.values import from_micros
from onto_flow.formats import encode_change
from onto_flow.formats.mapping import read_mapping
from onto_flow.run import start
from onto_flow.sources.jsonl import JsonLines, JsonLinesFeed
from onto_flow.testing.feeds import BASE, KINDS, MAPPING, first_copy, lines, moment
from onto_flow.testing.histories import START, TICK, deliver, history_of

READS = list(KINDS)
COPIES = [kind for kind in KINDS if kind.startswith(("changelog", "debezium"))]


class Thing(DomainModel):
    class Meta:
        collection_name = "things"

    n: object = attrs.any


class ThingStore(Store):
    thing = root(Thing)


class Shown(ViewModel):
    class Meta:
        collection_name = "shown"

    store: ThingStore

    @computed
    def n(self) -> object:
        return self.store.thing.n


def options(kind, folder):
    if kind != "mapping":
        return {}
    (folder / "mapping.json").write_text(json.dumps(MAPPING))
    return {"mapping": folder / "mapping.json"}


def result(folder, kind, delivered, documents=(), snapshot=None):
    """The view table after a feed, and the letters."""
    (folder / "feed.jsonl").write_bytes(b"\n".join(delivered))
    (folder / "documents.jsonl").write_text(
        "".join(json.dumps({"path": p, "fields": {"n": {"integerValue": str(f["n"])}}}) + "\n" for p, f in documents)
    )
    feed = JsonLinesFeed(folder / "feed.jsonl", batch_lines=3, **options(kind, folder))
    time = None if snapshot is None else from_micros(moment(snapshot))
    run = start([Shown], source=JsonLines(folder / "documents.jsonl"), feed=feed, snapshot_time=time)
    return {path.partition("/")[2]: document["n"] for path, document in run.documents().items()}, run.letters


def wanted(documents):
    return {path.partition("/")[2]: fields["n"] for path, fields in documents.items()}


writes = st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 9)), min_size=1, max_size=14)


def history(writes, **more):
    return history_of(*((f"things/{name}", None if n is None else {"n": n}) for name, n in writes), **more)


def delivery(events, seed, kind):
    return [events[i] for i in deliver(range(len(events)), Random(seed), kind)]


@settings(max_examples=8)
@given(writes, st.integers(), st.sampled_from(["late", "repeated", "shuffled"]))
@pytest.mark.parametrize("kind", READS)
def test_any_delivery_gives_the_final_documents(kind, tmp_path_factory, writes, seed, order):
    past = history(writes)
    found, letters = result(tmp_path_factory.mktemp("feed"), kind, delivery(lines(past, kind), seed, order))
    assert (found, letters) == (wanted(past.final), {})


@settings(max_examples=8)
@given(writes, st.integers(0, 14), st.integers(), st.sampled_from([1, START * 100]))
@pytest.mark.parametrize("kind", COPIES)
def test_rows_of_a_first_copy_rank_below_live_ones_whatever_their_stamp(
    kind, tmp_path_factory, writes, done, seed, time
):
    done = min(done, len(writes))
    past = history(writes, exported=done)
    events = first_copy(past, kind, time) + lines(past, kind)
    found, letters = result(tmp_path_factory.mktemp("feed"), kind, delivery(events, seed, "shuffled"))
    assert (found, letters) == (wanted(past.final), {})


@settings(max_examples=8)
@given(writes, st.integers(1, 14), st.integers())
@pytest.mark.parametrize("kind", [k for k in READS if k not in ("debezium-lsn",)])
def test_a_feed_joins_an_export_that_has_a_time(kind, tmp_path_factory, writes, done, seed):
    past = history(writes, exported=min(done, len(writes)))
    found, letters = result(
        tmp_path_factory.mktemp("feed"),
        kind,
        delivery(lines(past, kind), seed, "shuffled"),
        past.documents.items(),
        past.snapshot,
    )
    assert (found, letters) == (wanted(past.final), {})


DIRECTED = history([("a", 1), ("a", 2), ("a", None), ("a", 3), ("b", 1), ("b", None)])


@pytest.mark.parametrize("kind", READS)
@pytest.mark.parametrize(
    "order", [[0, 1, 2, 3, 4, 5], [3, 2, 1, 0, 5, 4], [3, 3, 2, 1, 2, 0, 4, 5, 4], [2, 0, 5, 1, 4, 3, 0]], ids=str
)
def test_late_repeated_recreated_and_deleted_documents(kind, order, tmp_path):
    events = lines(DIRECTED, kind)
    assert result(tmp_path, kind, [events[i] for i in order]) == ({"a": 3}, {})


@pytest.mark.parametrize("kind", [k for k in READS if k != "mapping"])
def test_kinds_are_not_mixed_on_one_collection(kind, tmp_path):
    other = "background" if kind.startswith("cloudevents") else "cloudevents"
    events = [lines(DIRECTED, kind)[0], lines(DIRECTED, other)[1]]
    with pytest.raises(DataError, match="mixed-feeds") as error:
        result(tmp_path, kind, events)
    assert "line 2 of" in error.value.where and other in error.value.what


def test_a_feed_by_position_is_refused_after_an_export_that_has_a_time(tmp_path):
    events = lines(DIRECTED, "debezium-lsn")
    assert result(tmp_path, "debezium-lsn", events)[0] == {"a": 3}
    with pytest.raises(DataError, match="mixed-feeds"):
        result(tmp_path, "debezium-lsn", events, snapshot=START)


def test_two_collections_may_come_in_two_kinds(tmp_path):
    other = Change("others/o", None, {"n": 1}, (BASE, 0))
    events = [*lines(DIRECTED, "changelog"), json.dumps(encode_change(other)).encode()]
    assert result(tmp_path, "changelog", events) == ({"a": 3}, {})


def read(source, resume=None):
    with closing(source.open(source.partitions()[0], resume=resume)) as reader:
        found = []
        while (batch := reader.next_batch()) is not None:
            found += batch
        return found, reader.snapshot()


def test_the_kinds_are_part_of_the_resume_point(tmp_path):
    (tmp_path / "f").write_bytes(lines(DIRECTED, "changelog")[0] + b"\n")
    source = JsonLinesFeed(tmp_path / "f")
    _, resume = read(source)
    with (tmp_path / "f").open("ab") as file:
        file.write(lines(DIRECTED, "background")[1])
    with pytest.raises(DataError, match="mixed-feeds"):
        read(source, resume)
    (tmp_path / "g").write_bytes(lines(DIRECTED, "background")[1])
    assert len(read(JsonLinesFeed(tmp_path / "g"))[0]) == 1


def test_the_mapping_of_the_helper_is_one():
    assert read_mapping(MAPPING).version_unit == "ms"
    assert TICK and len(lines(DIRECTED, "mapping")) == 6


def test_a_thin_event_is_a_dead_letter_with_the_reason(tmp_path):
    event = encode_change(Change("things/a", None, {"n": 1}, (BASE, 0)), event_id="e1")
    event["data"] = {"value": {"name": event["data"]["value"]["name"]}}
    found, letters = result(tmp_path, "cloudevents", [json.dumps(event).encode(), *lines(DIRECTED, "cloudevents")])
    assert found == {"a": 3}
    assert letters["event:e1"].reason.startswith("thin-event: The event of things/a carries no fields (line 1 of ")
    assert letters["event:e1"].payload == json.dumps(event).encode()


def test_the_tool_takes_a_format_and_a_mapping(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options("mapping", tmp_path)
    (tmp_path / "documents.jsonl").touch()
    (tmp_path / "feed.jsonl").write_bytes(b"\n".join(lines(DIRECTED, "mapping")))
    run = ["run", f"{__file__}:Shown", "--source", "jsonl:documents.jsonl", "--sink", "jsonl:out.jsonl", "--feed"]
    assert cli.main([*run, "feed.jsonl", "--mapping", "mapping.json"]) == 0
    assert cli.main([*run, "feed.jsonl?mapping=mapping.json&format=mapping"]) == 0
    assert cli.main([*run, "jsonl:feed.jsonl?mapping=mapping.json"]) == 0
    written = [json.loads(line)["new"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert written == [{"n": {"integerValue": "3"}}] * 3
    assert cli.main([*run, "feed.jsonl", "--format", "changelog"]) == 3
    assert cli.main([*run, "feed.jsonl", "--format", "changelogs"]) == 2
    assert "Did you mean changelog?" in capsys.readouterr().err
    assert cli.main([*run, "feed.jsonl", "--mapping", "gone.json"]) == 2
    assert "gone.json" in capsys.readouterr().err
