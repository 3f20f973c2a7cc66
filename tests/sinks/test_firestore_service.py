"""The fenced sink on Firestore's own adapter: on Google's emulator, and on the double for machines without it."""

from __future__ import annotations

import uuid

import pytest
from firestore_place import Standing, change, documents

from onto_flow.connect import open_sink
from onto_flow.core.errors import DataError, EngineError
from onto_flow.core.fence import FENCE
from onto_flow.core.writes import Write
from onto_flow.database.firestore import FirestoreDatabase
from onto_flow.database.limits import checked_document
from onto_flow.sinks.firestore import FirestoreSink
from onto_flow.sinks.firestore.sink import Limits
from onto_flow.testing.firestore import firestore_server
from onto_flow.testing.firestore_emulator import firestore_emulator
from onto_flow.testing.sink_suite import EVERY_TYPE, ROOMS, SinkSuite


@pytest.fixture(scope="module")
def emulator(emulator_jar):
    with firestore_emulator() as address:
        yield address


@pytest.fixture(scope="module")
def server():
    with firestore_server() as server:
        yield server


@pytest.fixture(scope="module")
def double(server):
    return server.address


def hand_over_hand(project):
    """What a writer, a person and a newer writer do one after the other."""
    old = open_sink(f"firestore://{project}")
    old.open([ROOMS], 1)
    old.write([change(id, 1, {"name": id, "seats": 1}) for id in "abc"])
    old.publish()
    place = FirestoreDatabase(f"//{project}")
    place.commit([Write.merge("rooms/a", {"name": "by hand"})])
    old.write([change("a", 2, {"name": "a", "seats": 2}, old={}), change("b", 2, None, old={}), change("z", 1, None)])
    old.publish()
    assert documents(place) == {"rooms/a": {"name": "a", "seats": 2}, "rooms/c": {"name": "c", "seats": 1}}
    assert place.get("rooms/a").fields[FENCE] == {"g": 1, "e": 0, "s": 2}
    old.write([change("b", 3, {"name": "back"})])
    old.publish()
    new = open_sink(f"firestore://{project}")
    new.open([ROOMS], 2)
    new.write([change("c", 1, {"name": "c", "seats": 1}, 2)])
    new.complete()
    new.publish()
    assert documents(place) == {"rooms/c": {"name": "c", "seats": 1}}
    assert (new.operations["equal"], new.operations["delete"]) == (1, 2)
    old.write([change("c", 2, {"name": "zombie"}, old={}), change("y", 1, {"name": "zombie"})])
    with pytest.raises(EngineError, match="newer than 1"):
        old.publish()
    assert documents(place) == {"rooms/c": {"name": "c", "seats": 1}}
    assert place.get("_onto_gone/rooms%2Fz").exists
    for each in (old, new, place):
        each.close()


def test_on_the_emulator(emulator, monkeypatch):
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", emulator)
    hand_over_hand(f"demo-{uuid.uuid4().hex[:12]}")


@pytest.mark.parametrize(
    ("options", "calls"), [("", {"Commit": 1}), ("?shared=true", {"BatchGetDocuments": 1, "Commit": 1})]
)
def test_a_publication_of_a_known_document_is_one_call_of_its_only_writer_and_two_of_one_of_several(
    server, monkeypatch, options, calls
):
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
    sink = open_sink(f"firestore://demo-{uuid.uuid4().hex[:12]}{options}")
    sink.open([ROOMS], 1)
    sink.write([change("a", 1, {"name": "a", "seats": 1})])
    sink.publish()
    server.faults.calls.clear()
    sink.write([change("a", 2, {"name": "a", "seats": 2}, old={})])
    sink.publish()
    assert server.faults.calls == calls
    sink.close()


class TestOnTheDouble(SinkSuite):
    test_any_value_comes_back = None  # said by the database's own suite, and on the embedded database

    @pytest.fixture(autouse=True)
    def address(self, double, monkeypatch):
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", double)
        self.projects = {}

    def create_sink(self, folder):
        self.project = self.projects.setdefault(folder, f"demo-{uuid.uuid4().hex[:12]}")
        return FirestoreSink(FirestoreDatabase(f"//{self.project}"), Limits(gently=False), Standing().around)

    def read_back(self, sink, table):
        with FirestoreDatabase(f"//{self.project}") as place:
            return documents(place, table.collection)

    def holds(self, value):
        try:
            checked_document("a/b", {"v": value})
        except DataError:
            return False
        return True

    def test_hand_over_hand(self):
        hand_over_hand(f"demo-{uuid.uuid4().hex[:12]}")

    def test_a_dry_run_and_a_budget_by_uri(self):
        project = f"demo-{uuid.uuid4().hex[:12]}"
        dry = open_sink(f"firestore://{project}?dry_run=true", max_writes_per_second="100000")
        dry.open([ROOMS, EVERY_TYPE], 1)
        dry.write([change("a", 1, {"name": "a"})])
        dry.publish()
        assert dry.operations["create"] == 1
        dry.close()
        bounded = open_sink(f"firestore://{project}", write_budget_per_day="20")
        bounded.open([ROOMS], 1)
        bounded.write([change(str(n), 1, {"name": "a"}) for n in range(50)])
        with pytest.raises(EngineError, match="view documents wait"):
            bounded.publish()
        bounded.close()
        with FirestoreDatabase(f"//{project}") as place:
            assert 10 < len(documents(place)) < 20
