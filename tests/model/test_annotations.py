"""Annotations as logical types."""

from __future__ import annotations

import enum
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, TypedDict, Union

import pytest

from onto_flow import GeoPoint, Reference, Vector
from onto_flow.core.errors import DataError
from onto_flow.demo.meeting_room import Meeting
from onto_flow.model.annotations import element_of, named_parts, type_of
from onto_flow.model.names import camel_case

UserId = NewType("UserId", str)


class Kind(enum.Enum):
    A = "a"
    B = "b"


class Mixed(enum.Enum):
    A = "a"
    B = 2


@dataclass
class Line:
    unit_price: float
    note: str | None


class Pair(NamedTuple):
    first_one: int
    second: Unknown  # noqa: F821


@dataclass
class Tree:
    name: str
    branches: list[Tree]


class Keys(TypedDict):
    some_key: int


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        (bool, "bool"),
        (int | None, "int?"),
        (
            Optional[float],  # noqa: UP045
            "float?",
        ),
        (
            Union[int, str],  # noqa: UP007
            "any?",
        ),
        (datetime, "timestamp"),
        (GeoPoint, "geopoint"),
        (Vector, "vector"),
        (Reference, "reference"),
        (Reference[Meeting] | None, "reference?"),
        (list, "list[any?]"),
        (list[Line], "list[struct{unitPrice: float, note: str?}]"),
        (Sequence[str], "list[str]"),
        (tuple[int, ...], "list[int]"),
        (tuple[int, str], "list[any?]"),
        (dict[str, int], "map"),
        (Mapping[str, int], "map"),
        (Keys, "struct{someKey: int}"),
        (Tree, "struct{name: str, branches: list[any?]}"),
        (Kind, "str"),
        (Mixed, "any?"),
        (Literal["a", "b"], "str"),
        (UserId, "str"),
        (Annotated[int, "metres"], "int"),
        (Any, "any?"),
        (Iterable[str], "any?"),
        (object, "any?"),
        (typing.ForwardRef("Nobody"), "any?"),
    ],
)
def test_an_annotation_is_a_logical_type(annotation, said):
    assert str(type_of(annotation, camel_case)) == said


def test_a_name_that_is_not_known_is_any():
    assert str(type_of(Pair, camel_case)) == "struct{firstOne: any?, second: any?}"


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        (list[list[int]], "array in an array"),
        (list[tuple[int, ...] | None], "array in an array"),
        (set[str], "a set has no order"),
        (frozenset, "a set has no order"),
        (Meeting | None, "a whole Meeting"),
        (list[Meeting], "a whole Meeting"),
    ],
)
def test_what_firestore_refuses_is_told_by_its_annotation(annotation, says):
    with pytest.raises(DataError, match=says):
        type_of(annotation, camel_case)


def test_elements_and_parts():
    assert element_of(Iterable[str]) is str and element_of(list[Pair] | None) is Pair and element_of(int) is None
    assert named_parts(Pair | None) is Pair and named_parts(tuple[int, str]) is None
