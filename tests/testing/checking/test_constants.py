"""What is read from a view's code: what conditions compare, and lengths of time."""

from __future__ import annotations

from datetime import timedelta

from onto_flow.testing.checking.constants import constants_of
from onto_flow.testing.checking.subject import Subject
from tests.laws.checked.more_views import AuthorPage, BoardPage, BoardStore, Meets, MeetStore, ProjectPage, Sheet
from tests.laws.checked.timed_views import Hourly, RoomPage, Rush, Sliding, Watch

HOUR = timedelta(hours=1)


def test_attributes_that_are_compared_with_each_other_are_alike():
    assert constants_of(BoardPage, BoardStore).alike == (frozenset({"day"}),)
    assert constants_of(Meets, MeetStore).alike == (frozenset({"name", "state"}),)


def test_lengths_of_time_are_found():
    assert constants_of(Hourly).spans == (HOUR, timedelta(minutes=20))
    assert constants_of(Sliding).spans == (HOUR, timedelta(minutes=30))
    assert Subject((Watch,)).fields.spans == (HOUR,)
    assert Subject((Rush,)).fields.spans == (HOUR,)


def test_clocks_and_what_views_write_are_no_documents_of_stories():
    watched = Subject((Watch,)).fields
    assert [c.pattern for c in watched.collections] == ["rooms"]
    assert watched.timed
    read = Subject((Sheet, AuthorPage)).fields
    assert {c.pattern for c in read.collections} == {"notes", "authors"}
    assert not read.timed


def test_a_field_that_says_until_when_a_document_counts_is_known():
    stays = next(f for c, f in Subject((RoomPage,)).fields.collections.items() if c.pattern == "stays")
    assert stays["leaves"].until
    assert stays["leaves"].decides
    assert not stays["guest"].until


def test_what_lies_above_needs_no_field():
    assert {c.pattern.count("/") for c in Subject((ProjectPage,)).fields.collections} == {0, 2, 4}
