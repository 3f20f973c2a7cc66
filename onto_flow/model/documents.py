"""From what user code returns to what a document holds."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ..core.errors import DataError
from ..core.values import MAX_INTEGER, MIN_INTEGER, GeoPoint, Reference, Vector
from .annotations import Rename, Shape, hints_of, shape_of
from .domain import DomainModel
from .maps import MapModel
from .members import Many

MAX_DEPTH = 20
"""How deep Firestore lets maps and arrays nest (its documentation on limits)."""

_Field = tuple[str, str, "Shape | None"]


class Converter:
    """Makes values of Firestore: dataclasses and named tuples become maps, tuples arrays, enums their values.

    Args:
        rename: From a declared name to its name in Firestore; keys of plain maps stay.

    Example:
        >>> from onto_flow.demo.meeting_room import Attendee
        >>> from onto_flow.model.names import camel_case
        >>> Converter(camel_case).value([Attendee("Ada", "Analytical", True)])
        [{'name': 'Ada', 'organization': 'Analytical', 'hearingAidRequested': True}]
    """

    def __init__(self, rename: Rename) -> None:
        self._rename = rename
        self._fields: dict[type, tuple[_Field, ...]] = {}
        self._met: dict[type, tuple[_Field, ...]] = {}
        """The parts of dataclasses and named tuples that were met as values: nothing else need be asked of their objects."""

    def value(self, value: Any, shape: Shape | None = None, depth: int = 0, in_list: bool = False) -> Any:
        """The value as Firestore holds it.

        Args:
            value: What user code returned.
            shape: Where its maps have declared keys.
            depth: How deep it lies.
            in_list: Whether it is an element of an array.

        Raises:
            DataError: `bad-value` for what Firestore refuses, `too-deep`.
        """
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if kind is str:
            return _text(value)
        parts = self._met.get(kind)
        if parts is not None and depth < MAX_DEPTH:
            return {stored: self.value(getattr(value, n), inner, depth + 1) for n, stored, inner in parts}
        if isinstance(value, enum.Enum):
            return self.value(value.value, shape, depth, in_list)
        for known, convert in _SCALARS:
            if isinstance(value, known):
                return convert(value)
        if depth >= MAX_DEPTH:
            raise DataError("too-deep", f"maps and arrays nest deeper than {MAX_DEPTH} levels")
        if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
            return self._list(value, shape, depth + 1, in_list)
        return self._map(value, shape, depth + 1)

    def _list(self, value: Any, shape: Shape | None, depth: int, in_list: bool) -> list[Any]:
        if in_list:
            raise DataError("bad-value", "an array in an array, which Firestore refuses", fix="Put a map between them.")
        items = shape.items if shape else None
        return [self.value(v, items, depth, True) for v in value]

    def _map(self, value: Any, shape: Shape | None, depth: int) -> dict[str, Any]:
        if isinstance(value, Mapping):
            for key in value:
                if not isinstance(key, str):
                    raise DataError("bad-value", f"a map with a key that is not a string: {key!r:.80}")
            return self._mapping(value, shape, depth)
        if isinstance(value, MapModel):
            return self._mapping(value._fields, None, depth)
        if not (dataclasses.is_dataclass(value) or isinstance(value, tuple)) or isinstance(value, type):
            raise _refused(value)
        fields = self._met[type(value)] = self.known_fields(type(value))
        return {stored: self.value(getattr(value, n), inner, depth) for n, stored, inner in fields}

    def _mapping(self, value: Mapping[str, Any], shape: Shape | None, depth: int) -> dict[str, Any]:
        if shape is None or shape.names is None:
            items = shape.items if shape else None
            return {_text(k): self.value(v, items, depth) for k, v in value.items()}
        undeclared = (None, None)
        found = {}
        for key, member in value.items():
            stored, inner = shape.names.get(key, undeclared)
            found[stored or _text(key)] = self.value(member, inner, depth)
        return found

    def names_of(self, cls: type) -> list[tuple[str, str]]:
        """(attribute, name in the document) of the parts of a dataclass or named tuple."""
        return [(name, stored) for name, stored, _ in self.known_fields(cls)]

    def known_fields(self, cls: type) -> tuple[_Field, ...]:
        """(attribute, name in the document, shape) of the parts of a dataclass or named tuple."""
        fields = self._fields.get(cls)
        if fields is None:
            fields = self._fields[cls] = self._fields_of(cls)
        return fields

    def _fields_of(self, cls: Any) -> tuple[_Field, ...]:
        hints = hints_of(cls)
        names = cls._fields if hasattr(cls, "_fields") else [f.name for f in dataclasses.fields(cls)]
        return tuple((n, self._rename(n), shape_of(hints.get(n), self._rename)) for n in names)


def is_structure(cls: type) -> bool:
    """Whether the objects of a class become maps of their parts: those of dataclasses and named tuples do.

    Example:
        >>> from onto_flow.demo.meeting_room import Attendee
        >>> is_structure(Attendee), is_structure(GeoPoint), is_structure(tuple)
        (True, False, False)
    """
    otherwise = (enum.Enum, *(known for known, _ in _SCALARS), Mapping, MapModel, DomainModel, Many, list)
    parts = dataclasses.is_dataclass(cls) or (issubclass(cls, tuple) and hasattr(cls, "_fields"))
    return parts and not issubclass(cls, otherwise)


def _integer(value: int) -> int:
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise DataError("bad-value", f"an integer beyond 64 bits: {value}")
    return int(value)


def _text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise DataError("bad-value", f"a string that is not Unicode text: {value!r:.80}") from error
    return value if type(value) is str else str.__str__(value)


def _time(value: datetime) -> datetime:
    if value.tzinfo is timezone.utc:
        return value
    return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


def _as_it_is(value: Any) -> Any:
    return value


_SCALARS: tuple[tuple[type, Any], ...] = (
    (str, _text),
    (int, _integer),
    (float, float),
    (Reference, _as_it_is),
    (datetime, _time),
    (bytes, bytes),
    (GeoPoint, _as_it_is),
    (Vector, _as_it_is),
)


def _refused(value: Any) -> DataError:
    if isinstance(value, (DomainModel, Many)):
        fix = "Return the attributes that the view shows, or Reference(document.path)."
        return DataError("bad-value", f"a whole {type(value).__name__} in a view", fix=fix)
    fix = "Return sorted(...): a set has no order." if isinstance(value, (set, frozenset)) else ""
    return DataError("bad-value", f"{type(value).__name__} is not a value of Firestore: {value!r:.80}", fix=fix)
