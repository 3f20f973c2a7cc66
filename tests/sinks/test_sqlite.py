from __future__ import annotations

import pytest

from onto_flow.connect import open_sink
from onto_flow.core.change import ViewChange
from onto_flow.core.collection import Collection
from onto_flow.core.errors import EngineError
from onto_flow.core.writes import Write
from onto_flow.database import Query
from onto_flow.database.embedded import EmbeddedDatabase
from onto_flow.sinks.sqlite import SqliteSink
from onto_flow.testing.sink_suite import EVERY_TYPE, ROOMS, SinkSuite


def documents(file, collection):
    with EmbeddedDatabase(file, synchronous="off") as database:
        return {s.path: s.fields for s in database.query(Query.of(Collection(collection)))}


class TestSqlite(SinkSuite):
    def create_sink(self, folder):
        self.file = folder / "tables.sqlite"
        return SqliteSink(self.file, synchronous="off")

    def read_back(self, sink, table):
        return documents(self.file, table.collection)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "app.sqlite"


def opened(file, generation=1, tables=(ROOMS,)):
    sink = open_sink(f"sqlite:{file}?synchronous=off")
    sink.open(list(tables), generation)
    return sink


def change(id, seq, new, generation=1, epoch=0):
    return ViewChange("Room", f"rooms/{id}", None, new, (generation, epoch, seq))


def test_a_publication_is_one_commit_over_all_tables(file):
    sink = opened(file, tables=(ROOMS, EVERY_TYPE))
    sink.write(
        [change("a", 1, {"n": 1}), change("b", 1, {"n": 1}), ViewChange("Every", "a/1/every/1", None, {}, (1, 0, 1))]
    )
    sink.publish()
    with EmbeddedDatabase(file) as database:
        assert len({s.update_time for s in database.get_many(["rooms/a", "rooms/b", "a/1/every/1"])}) == 1
        assert len(database.changes().next_batch()) == 3
    sink.close()


def test_what_did_not_change_is_not_written_again(file):
    sink = opened(file)
    sink.write([change("a", 1, {"n": 1})])
    sink.complete()
    sink.publish()
    sink.close()
    sink = opened(file, 2)
    sink.write([change("a", 1, {"n": 1}, 2), change("b", 1, {"n": 1}, 2)])
    sink.complete()
    sink.publish()
    sink.close()
    with EmbeddedDatabase(file) as database:
        assert [c.path for c in database.changes().next_batch()] == ["rooms/a", "rooms/b"]


def test_versions_outlive_the_sink(file):
    for seq, new in ((5, {"n": 5}), (4, {"n": 4}), (6, None), (5, {"n": 5})):
        sink = opened(file)
        sink.write([change("a", seq, new)])
        sink.publish()
        sink.close()
    assert documents(file, "rooms") == {}
    sink = opened(file)
    sink.write([change("a", 1, {"n": 7}, epoch=1)])
    sink.publish()
    sink.close()
    assert documents(file, "rooms") == {"rooms/a": {"n": 7}}


def test_documents_of_others_in_the_collection_stay(file):
    with EmbeddedDatabase(file, synchronous="off") as database:
        database.commit([Write.set("rooms/mine", {"n": 0}), Write.set("rooms/a/notes/1", {"n": 0})])
    sink = opened(file)
    sink.write([change("a", 1, {"n": 1})])
    sink.complete()
    sink.publish()
    sink.close()
    assert documents(file, "rooms").keys() == {"rooms/mine", "rooms/a"}
    assert documents(file, "rooms/a/notes").keys() == {"rooms/a/notes/1"}


def test_what_the_database_cannot_hold_is_a_dead_letter_until_it_can(file):
    sink = opened(file)
    sink.write([change("a", 1, {"n": 1}), change("b", 1, {"t": "x" * (1 << 20)}), change("__x__", 1, {})])
    letters = {letter.key: letter for letter in sink.publish()}
    assert letters.keys() == {"table:Room:rooms/b", "table:Room:rooms/__x__"}
    assert all(letter.reason.startswith("sink-failed") and not letter.cleared for letter in letters.values())
    assert documents(file, "rooms") == {"rooms/a": {"n": 1}}
    sink.write([change("a", 2, {"t": "x" * (1 << 20)}), change("__x__", 2, None)])
    assert {(letter.key, letter.cleared) for letter in sink.publish()} == {
        ("table:Room:rooms/a", False),
        ("table:Room:rooms/__x__", True),
    }
    assert documents(file, "rooms") == {}
    sink.write([change("b", 2, {"t": "x"})])
    sink.close()
    sink = opened(file)
    sink.write([change("b", 2, {"t": "x"})])
    assert [(letter.key, letter.cleared) for letter in sink.publish()] == [("table:Room:rooms/b", True)]
    sink.complete()
    sink.close()
    sink = opened(file, 2)
    sink.complete()
    assert [(letter.key, letter.cleared) for letter in sink.publish()] == [("table:Room:rooms/a", True)]
    sink.close()


def test_a_newer_writer_ends_an_older_one(file):
    old = opened(file)
    old.write([change("a", 1, {"n": 1})])
    old.publish()
    new = opened(file, 2)
    new.complete()
    new.publish()
    old.write([change("a", 2, {"n": 2})])
    with pytest.raises(EngineError, match="newer than 1"):
        old.publish()
    assert documents(file, "rooms") == {}
    old.close()
    new.close()
