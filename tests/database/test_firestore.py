"""Firestore as a document database: on Google's emulator, and on the double for machines without it."""

from __future__ import annotations

import uuid

import grpc
import pytest
from google.api_core import exceptions

import onto_flow
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.core.writes import Write
from onto_flow.database import open_database
from onto_flow.database.base import Unavailable
from onto_flow.database.firestore import FirestoreDatabase
from onto_flow.database.query import NAME, Order
from onto_flow.demo.meeting_room import User
from onto_flow.testing.database_suite import DatabaseSuite
from onto_flow.testing.firestore import firestore_server
from onto_flow.testing.firestore_emulator import firestore_emulator


@pytest.fixture(scope="module")
def emulator(emulator_jar):
    with firestore_emulator() as address:
        yield address


@pytest.fixture(scope="module")
def double():
    with firestore_server() as server:
        yield server


def opened(**options):
    """A database of its own: the emulator has as many as one asks for."""
    return FirestoreDatabase(f"//demo-{uuid.uuid4().hex[:12]}", **options)


class FirestoreSuite(DatabaseSuite):
    """What Firestore does otherwise than the embedded database, wherever it runs."""

    locks_reads = True
    several_writes = False
    tells_every_change = False
    test_paths_may_descend = None  # Firestore has no descending scan of paths alone
    test_the_feed_is_all_changes_in_the_order_of_their_commits = None  # a listener tells where documents are

    def may_ask(self, query):
        """Paths are its last order, behind the fields of inequalities, and do not descend by themselves."""
        asked = [order.path for order in query.order]
        unequal = {c.path for c in query.where if c.operator in ("<", "<=", ">", ">=", "!=")}
        if NAME in asked and unequal - set(asked[: asked.index(NAME)]):
            return False
        return query.full_order != (Order(NAME, True),)

    def changes_behind(self, database, snapshot):
        """Who joins a feed to documents knows them: the service may have lost its place, and tells all anew."""
        return database.changes(snapshot[0].read_time, live=lambda group: [s.path for s in snapshot])


class TestOnTheEmulator(FirestoreSuite):
    """Its emulator answers every token and time with everything (`docs/decisions/0071`)."""

    each_counts = 2
    examples = 6
    tells_again = True

    @pytest.fixture(autouse=True)
    def address(self, emulator, monkeypatch):
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", emulator)

    def create_database(self, folder):
        return opened(collections="a,b,c,d,e")


class TestOnTheDouble(FirestoreSuite):
    """It looks at what a transaction read when it ends, and locks nothing."""

    locks_reads = False
    each_counts = 3
    examples = 15

    @pytest.fixture(autouse=True)
    def address(self, double, monkeypatch):
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", double.address)

    def create_database(self, folder):
        return opened(collections="a,b,c,d,e")

    def test_models_are_read_and_written(self):
        uri = f"firestore://demo-{uuid.uuid4().hex[:12]}"
        with onto_flow.settings(database=uri):
            User.new("ada", first_name="Ada", last_name="L", organization="acm").save()
            assert User.get("ada").first_name == "Ada"
            assert [user.doc_id for user in User.where("organization", "==", "acm")] == ["ada"]
            User.get("ada").delete()
            assert list(User.where("organization", "==", "acm")) == []

    def test_what_is_closed_is_kept_no_longer(self, tmp_path):
        with self.create_database(tmp_path) as database:
            for _ in range(5):
                database.listen("a/1").close()
                database.changes().close()
            kept = database.listen("a/1")
            assert database._open == [kept]

    def test_a_database_has_a_name(self):
        """Of one project each is apart."""
        project = f"demo-{uuid.uuid4().hex[:12]}"
        with open_database(f"firestore://{project}/one") as one, open_database(f"firestore://{project}") as other:
            one.commit([Write.set("a/1", {})])
            assert one.get("a/1").exists
            assert not other.get("a/1").exists
        for wrong in ("firestore:p", "firestore://", "firestore://a/b/c", "firestore://p?x=1"):
            with pytest.raises(UsageError):
                open_database(wrong)

    @pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "PERMISSION_DENIED", "ABORTED", "NOT_FOUND"])
    def test_errors_of_the_service_are_said_in_our_words(self, double, database, code):
        double.faults.fail("BatchWrite", grpc.StatusCode[code], 20)
        with pytest.raises(EngineError) as caught:
            database.commit_each([Write.set("a/1", {})])
        double.faults.clear()
        assert caught.value.code == ("contention" if code == "ABORTED" else "database-failed")
        assert isinstance(caught.value, Unavailable) is (code in ("UNAVAILABLE", "RESOURCE_EXHAUSTED"))


def test_a_service_that_does_not_answer_is_said_in_our_words(double, monkeypatch):
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", double.address)
    gave_up = exceptions.RetryError("Timeout of 300.0s exceeded", exceptions.ServiceUnavailable("nobody is there"))
    with opened() as database, pytest.raises(EngineError, match="does not answer: 503 nobody is there") as caught:
        with database.service.errors():
            raise gave_up
    assert caught.value.code == "database-failed"
