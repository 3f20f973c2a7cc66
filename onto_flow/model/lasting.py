"""Values that nobody can change, and what is stored of them."""

from __future__ import annotations

import dataclasses
import enum
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from functools import cached_property
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from ..core.compact import pattern, unseen
from ..core.equality import same
from ..core.native import compiled, replace
from ..core.values import GeoPoint, Reference, Vector
from .domain import DomainModel

_EXACT = frozenset({type(None), bool, int, str, bytes})
"""Equal ones of one type cannot be told apart."""

_SCALARS = _EXACT | {float, Reference, GeoPoint, Vector, datetime, date, time, timedelta}
_PLAIN = frozenset({type(None), bool, float, str})
"""They are stored as they are, but for a text that is none."""

_PARTS: dict[type, tuple[str, ...] | None] = {}


class NotLasting(Exception):
    """A value could be changed by whoever reads it."""


def is_lasting(value: Any) -> bool:
    """Whether nobody can change a value.

    Example:
        >>> from onto_flow.demo.meeting_room import Attendee
        >>> is_lasting(Attendee("Ada", "Acme", True)), is_lasting((1, "a")), is_lasting([1]), is_lasting(([],))
        (True, True, False, False)
    """
    kind = value.__class__
    if kind in _SCALARS:
        return True
    if kind is tuple:
        return all(map(is_lasting, value))
    parts = parts_of(kind)
    return parts is not None and all(is_lasting(getattr(value, n)) for n in parts)


def parts_of(kind: type) -> tuple[str, ...] | None:
    """The names of the parts of a class whose objects do not change; `None` for another one."""
    if kind in _PARTS:
        return _PARTS[kind]
    parts: tuple[str, ...] | None = None
    if issubclass(kind, enum.Enum) or (issubclass(kind, DomainModel) and "_read_only" in vars(kind)):
        parts = ()
    elif dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        parts = tuple(f.name for f in dataclasses.fields(kind))
    elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
        parts = tuple(kind._fields)
    _PARTS[kind] = parts
    return parts


def alike(one: Any, other: Any) -> bool:
    """Whether two lasting values, or lists of them, are the same to whoever reads them."""
    if one is other:
        return True
    kind = one.__class__
    if kind is not other.__class__:
        return False
    if kind in _EXACT:
        return bool(one == other)
    if kind is float:
        return same(one, other)
    if kind is tuple or kind is list:
        return len(one) == len(other) and all(map(alike, one, other))
    parts = _PARTS.get(kind)
    return bool(parts) and all(alike(getattr(one, n), getattr(other, n)) for n in parts or ())


_Map = tuple[tuple[str, ...], tuple[str, ...], Callable[[Any], tuple[Any, ...]], dict[str, Any], bool]
"""Of a class whose objects are stored as maps: the names of the parts, their names in the map, what reads them, the pattern
of the map, and whether an object with plain parts is in no cycle."""


class Elements:
    """The elements of one getter's list, most of them objects of one class with plain parts.

    Args:
        convert: From an element to what is stored of it.
        fields: From a class to (attribute, name in the document) of its parts, where it is a map.
    """

    __slots__ = ("_convert", "_fields", "_known", "_plain")

    def __init__(self, convert: Callable[[Any], Any], fields: Callable[[type], Sequence[tuple[str, str]]]) -> None:
        self._convert, self._fields = convert, fields
        self._known: dict[type, _Map | None] = {}
        self._plain: dict[tuple[type, ...], Callable[[Any], str] | None] = {}

    def stored(self, elements: Sequence[Any]) -> list[Any]:
        """What is stored of some elements.

        Raises:
            NotLasting: One of them could be changed.
            DataError: One of them cannot be stored.
        """
        return [self._stored(e) for e in elements]

    def _stored(self, element: Any) -> Any:
        kind = element.__class__
        known = self._known.get(kind, self)
        if known is self:
            known = self._known[kind] = self._learned(kind)
        if known is not None:
            _, names, parts, shape, is_alone = known  # type: ignore[misc]
            values = parts(element)
            types = tuple(map(type, values))
            texts = self._plain.get(types, _UNKNOWN)
            if texts is _UNKNOWN:
                texts = self._plain[types] = _texts(types)
            if texts is not None and texts(values).isascii():
                found = shape.copy()
                found.update(zip(names, values))
                if is_alone:
                    unseen(element)
                return found
        if not is_lasting(element):
            raise NotLasting
        return self._convert(element)

    def _learned(self, kind: type) -> _Map | None:
        """How the parts of an object of a class are read, and their names; `None` where it needs the whole conversion."""
        parts = parts_of(kind)
        if not parts or len(parts) < 2 or issubclass(kind, DomainModel):
            return None
        fields = self._fields(kind)
        if tuple(n for n, _ in fields) != parts:
            return None
        names = tuple(stored for _, stored in fields)
        return parts, names, attrgetter(*parts), pattern(names), _holds_parts_alone(kind)


_UNKNOWN: Any = object()


def _holds_parts_alone(kind: type) -> bool:
    """Whether objects of a class that do not change hold nothing but their parts: no property that is kept with them."""
    return not any(isinstance(member, cached_property) for of in kind.__mro__ for member in vars(of).values())


def _texts(types: tuple[type, ...]) -> Callable[[Any], str] | None:
    """What joins the texts among values of some types; `None` when others must be converted."""
    if not _PLAIN.issuperset(types):
        return None
    at = [i for i, t in enumerate(types) if t is str]
    if len(at) < 2:
        return (lambda values: values[at[0]]) if at else lambda values: ""
    texts = itemgetter(*at)
    return lambda values: "".join(texts(values))


if not TYPE_CHECKING and compiled() is not None:
    replace(sys.modules[__name__], "alike", compiled().lasting(_PARTS, Elements))
