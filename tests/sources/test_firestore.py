"""Firestore as a source of documents: on the double, and once on Google's emulator."""

from __future__ import annotations

import uuid
from datetime import timedelta

import grpc
import pytest

from onto_flow.connect import open_source
from onto_flow.core.collection import Collection, Projection
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.core.writes import Write
from onto_flow.database.firestore import FirestoreDatabase
from onto_flow.sources import firestore
from onto_flow.sources.firestore import FirestoreDocuments
from onto_flow.testing.firestore import firestore_server
from onto_flow.testing.firestore_emulator import firestore_emulator
from onto_flow.testing.source_suite import SourceSuite


@pytest.fixture(scope="module")
def server():
    with firestore_server() as server:
        yield server


@pytest.fixture(scope="module")
def emulator(emulator_jar):
    with firestore_emulator() as address:
        yield address


@pytest.fixture
def address(server, monkeypatch):
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
    monkeypatch.setattr(firestore, "_SHORTEST_PAUSE", 0.0005)
    server.partitions = True


def new_place():
    return f"//demo-{uuid.uuid4().hex[:12]}"


def fill(place, documents):
    with FirestoreDatabase(place) as database:
        writes = [Write(path, fields) for path, fields in documents.items()]
        for at in range(0, len(writes), 400):
            database.commit(writes[at : at + 400])


class FirestoreSourceSuite(SourceSuite):
    many = 600

    def create_source(self, documents):
        place = new_place()
        fill(place, {**documents, "users/gone": {"name": "gone"}})
        fill(place, {})
        with FirestoreDatabase(place) as database:
            database.commit([Write.delete("users/gone")])
        names = sorted({path.split("/")[-2] for path in documents}) or ["users"]
        return FirestoreDocuments(place, collections=",".join(names), partitions=3, batch_documents=60)


@pytest.mark.usefixtures("address")
class TestOnTheDouble(FirestoreSourceSuite):
    pass


class TestOnTheEmulator(FirestoreSourceSuite):
    @pytest.fixture(autouse=True)
    def address(self, emulator, monkeypatch):
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", emulator)


def read(source, projection=None):
    found = []
    for partition in source.partitions():
        reader = source.open(partition, projection=projection)
        while batch := reader.next_batch():
            found += batch
        reader.close()
    return {c.path: c.after for c in found} if len({c.path for c in found}) == len(found) else None


def users(count):
    return {f"users/{n:05}": {"n": n, "text": "x" * 20} for n in range(count)}


@pytest.mark.usefixtures("address")
def test_all_is_read_as_of_the_moment_at_which_the_source_was_made():
    place = new_place()
    fill(place, users(500))
    source = open_source(f"firestore:{place}?partitions=4")
    with FirestoreDatabase(place) as database:
        database.commit([Write.delete("users/00007"), Write.set("users/a", {}), Write.update("users/00400", {"n": -1})])
    assert len(source.partitions()) == 4
    assert source.info().documents == 500
    assert read(source) == users(500)


@pytest.mark.usefixtures("address")
@pytest.mark.parametrize("partitions", [True, False])
def test_only_what_is_read_is_asked_for(server, partitions):
    server.partitions = partitions
    place = new_place()
    fill(place, {**users(30), "other/o1": {}, "a/1/notes/n1": {"t": 1, "u": 2}, "b/1/notes/n2": {"t": 3}})
    source = FirestoreDocuments(place, partitions=3)
    read_of = Projection(((Collection("users"), ("n",)), (Collection("a/{id}/notes"), ("t",))))
    source.selects(read_of)
    before = server.faults.documents
    found = read(source, read_of)
    assert found == {**{path: {"n": fields["n"]} for path, fields in users(30).items()}, "a/1/notes/n1": {"t": 1}}
    assert source.info().documents == 32, "the group is read to find what is wanted"
    assert server.faults.documents - before == 32


@pytest.mark.usefixtures("address")
def test_a_read_that_fails_goes_on_behind_what_it_gave(server):
    place = new_place()
    fill(place, users(100))
    source = FirestoreDocuments(place)
    before = server.faults.documents
    for code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED):
        server.faults.fail("RunQuery", code, after=30)
    assert read(source) == users(100)
    assert server.faults.documents - before < 110, "nothing was read again"


@pytest.mark.usefixtures("address")
def test_a_service_that_stays_away_is_an_error(server):
    place = new_place()
    fill(place, users(3))
    source = FirestoreDocuments(place)
    source.info()
    server.faults.fail("RunQuery", grpc.StatusCode.DEADLINE_EXCEEDED, times=firestore._ATTEMPTS)
    with pytest.raises(EngineError) as caught:
        read(source)
    assert caught.value.code == "database-failed"
    server.faults.fail("RunQuery", grpc.StatusCode.PERMISSION_DENIED)
    with pytest.raises(EngineError, match="roles/datastore.user"):
        read(source)


@pytest.mark.usefixtures("address")
def test_a_time_may_be_given():
    place = new_place()
    fill(place, users(3))
    with FirestoreDatabase(place) as database:
        at = database.commit([]).time
        database.commit([Write.delete("users/00001")])
    assert read(FirestoreDocuments(place, read_time=at.isoformat(), collections="users")) == users(3)
    early = (at - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert read(FirestoreDocuments(place, read_time=early, collections="users")) == {}
    for wrong in ({"read_time": "yesterday"}, {"partitions": "many"}):
        with pytest.raises(UsageError):
            FirestoreDocuments(place, **wrong)
