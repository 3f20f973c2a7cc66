"""Columns of what user code returns: the rows are what the converter makes of each value."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple, Optional, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow import Reference
from onto_flow.core.columns import Lists, Maps, Plain
from onto_flow.core.errors import DataError
from onto_flow.core.values import GeoPoint, Vector
from onto_flow.model.annotations import shape_of
from onto_flow.model.columns import Shredder
from onto_flow.model.documents import Converter
from onto_flow.model.names import camel_case


class Size(enum.Enum):
    SMALL = 1


class Text(str):
    pass


class Point(NamedTuple):
    left_edge: int
    right_edge: float | None


class Person(TypedDict, total=False):
    first_name: str


@dataclass(frozen=True)
class Room:
    room_name: str
    corner: Point | None
    all_points: list[Point]
    main_person: Person
    anything: Any


@dataclass(frozen=True)
class Hall(Room):
    extra: int = 0


@dataclass
class Nested:
    inner: Optional[Nested]  # noqa: UP045 - a name that is not known yet


SCALARS = st.sampled_from(
    [None, True, 1, -(2**63), 2**63, 0.5, "a", "é", "\ud800", b"x", Text("t"), Size.SMALL, GeoPoint(1.0, 2.0), {1}]
    + [Vector((1.0,)), Reference("a/b"), datetime(2024, 5, 1), datetime(2024, 5, 1, tzinfo=timezone.utc)]
    + [datetime(2024, 5, 1, tzinfo=timezone(timedelta(hours=1)))]
)
POINTS = st.builds(Point, st.sampled_from([1, 2, 2**63, True]), st.sampled_from([None, 0.5, 1]))
PEOPLE = st.sampled_from([{}, {"first_name": "Ada"}, {"other_key": 1}])
ROOMS = [st.sampled_from(["a", "é"]), st.none() | POINTS, st.lists(POINTS, max_size=2), PEOPLE, SCALARS]
VALUES = st.one_of(
    SCALARS,
    POINTS,
    PEOPLE,
    st.builds(Room, *ROOMS),
    st.builds(Hall, *ROOMS),
    st.lists(SCALARS, max_size=2),
    st.lists(POINTS, max_size=2).map(tuple),
    st.lists(st.builds(Room, *ROOMS), max_size=2),
)
FITTING = {
    str: st.sampled_from(["a", "é", None]),
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(),
    bytes: st.binary(max_size=2),
    datetime: st.datetimes(timezones=st.just(timezone.utc)),
    list[str]: st.lists(st.text(max_size=2), max_size=2),
    list[Room] | None: st.lists(st.builds(Room, *ROOMS) | st.none(), max_size=2),
    Sequence[int]: st.lists(st.integers(0, 3), max_size=2),
    tuple[Point, ...]: st.lists(POINTS, max_size=2).map(tuple),
    Room: st.builds(Room, *ROOMS),
    Person: PEOPLE,
    list[Person]: st.lists(PEOPLE, max_size=2),
    Size: st.just(Size.SMALL),
    GeoPoint: st.just(GeoPoint(1.0, 2.0)),
    int | str: st.sampled_from([1, "a"]),
    Any: SCALARS,
    None: SCALARS,
    list: st.lists(SCALARS, max_size=2),
    dict[str, int]: st.just({"a": 1}),
}


def made(make):
    try:
        return repr(make())
    except DataError as error:
        return error.code


@given(st.data())
def test_the_rows_of_a_column_are_what_the_converter_makes(data):
    annotation = data.draw(st.sampled_from([*FITTING]))
    values = data.draw(st.lists(FITTING[annotation] | data.draw(st.sampled_from([st.none(), VALUES])), max_size=3))
    shape = shape_of(annotation, camel_case)
    converter = Converter(camel_case)
    column = made(lambda: list(Shredder(converter).of(annotation, shape)(values).rows()))
    assert column == made(lambda: [converter.value(v, shape) for v in values])


def test_declared_values_become_columns_all_the_way_down():
    room = Room("r", Point(1, None), [Point(2, 0.5)], {"first_name": "Ada"}, 7)
    column = Shredder(Converter(camel_case)).of(list[Room] | None, shape_of(list[Room], camel_case))([[room], None, []])
    assert isinstance(column, Lists) and column.lengths == [1, None, 0]
    assert isinstance(column.items, Maps)
    parts = column.items.parts
    assert parts["roomName"] == Plain(["r"], "str") and parts["anything"] == Plain([7])
    assert parts["mainPerson"] == Plain([{"firstName": "Ada"}])
    assert isinstance(parts["allPoints"], Lists) and isinstance(parts["corner"], Maps)


@pytest.mark.parametrize("depth", [18, 19, 20, 21])
def test_what_lies_too_deep_is_refused_as_the_converter_refuses_it(depth):
    value = None
    for _ in range(depth):
        value = Nested(value)
    shred, converter = Shredder(Converter(camel_case)), Converter(camel_case)
    assert made(lambda: shred.of(Nested, None)([value]).rows()[0]) == made(lambda: converter.value(value))


@dataclass
class Both:
    left: Optional[Both]  # noqa: UP045 - a name that is not known yet
    right: Optional[Both]  # noqa: UP045 - a name that is not known yet


def test_what_holds_itself_twice_is_no_tree_of_columns():
    column = Shredder(Converter(camel_case)).of(Both, None)([Both(Both(None, None), None)])
    assert column == Maps(None, {"left": Plain([{"left": None, "right": None}]), "right": Plain([None])})
