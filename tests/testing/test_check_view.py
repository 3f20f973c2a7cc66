"""`check_view` passes what is right, finds what is wrong, and prints a test that fails in the same way."""

from __future__ import annotations

import json

import pytest

from onto_flow import DomainModel, Store, ViewModel, attrs, computed, root
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.testing import CheckFailed, check_view
from tests.laws.checked.suite import RIGHT
from tests.laws.checked.views import VIEWS, CustomerPage
from tests.laws.checked.wrong_views import WRONG_VIEWS
from udfs.movielens import GenreStats
from udfs.reservations import Stock
from udfs.stocks import StockPage
from udfs.swapi import FilmPage


@pytest.mark.parametrize("view", [MeetingSession, OrganizationLoad, GenreStats, VIEWS["Load"]])
def test_a_view_that_is_right_passes(view):
    checked = check_view(view, examples=8)
    assert checked.examples == 8
    assert checked.notes == ()


@pytest.mark.parametrize("name", RIGHT)
def test_views_that_are_right_pass(name):
    assert check_view(*RIGHT[name], examples=12, pure=False).examples == 12


def test_several_views_are_one_plan():
    assert check_view(MeetingSession, OrganizationLoad, examples=10).runs >= 20


@pytest.mark.parametrize("sink", ["jsonl", "parquet"])
def test_jobs_may_write_to_other_sinks(sink):
    check_view(VIEWS["Load"], examples=10, sink=sink)


def test_values_of_a_form_that_no_type_says_are_given():
    with pytest.raises(CheckFailed, match="StockPage raises ValueError"):
        check_view(StockPage, must_take="typed")
    check_view(StockPage, examples=10, must_take="typed", values={"daily": ["2024-05-01", "2024-05-02", "2023-12-31"]})


def test_what_code_must_take_is_said():
    with pytest.raises(CheckFailed, match="FilmPage raises TypeError"):
        check_view(FilmPage)
    check_view(FilmPage, examples=10, must_take="typed")


def found(view, **options):
    with pytest.raises(CheckFailed) as caught:
        check_view(view, **options)
    return caught.value


QUICK = ("UsesRandom", "MutableDefault", "FilterRaises", "NeedsALead", "UsesToday", "ReadsAFile")


@pytest.mark.parametrize("name", QUICK)
def test_a_wrong_view_is_found_and_its_test_fails_in_the_same_way(name):
    failure = found(WRONG_VIEWS[name])
    assert failure.changes + failure.documents <= 6
    names = {}
    exec(compile(failure.test, "printed", "exec"), names)  # noqa: S102 - it is what was printed
    [test] = [value for key, value in names.items() if key.startswith("test_")]
    with pytest.raises(AssertionError):
        test()


def test_the_same_seed_finds_the_same():
    first, second = (found(WRONG_VIEWS["SortsNulls"]) for _ in range(2))
    assert (first.example, first.test) == (second.example, second.test)
    assert "seed 0" in str(first)


class Room(DomainModel):
    class Meta:
        collection_name = "rooms"

    code: str = attrs.str


class RoomStore(Store):
    room = root(Room)


class Door(ViewModel):
    """Wrong for one code, which stands nowhere in its code."""

    class Meta:
        collection_name = "doors"

    store: RoomStore

    @computed
    def number(self) -> int:
        code = self.store.room.code
        if isinstance(code, str) and code.encode().hex() == "78372d39":
            raise RuntimeError("this code again")
        return 1


def test_documents_of_a_source_are_played_with(tmp_path):
    lines = [{"path": f"rooms/{n}", "fields": {"code": {"stringValue": code}}} for n, code in enumerate(["a", "x7-9"])]
    (tmp_path / "rooms.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    check_view(Door, examples=30)
    failure = found(Door, examples=30, source=f"jsonl:{tmp_path / 'rooms.jsonl'}")
    assert "x7-9" in failure.test


def test_a_view_that_no_other_process_can_import_is_evaluated_here():
    class Here(ViewModel):
        class Meta:
            collection_name = "here"

        store: RoomStore

        @computed
        def code(self) -> str:
            return self.store.room.code

    assert check_view(Here, examples=5).notes != ()


def test_a_time_limit_ends_the_search():
    assert check_view(CustomerPage, seconds=0.5).examples >= 1


def test_time_passes_where_views_change_by_it():
    assert check_view(Stock, examples=30).examples == 30
