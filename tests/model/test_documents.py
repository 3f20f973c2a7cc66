"""From what user code returns to what a document holds."""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import NamedTuple, TypedDict

import pytest

from onto_flow import Many, Reference
from onto_flow.core.errors import DataError
from onto_flow.model.annotations import shape_of
from onto_flow.model.documents import Converter
from onto_flow.model.names import camel_case


class Size(enum.IntEnum):
    SMALL = 1


class Text(str):
    pass


class Point(NamedTuple):
    left_edge: int
    right_edge: int


class Person(TypedDict, total=False):
    first_name: str
    close_friends: list[Person]


@dataclass
class Room:
    main_person: Person
    all_points: tuple[Point, ...]


def converted(value, annotation=None):
    return Converter(camel_case).value(value, shape_of(annotation, camel_case))


def test_times_become_utc():
    two_hours_east = timezone(timedelta(hours=2))
    noon = datetime(2024, 5, 1, 10, tzinfo=timezone.utc)
    assert converted(datetime(2024, 5, 1, 12, tzinfo=two_hours_east)).isoformat() == noon.isoformat()
    assert converted(datetime(2024, 5, 1, 10)).isoformat() == noon.isoformat()


@pytest.mark.parametrize(("value", "plain"), [(Size.SMALL, 1), (Text("x"), "x"), (True, True), (-(2**63), -(2**63))])
def test_subclasses_become_plain_values(value, plain):
    assert converted(value) == plain and type(converted(value)) is type(plain)


def test_named_tuples_are_maps_and_plain_tuples_arrays():
    assert converted([Point(1, 2)]) == [{"leftEdge": 1, "rightEdge": 2}]
    assert converted({"some_pair": (1, 2)}) == {"some_pair": [1, 2]}


def test_declared_keys_are_converted_and_others_never():
    friend = {"first_name": "Bo", "other_key": 1}
    ada = {"first_name": "Ada", "close_friends": [friend]}
    stored = {"firstName": "Ada", "closeFriends": [{"firstName": "Bo", "other_key": 1}]}
    assert converted(friend, Person | None) == {"firstName": "Bo", "other_key": 1}
    assert converted({"a_b": friend}, dict[str, Person]) == {"a_b": {"firstName": "Bo", "other_key": 1}}
    room = converted(Room({"first_name": "Ada"}, (Point(1, 2),)))
    assert room == {"mainPerson": {"firstName": "Ada"}, "allPoints": [{"leftEdge": 1, "rightEdge": 2}]}
    assert converted(ada) == ada
    assert converted([ada], list[Person]) == [stored]


def test_the_result_shares_no_container_with_what_was_returned():
    inner = [1]
    value = {"a": inner}
    copy = converted(value)
    inner.append(2)
    assert copy == {"a": [1]}


@pytest.mark.parametrize(
    ("value", "code", "says"),
    [
        ("\ud800", "bad-value", "not Unicode text"),
        ({"a": "\ud800"}, "bad-value", "not Unicode text"),
        ({"\ud800": 1}, "bad-value", "not Unicode text"),
        (-(2**63) - 1, "bad-value", "beyond 64 bits"),
        ([(1, 2)], "bad-value", "array in an array"),
        (Many([]), "bad-value", "a whole Many"),
        ((x for x in ()), "bad-value", "generator is not a value"),
        (Room, "bad-value", "type is not a value"),
        (functools.reduce(lambda inside, _: {"a": inside}, range(21), 1), "too-deep", "deeper than 20"),
    ],
)
def test_what_firestore_refuses_is_refused(value, code, says):
    with pytest.raises(DataError, match=says) as caught:
        converted(value)
    assert caught.value.code == code


def test_twenty_levels_are_allowed():
    nested = functools.reduce(lambda inside, _: {"a": inside}, range(20), Reference("a/b"))
    assert converted(nested) == nested


def test_a_named_tuple_that_was_met_before_is_still_refused_where_it_lies_too_deep():
    converter = Converter(camel_case)
    assert converter.value(Point(1, 2)) == converter.value(Point(1, 2)) == {"leftEdge": 1, "rightEdge": 2}
    with pytest.raises(DataError, match="deeper than 20"):
        converter.value(functools.reduce(lambda inside, _: {"a": inside}, range(20), Point(1, 2)))
