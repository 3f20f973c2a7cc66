"""View documents straight from the database, made once, or again whenever they change."""

from __future__ import annotations

import queue
from datetime import datetime, timedelta, timezone
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onto_flow
from onto_flow import DomainModel, MissingDocument, Reference, Store, ViewModel, attrs, many, one, root, udf
from onto_flow.core.errors import DeclarationError, EngineError, UsageError
from onto_flow.core.values import to_micros
from onto_flow.core.writes import Write
from onto_flow.database.embedded import EmbeddedDatabase
from onto_flow.demo import data
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.serve import reading
from onto_flow.serve.reading import read_members
from onto_flow.testing.oracle import recompute
from udfs.reservations import Stock

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def database(tmp_path):
    with EmbeddedDatabase(tmp_path / "app.sqlite", synchronous="normal") as database:
        database.commit([Write.set(path, fields) for path, fields in data.documents().items()])
        yield database


class City(DomainModel):
    class Meta:
        collection_name = "cities"

    city_name: str = attrs.str
    country: str = attrs.str


class CityStore(Store):
    pass


class CityView(ViewModel):
    """As the predecessor's documentation prints it."""

    name = attrs.bproperty()
    country = attrs.bproperty()

    @classmethod
    def new(cls, snapshot):
        store = CityStore()
        store.add_snapshot("city", dm_cls=City, snapshot=snapshot)
        store.refresh()
        return cls(store=store)

    @name.getter
    def name(self):
        return self.store.city.city_name

    @name.setter
    def name(self, value):
        self.store.city.city_name = value

    @country.getter
    def country(self):
        return self.store.city.country

    @property
    def doc_ref(self):
        return Reference(f"cityView/{self.store.city.doc_id}")


OSLO = SimpleNamespace(path="cities/oslo", fields={"cityName": "Oslo", "country": "NO"})


def test_the_printed_form_makes_a_view_once():
    view = CityView.new(OSLO)
    assert view.to_view_dict() == {"name": "Oslo", "country": "NO"}
    assert view.doc_ref == Reference("cityView/oslo") and view._view_refs == [Reference("cityView/oslo")]
    snapshot = view.to_snapshot()
    assert snapshot.path == "cityView/oslo" and snapshot.to_dict() == view.to_view_dict()


def test_a_client_s_snapshot_is_taken_too():
    client = SimpleNamespace(reference=SimpleNamespace(path="cities/oslo"), to_dict=lambda: OSLO.fields)
    assert CityView.new(client).to_view_dict() == {"name": "Oslo", "country": "NO"}


def test_its_setter_records_a_write():
    view = CityView.new(OSLO)
    view.name = "Christiania"
    assert view.writes() == (Write.update("cities/oslo", {"cityName": "Christiania"}),)
    assert view.to_view_dict()["name"] == "Christiania"


def test_a_view_with_new_alone_cannot_be_planned():
    with pytest.raises(DeclarationError, match=r"city = root\(City\)"):
        CityView.plan()


def test_a_model_is_named_where_no_slot_knows_it():
    with pytest.raises(DeclarationError, match="a model that nobody named"):
        CityStore().add_snapshot("city", snapshot=OSLO)
    with pytest.raises(AttributeError, match="town"):
        _ = CityView.new(OSLO).store.town


def test_get_gives_the_document_that_the_table_would_have(database):
    table = recompute(MeetingSession.plan(), data.documents())["MeetingSession"]
    view = MeetingSession.get("standup", database=database)
    assert view.to_view_dict() == table["meetingSessions/standup"]
    assert view.doc_ref.path == "meetingSessions/standup"


def test_new_reads_what_follows_from_a_root(database):
    store = MeetingSession.get("standup", database=database).store
    snapshot = database.get("meetings/standup")
    fresh = type(store)()
    fresh.add_snapshot("meeting", snapshot=snapshot)
    fresh.refresh(database)
    assert [u.path for u in fresh.users] == [u.path for u in store.users] != []


def test_what_is_not_there_is_told(database):
    with pytest.raises(MissingDocument, match="meetings/none"):
        MeetingSession.get("none", database=database)
    with pytest.raises(UsageError, match="no database is bound"):
        MeetingSession.get("standup")
    with pytest.raises(UsageError, match="Read it from the view table"):
        OrganizationLoad.get(
            next(p for p in data.documents() if p.startswith("tickets/")), database=database
        ).to_view_dict()


def test_a_front_end_write_goes_back_through_the_view(database):
    view = MeetingSession.get("standup", database=database)
    view.in_session = not view.in_session
    before = database.get("meetings/standup").fields
    view.save(database=database)
    after = database.get("meetings/standup").fields
    assert before["status"] != after["status"]
    assert {**before, "status": after["status"]} == after


def test_the_bound_database_is_read_and_written(database):
    with onto_flow.settings(database=database):
        view = MeetingSession.get("standup")
        view.in_session = False
        view.save()
        assert MeetingSession.new(database.get("meetings/standup")).in_session is False

        def close():
            view = MeetingSession.get("retro")
            view.in_session = False
            view.save()

        onto_flow.transact(close)
        assert MeetingSession.get("retro").in_session is False


