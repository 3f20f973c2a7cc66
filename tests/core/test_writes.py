from __future__ import annotations

from datetime import datetime, timezone

import pytest

from onto_flow.core.errors import DataError, UsageError
from onto_flow.core.transforms import DELETE, SERVER_TIME, ArrayUnion, Increment
from onto_flow.core.writes import Precondition, Write, apply

NOW = datetime(2024, 5, 1, tzinfo=timezone.utc)
BEFORE = {"name": "Ada", "address": {"city": "Oslo", "zip": "1"}, "n": 1}


def after(write, before=BEFORE):
    return apply(write, before, NOW)


def test_a_set_replaces_all():
    assert after(Write.set("u/1", {"a": {}, "t": SERVER_TIME})) == {"a": {}, "t": NOW}


def test_a_merge_keeps_what_it_does_not_name():
    write = Write.merge(
        "u/1", {"address": {"city": "Rome"}, "n": Increment(2), "name": DELETE, "tags": ArrayUnion("a")}
    )
    assert after(write) == {"address": {"city": "Rome", "zip": "1"}, "n": 3, "tags": ["a"]}
    assert after(write, None) == {"address": {"city": "Rome"}, "n": 2, "tags": ["a"]}


def test_a_merge_of_an_empty_map_replaces_the_map():
    assert after(Write.merge("u/1", {"address": {}})) == {"name": "Ada", "address": {}, "n": 1}


def test_an_update_replaces_what_is_at_its_paths():
    write = Write.update("u/1", {"address": {"street": "A"}, ("n", "deep"): 1, "name.x": DELETE, "gone": DELETE})
    assert after(write) == {"name": "Ada", "address": {"street": "A"}, "n": {"deep": 1}}


def test_an_update_takes_a_field_out_of_a_map():
    assert after(Write.update("u/1", {"address.zip": DELETE})) == {"name": "Ada", "address": {"city": "Oslo"}, "n": 1}


def test_a_document_is_not_changed_in_place():
    before = {"address": {"city": "Oslo", "n": {"m": 1}}}
    after(Write.update("u/1", {"address.city": "Rome", "address.n.m": Increment(1), "x": 1}), before)
    after(Write.update("u/1", {"address.n.m": DELETE}), before)
    assert before == {"address": {"city": "Oslo", "n": {"m": 1}}}


def test_names_are_field_paths_or_tuples():
    assert after(Write.update("u/1", {"`a.b`": 1, ("c d",): 2}), {}) == {"a.b": 1, "c d": 2}


def test_a_deletion_leaves_nothing():
    assert after(Write.delete("u/1")) is None


@pytest.mark.parametrize("path", ["a-b", "", ".a", (), 3])
def test_what_is_no_field_path_is_refused(path):
    with pytest.raises(UsageError):
        Write.update("u/1", {path: 1})


@pytest.mark.parametrize(
    "make",
    [
        lambda: Write.update("u/1", {"a": 1, "a.b": 2}),
        lambda: Write.update("u/1", {"a": {"b": SERVER_TIME}}),
        lambda: Write.update("u/1", {"a": {"b": DELETE}}),
        lambda: Write.merge("u/1", {"a": [SERVER_TIME]}),
        lambda: Write.set("u/1", {"a": [{"b": DELETE}]}),
        lambda: Write.set("u/1", {"a": DELETE}),
    ],
)
def test_what_cannot_be_done_is_refused(make):
    with pytest.raises(DataError) as caught:
        make()
    assert caught.value.where == "u/1"


@pytest.mark.parametrize(
    ("condition", "update_time", "holds"),
    [
        (Precondition(), None, True),
        (Precondition(exists=True), NOW, True),
        (Precondition(exists=True), None, False),
        (Precondition(exists=False), NOW, False),
        (Precondition(exists=False), None, True),
        (Precondition(update_time=NOW), NOW, True),
        (Precondition(update_time=NOW), NOW.replace(microsecond=1), False),
        (Precondition(update_time=NOW), None, False),
    ],
)
def test_a_precondition_says_why_it_does_not_hold(condition, update_time, holds):
    assert (condition.failure(update_time) is None) is holds
