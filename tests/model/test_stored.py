"""Models in a database: get, all, where, new, create, save, delete."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

import onto_flow
from onto_flow import DomainModel, Reference, attrs, settings, transact
from onto_flow.core.errors import DataError, DeclarationError, OntoFlowError, UsageError
from onto_flow.database import ArrayUnion, Increment, Write
from onto_flow.database.base import PreconditionFailed
from onto_flow.database.bound import commit
from onto_flow.database.embedded import EmbeddedDatabase
from onto_flow.demo.meeting_room import MeetingSession, MeetingSessionStore


class User(DomainModel):
    class Meta:
        collection_name = "users"

    first_name: str = attrs.str
    age: int = attrs.int
    tags = attrs.list
    home = attrs.map
    friend = attrs.relation("User")


class Day(DomainModel):
    class Meta:
        path = "stocks/{symbol}/daily/{date}"

    close: float = attrs.float


class AnyDay(DomainModel):
    class Meta:
        collection_group = "daily"

    close: float = attrs.float


@dataclass
class Home:
    zip_code: str


@pytest.fixture
def database(tmp_path):
    with EmbeddedDatabase(tmp_path / "app.sqlite", synchronous="off") as database, settings(database=database):
        yield database


# Reading


def test_a_document_is_there_or_not(database):
    database.commit([Write.set("users/u1", {"firstName": "Ada", "age": 36})])
    ada = User.get("u1")
    assert (ada.path, ada.doc_id, ada.first_name, ada.age, ada.tags) == ("users/u1", "u1", "Ada", 36, None)
    assert ada.create_time == ada.update_time == database.get("users/u1").update_time
    assert User.get(doc_id="u1") == User.get(Reference("users/u1")) == User.get(path="users/u1") == ada
    assert User.get("u2") is None and User.get_many(["u2", "u1"]) == [None, ada]


def test_a_document_of_a_path_with_parts(database):
    database.commit([Write.set("stocks/ABC/daily/d1", {"close": 7.5})])
    for found in (
        Day.get("d1", symbol="ABC"),
        Day.get(symbol="ABC", date="d1"),
        AnyDay.get(path="stocks/ABC/daily/d1"),
    ):
        assert found.close == 7.5
    assert [d.symbol for d in Day.all()] == ["ABC"] and len(list(AnyDay.all())) == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda: User.get(),
        lambda: User.get(""),
        lambda: User.get("a/b"),
        lambda: User.get(path="teams/t1"),
        lambda: User.get(Reference("teams/t1")),
        lambda: User.get(7),
        lambda: User.get("u1", symbol="ABC"),
        lambda: Day.get("d1"),
        lambda: Day.get(symbol="ABC"),
        lambda: Day.get(symbol="ABC", dat="d1"),
        lambda: AnyDay.get("d1"),
        lambda: AnyDay.new("d1"),
    ],
)
def test_what_says_no_document_is_refused(database, ask):
    with pytest.raises(UsageError) as caught:
        ask()
    assert caught.value.code == "wrong-usage" and caught.value.fix


def test_nothing_is_bound_outside_of_settings(tmp_path):
    with pytest.raises(UsageError, match="no database is bound"):
        User.get("u1")
    with settings(database=f"sqlite:{tmp_path / 'a.sqlite'}"):
        assert not (tmp_path / "a.sqlite").exists(), "it is opened when it is first used"
        assert User.get("u1") is None
        with settings(database=f"sqlite:{tmp_path / 'b.sqlite'}"):
            User.create("u1", first_name="Ada")
        assert User.get("u1") is None
    with pytest.raises(UsageError, match="no database is bound"):
        list(User.all())


def test_each_task_has_its_own_settings(tmp_path):
    async def work(name):
        with settings(database=f"sqlite:{tmp_path / name}?synchronous=off"):
            await asyncio.to_thread(User.create, "u1", first_name=name)
            await asyncio.sleep(0)
            return (await asyncio.to_thread(User.get, "u1")).first_name

    async def all_of_them():
        return await asyncio.gather(*(work(name) for name in "abc"))

    assert asyncio.run(all_of_them()) == ["a", "b", "c"]


def test_selections(database):
    ada = User.create("ada", first_name="Ada", age=36, tags=["a"])
    User.create("bo", first_name="Bo", age=20, tags=["a", "b"], friend=ada, home={"city": "Oslo"})
    User.create("cy", first_name="Cy", age=20)
    for found, wanted in [
        (User.all(), "ada bo cy"),
        (User.where("age", "<", 30), "bo cy"),
        (User.where(User.age, "==", 20).where("tags", "contains", "b"), "bo"),
        (User.where(age=20, first_name="Cy"), "cy"),
        (User.where("friend", "==", ada), "bo"),
        (User.where("friend", "in", [ada, Reference("users/x")]), "bo"),
        (User.where("home.city", "==", "Oslo"), "bo"),
        (User.all().order_by("age").order_by("first_name", descending=True), "cy bo ada"),
        (User.all().order_by("doc_id", descending=True).limit(2), "cy bo"),
        (User.all().order_by("age").start_after(User.get("bo")), "cy ada"),
        (User.all().order_by("age").start_after(20), "ada"),
        (User.all().start_after(ada), "bo cy"),
    ]:
        assert " ".join(u.doc_id for u in found) == wanted, found
    assert User.where(age=99).first() is None and User.all().order_by("age").first().doc_id == "bo"
    assert User.all().first().update_time is not None


@pytest.mark.parametrize(
    "ask", [lambda: User.where("agee", "==", 1), lambda: User.all().order_by("first"), lambda: User.where(x=1)]
)
def test_an_unknown_attribute_is_told_with_the_nearest(ask):
    with pytest.raises(DeclarationError) as caught:
        ask()
    assert caught.value.code == "unknown-name" and "Known" in caught.value.fix and __file__ in caught.value.where


def test_a_selection_tells_of_changes(database):
    told = []
    for users in User.where("age", ">", 18).listen():
        told.append([u.doc_id for u in users])
        if len(told) == 3:
            break
        User.create(f"u{len(told)}", age=18 + len(told))
    assert told == [[], ["u1"], ["u1", "u2"]]


# Writing


def test_a_new_document_is_created_when_it_is_saved(database):
    ada = User.new("ada", first_name="Ada", home=Home("1"), friend=User.new("bo"))
    ada.age = 36
    assert not database.get("users/ada").exists and ada.create_time is None
    assert ada.save() is ada and ada.create_time is not None
    assert database.get("users/ada").fields == {
        "firstName": "Ada",
        "age": 36,
        "home": {"zipCode": "1"},
        "friend": Reference("users/bo"),
    }
    with pytest.raises(PreconditionFailed, match="users/ada: it exists"):
        User.create("ada", first_name="Bo")
    assert User.get("ada").first_name == "Ada"


def test_a_new_document_may_have_any_id(database):
    paths = {User.create().path for _ in range(50)}
    assert len(paths) == 50 and all(len(p) == len("users/") + 20 for p in paths)
    assert Day.create(symbol="ABC", date="d1", close=1.0).path == "stocks/ABC/daily/d1"
    assert Day.new(symbol="ABC").path.startswith("stocks/ABC/daily/")


def test_only_what_changed_is_written(database):
    database.commit([Write.set("users/u1", {"firstName": "Ada", "age": 36, "tags": ["a"], "other": 1})])
    ada = User.get("u1")
    ada.first_name = "Bo"
    ada.tags.append("b")
    del ada.home
    database.commit([Write.update("users/u1", {"age": 37, "other": 2})])
    before = database.get("users/u1").update_time
    ada.save()
    assert database.get("users/u1").fields == {"firstName": "Bo", "age": 37, "tags": ["a", "b"], "other": 2}
    assert ada.age == 37 and ada.update_time > before
    again = ada.update_time
    ada.save()
    assert ada.update_time == again == database.get("users/u1").update_time


def test_transforms_are_values_of_attributes(database):
    ada = User.create("u1", age=Increment(1))
    ada.age = Increment(2)
    ada.tags = ArrayUnion("a")
    ada.save()
    assert (ada.age, ada.tags) == (3, ["a"])


def test_a_document_may_be_saved_only_if_it_is_unchanged(database):
    User.create("u1", first_name="Ada")
    mine, other = User.get("u1"), User.get("u1")
    other.age = 1
    other.save(if_unchanged=True)
    mine.age = 2
    with pytest.raises(PreconditionFailed):
        mine.save(if_unchanged=True)
    with pytest.raises(PreconditionFailed):
        mine.delete(if_unchanged=True)
    assert mine.reload().age == 1
    mine.age = 2
    mine.save(if_unchanged=True)
    mine.delete(if_unchanged=True)
    assert User.get("u1") is None


def test_what_is_gone_is_not_saved(database):
    ada = User.create("u1", first_name="Ada")
    ada.delete()
    ada.delete()
    ada.age = 1
    with pytest.raises(PreconditionFailed, match="does not exist"):
        ada.save()
    with pytest.raises(DataError) as caught:
        ada.reload()
    assert caught.value.code == "missing-document"


def test_what_firestore_refuses_is_not_saved(database):
    for wrong in ({1}, [[1]], 2**64):
        with pytest.raises(OntoFlowError):
            User.create("u1", home={"a": wrong})
    with pytest.raises(DeclarationError, match="no attribute 'nme'"):
        User.new("u1", nme="Ada")
    assert list(User.all()) == []


def test_only_what_was_read_can_be_unchanged(database):
    with pytest.raises(UsageError, match="not read from a database"):
        User("users/u1", {}, writable=True).delete(if_unchanged=True)
    with pytest.raises(DataError, match="pure function"):
        User("users/u1", {}).save()


def test_a_transaction_of_models(database):
    User.create("a", age=5)
    User.create("b", age=1)
    tries = []

    def give():
        giver, taker = User.get_many(["a", "b"])
        if not tries:
            with EmbeddedDatabase(database.file.path, synchronous="off") as other:
                other.commit([Write.update("users/a", {"age": 10})])
        tries.append(len(list(User.where("age", ">", 100))))
        giver.age -= 3
        taker.age += 3
        giver.save()
        taker.save()
        assert User.get("a").age == giver.age + 3, "a transaction reads as of its beginning"
        return giver.age

    assert transact(give) == 7 and len(tries) == 2
    assert [u.age for u in User.all()] == [7, 4]


def test_what_a_view_records_is_committed(database):
    database.commit([Write.set("meetings/m1", {"status": "in-session", "name": "x"})])
    members = {
        "meeting": [("meetings/m1", database.get("meetings/m1").fields)],
        "location": [],
        "tickets": [],
        "users": [],
    }
    session = MeetingSession(MeetingSessionStore(members))
    session.in_session = False
    commit(*session.writes())
    assert database.get("meetings/m1").fields == {"status": "closed", "name": "x"}


def test_the_context_gives_paths_without_a_database(database):
    assert onto_flow.CTX.db.document("cityView/c1") == Reference("cityView/c1")
    assert onto_flow.CTX.db.collection("cityView").document("c1") == Reference("cityView/c1")
    assert onto_flow.CTX.db.get("a/b").path == "a/b"
    with pytest.raises(AttributeError):
        onto_flow.CTX.db._secret