def test_a_write_onto_something_newer_is_refused(database):
    view = MeetingSession.get("standup", database=database)
    view.in_session = not view.in_session
    database.commit([Write.update("meetings/standup", {"status": "moved"})])
    with pytest.raises(EngineError, match="nothing was written"):
        view.save(database=database)


def test_a_view_is_made_again_when_one_of_its_documents_changes(database):
    heard = queue.Queue()
    view = MeetingSession.get("standup", once=False, f_notify=lambda v: heard.put(v.to_view_dict()), database=database)
    try:
        first = heard.get(timeout=30)
        assert first == view.to_view_dict()
        database.commit([Write.create("elsewhere/x", {"a": 1})])
        database.commit([Write.update("users/ada", {"lastName": "King"})])
        second = heard.get(timeout=30)
        assert first != second and "Ada King" in [a["name"] for a in second["attending"]]
    finally:
        view.close()
    database.commit([Write.update("users/ada", {"lastName": "Byron"})])
    assert heard.empty()


class Team(DomainModel):
    class Meta:
        collection_name = "teams"

    label: str = attrs.str


class Person(DomainModel):
    class Meta:
        collection_name = "people"

    team = attrs.relation(Team)
    friends = attrs.relations("Person")
    code: str = attrs.str


class Badge(DomainModel):
    class Meta:
        collection_name = "badges"

    person = attrs.relation(Person)
    codes: list[str] = attrs.list


class CircleStore(Store):
    team = root(Team)
    people = many(Person, by=Person.team)
    friends = many(Person, via=(people, Person.friends))
    badges = many(Badge, by=(people, Badge.person))
    same_code = many(Badge, on=((friends, Person.code), Badge.codes))
    first_badge = one(Badge, by=(people, Badge.person))


class Circle(ViewModel):
    class Meta:
        collection_name = "circles"

    store: CircleStore

    @udf
    @staticmethod
    def shown(people: object, friends: object, badges: object, same_code: object) -> list[str]:
        return [d.path for slot in (people, friends, badges, same_code) for d in slot]


def _reference(path):
    """The forms in which real data refer to a document."""
    full = f"projects/p/databases/(default)/documents/{path}"
    return st.sampled_from([Reference(path), path, f"/{path}", path.rpartition("/")[2], full])


_TEAMS = st.sampled_from(["teams/a", "teams/b"]).flatmap(_reference)
_PEOPLE = st.sampled_from([f"people/{n}" for n in "abc"]).flatmap(_reference)
_CODES = st.sampled_from(["x", "y", "", 1, None])
_DOCUMENTS = st.fixed_dictionaries(
    {"teams/a": st.just({}), "teams/b": st.just({"label": "B"})},
    optional={
        **{
            f"people/{n}": st.fixed_dictionaries(
                {},
                optional={
                    "team": st.one_of(_TEAMS, st.lists(_TEAMS, max_size=2)),
                    "friends": st.lists(_PEOPLE, max_size=3),
                    "code": _CODES,
                },
            )
            for n in "abc"
        },
        **{
            f"badges/{n}": st.fixed_dictionaries(
                {}, optional={"person": _PEOPLE, "codes": st.lists(_CODES, max_size=3)}
            )
            for n in "pqr"
        },
    },
)


def _in_lists(document):
    return any(isinstance(v, list) and any("projects/" in str(e) for e in v) for v in document.values())


@settings(max_examples=60, deadline=None)
@given(documents=_DOCUMENTS)
def test_reading_finds_the_members_that_the_oracle_finds(documents):
    documents = {p: f for p, f in documents.items() if not _in_lists(f)}
    table = recompute(Circle.plan(), documents)["Circle"]
    with TemporaryDirectory() as folder, EmbeddedDatabase(f"{folder}/app.sqlite", synchronous="normal") as database:
        database.commit([Write.set(p, f) for p, f in documents.items()])
        for team in ("a", "b"):
            assert Circle.get(team, database=database).to_view_dict() == table[f"circles/{team}"]
            assert read_members(CircleStore, f"teams/{team}", database).read_time is not None


def test_declared_time_is_that_of_the_reading(tmp_path, monkeypatch):
    item = Reference("items/bread")
    holds = {f"holds/h{n}": {"item": item, "pieces": n, "expiresAt": NOON + timedelta(minutes=n)} for n in (1, 2, 4)}
    with EmbeddedDatabase(tmp_path / "shop.sqlite", synchronous="normal") as shop:
        shop.commit([Write.set(path, fields) for path, fields in holds.items()])
        shop.commit([Write.set("items/bread", {"name": "Bread", "onHand": 9, "countedAt": NOON})])
        for minutes, held, counted in ((0, 7, False), (1, 6, False), (2, 4, False), (1500, 0, True)):
            now = to_micros(NOON + timedelta(minutes=minutes)) * 1000
            monkeypatch.setattr(reading.time, "time_ns", lambda now=now: now)
            stock = Stock.get("bread", database=shop)
            assert (stock.held, stock.to_be_counted) == (held, counted)
            assert all("__expired__" not in hold._fields for hold in stock.store.holds)
