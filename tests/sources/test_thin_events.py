"""Events that only tell which document has changed: it is read from a database."""

from __future__ import annotations

import json
import pickle

import pytest

from onto_flow.connect import open_feed
from onto_flow.core.change import Change, DeadLetter
from onto_flow.core.errors import DataError, UsageError
from onto_flow.core.values import to_micros
from onto_flow.core.writes import Write
from onto_flow.database.embedded import EmbeddedDatabase
from onto_flow.formats import encode_change
from onto_flow.formats.event_sides import ThinEvent
from onto_flow.run import start
from onto_flow.testing.oracle import recompute


@pytest.fixture
def file(tmp_path):
    return tmp_path / "app.sqlite"


@pytest.fixture
def database(file):
    with EmbeddedDatabase(file, synchronous="off") as database:
        yield database


def feed_of(tmp_path, lines, mapping=None, database=None, **options):
    feed = tmp_path / "feed.jsonl"
    feed.write_text("\n".join(json.dumps(line) for line in lines))
    if mapping is not None:
        (tmp_path / "mapping.json").write_text(json.dumps(mapping))
        options["mapping"] = str(tmp_path / "mapping.json")
    if database is not None:
        options["database"] = f"sqlite:{database}"
    return open_feed(str(feed), **options)


def read(feed):
    [partition] = feed.partitions()
    reader = feed.open(partition)
    found = []
    while (batch := reader.next_batch()) is not None:
        found += batch
    reader.close()
    return found


ONLY_IDS = {"path": "users/{user}"}


def test_a_document_is_read_and_a_missing_one_is_a_deletion(tmp_path, file, database):
    written = database.commit([Write.set("users/u1", {"name": "Ada"})]).time
    last = database.commit([Write.set("things/t1", {})]).time
    lines = [{"user": "u1"}, {"user": "u2"}, {"user": "u1"}]
    found = read(feed_of(tmp_path, lines, ONLY_IDS, file))
    one = Change("users/u1", None, {"name": "Ada"}, (to_micros(written), 0), written)
    assert found == [one, Change("users/u2", None, None, (to_micros(last), 1), last), one]
    created = database.commit([Write.set("users/u2", {})])
    assert (to_micros(created.time), 0) > found[1].version, "what comes later is newer"


def test_a_cloud_event_without_its_document_is_read_beside_others(tmp_path, file, database):
    time = to_micros(database.commit([Write.set("users/u1", {"name": "Bo"})]).time)
    whole = encode_change(Change("users/u1", None, {"name": "Ada"}, (time - 5, 0)))
    thin = {**whole, "data": {}, "id": "e2"}
    for lines in ([whole, thin], [thin, whole]):
        found = {c.version: c.after for c in read(feed_of(tmp_path, lines, database=file))}
        assert found == {(time - 5, 0): {"name": "Ada"}, (time, 0): {"name": "Bo"}}


def test_without_a_database_it_is_a_dead_letter_that_says_what_to_do(tmp_path):
    [letter] = read(feed_of(tmp_path, [{"user": "u1"}], ONLY_IDS))
    assert isinstance(letter, DeadLetter) and letter.reason.startswith("thin-event") and "--database" in letter.stack


def test_a_feed_whose_versions_are_no_update_times_is_not_mixed_with_what_is_read(tmp_path, file, database):
    database.commit([Write.set("users/u1", {"name": "Ada"})])
    mapping = {"path": "users/{user}", "after": "data", "version": "at", "version_unit": "us"}
    found = read(feed_of(tmp_path, [{"user": "u1", "at": 7, "data": {}}, {"user": "u1", "at": 8}], mapping, file))
    assert found[0].version == (7, 1) and isinstance(found[1], DeadLetter) and "--database" not in found[1].stack


def test_a_path_that_may_be_encoded_or_is_none_is_not_read(tmp_path, file, database):
    whole = encode_change(Change("users/u1", None, {"name": "Ada"}, (5, 0)))
    lines = [
        {**whole, "data": {}, "document": path, "subject": f"documents/{path}"}
        for path in ("users/a%2Fb", "users/__x__", "users")
    ]
    assert all(isinstance(item, DeadLetter) for item in read(feed_of(tmp_path, lines, database=file)))


def test_a_mapping_that_speaks_of_documents_says_all_of_it(tmp_path):
    with pytest.raises(UsageError, match="does not say after"):
        feed_of(tmp_path, [], {"path": "users/{user}", "op": "kind"})


def test_a_database_that_is_not_there_is_refused_before_anything_is_read(tmp_path, file):
    with pytest.raises(UsageError) as caught:
        feed_of(tmp_path, [{"user": "u1"}], ONLY_IDS, file)
    assert caught.value.code == "not-found" and not file.exists()


def test_a_thin_event_travels_as_an_error():
    error = pickle.loads(pickle.dumps(ThinEvent("what", "users/u1", "$")))
    assert isinstance(error, DataError) and (error.path, error.what, error.where) == ("users/u1", "what", "$")


@pytest.mark.parametrize("seed", range(3))
def test_a_view_over_thin_events_ends_as_the_documents(tmp_path, file, seed):
    from onto_flow.demo import data
    from onto_flow.demo.meeting_room import MeetingSession
    from onto_flow.model.compile import plan_views
    from onto_flow.sources.sqlite import SqliteDocuments

    documents = dict(data.documents())
    with EmbeddedDatabase(file, synchronous="off") as database:
        database.commit([Write.set(path, fields) for path, fields in documents.items()])
        source = SqliteDocuments(file)
        renamed = {**documents["users/ada"], "lastName": "King"}
        database.commit([Write.set("users/ada", renamed), Write.delete("tickets/t2")])
    documents["users/ada"] = renamed
    del documents["tickets/t2"]
    lines = [
        {"doc": path}
        for path in (
            ("users/ada", "tickets/t2"),
            ("tickets/t2", "users/ada", "users/ada"),
            ("users/new", "users/ada", "tickets/t2"),
        )[seed]
    ]
    run = start([MeetingSession], source=source, feed=feed_of(tmp_path, lines, {"path": "{doc}"}, file))
    assert run.documents() == recompute(plan_views(MeetingSession), documents)["MeetingSession"]
