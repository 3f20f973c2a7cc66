"""REST's typed JSON -> values: the reading half of `typed_json`.

Where a value lies is worked out only when it is refused, on the way up: the path of every value, made in vain, would be
most of the work.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

from ..core.errors import DataError
from ..core.values import MAX_INTEGER, MIN_INTEGER, GeoPoint, Reference, Vector
from .names import split_reference
from .native import extension
from .native.fields import makers
from .times import parse_time

MAX_DEPTH = 20
"""Firestore's limit of maps in maps."""

VECTOR_KEY, VECTOR = "__type__", "__vector__"
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0.0": -0.0}
"""Doubles as text; minus zero is so where numbers lose its sign, as those of PostgreSQL's jsonb do."""
_MAX_WHERE = 400
_SMALL_INTEGERS = {str(number): number for number in range(1000)}
"""Quicker than reading and checking them."""


def vector_of_map(fields: dict[str, Any]) -> Any:
    """The vector that a map stands for; the map itself when it is none.

    Example:
        >>> vector_of_map({"__type__": "__vector__", "value": [1.0, 2.0]}), vector_of_map({"value": [1.0]})
        (Vector(values=(1.0, 2.0)), {'value': [1.0]})
    """
    if len(fields) == 2 and fields.get(VECTOR_KEY) == VECTOR:
        values = fields.get("value")
        if isinstance(values, list) and all(type(v) is float for v in values):
            return Vector(tuple(values))
    return fields


def decode_fields(fields: Any, database: str | None = None, where: str = "$") -> dict[str, Any]:
    """The values of a REST document's `fields`.

    Args:
        fields: What `json.loads` gave.
        database: The document's database: references into it become `Reference(path)`.
        where: The JSON path of `fields`, for errors.

    Raises:
        DataError: `bad-value`, `too-deep`, with the JSON path.

    Example:
        >>> decode_fields({"at": {"timestampValue": "2024-05-01T00:00:00Z"}})["at"].isoformat()
        '2024-05-01T00:00:00+00:00'
    """
    native = extension()
    if native is not None:
        found: dict[str, Any] | None = native.typed_fields(fields, makers(database))
        if found is not None:
            return found
    try:
        return _map(fields, database, 0)
    except _MisfitError as misfit:
        raise misfit.located(where) from misfit.__cause__


def decode_value(value: Any, database: str | None = None, where: str = "$") -> Any:
    """The value that a typed JSON stands for."""
    try:
        return _value(value, database, 0)
    except _MisfitError as misfit:
        raise misfit.located(where) from misfit.__cause__


def scalar_value(kind: str, content: Any, database: str | None) -> Any:
    """A value that is no map and no array.

    Raises:
        Exception: For anything else.
    """
    return _reference(content, database) if kind == "referenceValue" else _SCALARS[kind](content)


class _NestedArrayError(Exception):
    """An array in an array: the outer one is refused."""


class _MisfitError(Exception):
    """What is no value; `trail` grows from the inside out."""

    def __init__(self, what: str, code: str = "bad-value") -> None:
        super().__init__(what)
        self.what, self.code = what, code
        self.trail: list[str] = []

    def located(self, where: str) -> DataError:
        return DataError(self.code, self.what, where=(where + "".join(reversed(self.trail)))[:_MAX_WHERE])


def _refuse(what: str, value: Any) -> NoReturn:
    raise _MisfitError(f"{what}: {value!r:.80}")


def _map(fields: Any, database: str | None, depth: int) -> dict[str, Any]:
    if not isinstance(fields, dict):
        _refuse("not an object", fields)
    out: dict[str, Any] = {}
    name, typed, scalars, integers = "", None, _SCALARS, _SMALL_INTEGERS
    try:
        for name, typed in fields.items():
            if not name.isascii():
                _text(name)
            (kind,) = typed
            content = typed[kind]
            if kind == "stringValue" and type(content) is str and content.isascii():
                out[name] = content
            elif kind == "integerValue" and content in integers:
                out[name] = integers[content]
            elif kind == "doubleValue" and type(content) is float and content - content == 0.0:
                out[name] = content
            elif kind in scalars:
                out[name] = scalars[kind](content)
            else:
                out[name] = _nested(kind, content, database, depth)
    except _MisfitError as misfit:
        misfit.trail.append(f".{name}")
        raise
    except (TypeError, ValueError, IndexError) as error:
        raise _not_typed(typed, f".{name}") from error
    return out


def _value(typed: Any, database: str | None, depth: int) -> Any:
    try:
        (kind,) = typed
        content = typed[kind]
        return _SCALARS[kind](content) if kind in _SCALARS else _nested(kind, content, database, depth)
    except (TypeError, ValueError, IndexError) as error:
        raise _not_typed(typed) from error


def _not_typed(value: Any, *trail: str) -> _MisfitError:
    misfit = _MisfitError(f'not a typed value such as {{"stringValue": "a"}}: {value!r:.80}')
    misfit.trail.extend(trail)
    return misfit


def _nested(kind: str, content: Any, database: str | None, depth: int) -> Any:
    if kind == "mapValue":
        if depth >= MAX_DEPTH:
            raise _MisfitError(f"maps are nested deeper than {MAX_DEPTH} levels", "too-deep")
        if type(content) is dict and len(content) == 1 and "fields" in content:
            inner = content["fields"]
        else:
            inner = _only(content, "fields")
        if inner is None:
            return {}
        fields = _map(inner, database, depth + 1)
        return vector_of_map(fields) if VECTOR_KEY in fields else fields
    if kind == "arrayValue":
        return _array(_only(content, "values"), database, depth)
    if kind == "referenceValue":
        return _reference(content, database)
    raise _MisfitError(f"{kind!r:.80} is not a type of value")


def _array(values: Any, database: str | None, depth: int) -> list[Any]:
    if values is None:
        return []
    if not isinstance(values, list):
        _refuse("values that are not a list", values)
    out: list[Any] = []
    typed, scalars = None, _SCALARS
    try:
        for typed in values:
            (kind,) = typed
            content = typed[kind]
            if kind in scalars:
                out.append(scalars[kind](content))
            elif kind != "arrayValue":
                out.append(_nested(kind, content, database, depth))
            else:
                raise _NestedArrayError
    except _NestedArrayError:
        raise _MisfitError("an array in an array, which Firestore does not have") from None
    except _MisfitError as misfit:
        misfit.trail.append(f"[{len(out)}]")
        raise
    except (TypeError, ValueError, IndexError) as error:
        raise _not_typed(typed, f"[{len(out)}]") from error
    return out


def _reference(content: Any, database: str | None) -> Reference[Any]:
    try:
        named, path = split_reference(content)
    except DataError as error:
        raise _MisfitError(error.what) from error
    return Reference(path, None if named == database else named)


def _only(value: Any, name: str) -> Any:
    if type(value) is dict and len(value) == 1 and name in value:
        return value[name]
    if not isinstance(value, dict):
        _refuse("not an object", value)
    inner = value.get(name)
    if len(value) > 1 or (value and name not in value):
        raise _MisfitError(f"more than {name!r}: {sorted(value)!r:.80}")
    return inner


def _text(value: Any) -> str:
    if type(value) is not str:
        _refuse("not text", value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise _MisfitError(f"a string that is not Unicode text: {value!r:.80}") from error
    return value


def _boolean(value: Any) -> bool:
    if value is not True and value is not False:
        _refuse("not true or false", value)
    return value


def _integer(value: Any) -> int:
    try:
        number = int(value) if type(value) in (int, str) else None
        if number is None or str(number) != str(value) or not MIN_INTEGER <= number <= MAX_INTEGER:
            raise ValueError("not a decimal integer of 64 bits")
    except ValueError as error:
        raise _MisfitError(f"not an integer of 64 bits: {value!r:.80}") from error
    return number


def _double(value: Any) -> float:
    if type(value) in (int, float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    if isinstance(value, str) and value in _SPECIAL:
        return _SPECIAL[value]
    _refuse("not a double", value)


def _null(value: Any) -> None:
    if value is not None and value != "NULL_VALUE":
        _refuse("not null", value)


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _MisfitError(f"not base64 text: {value!r:.80}") from error


def _geo(value: Any) -> GeoPoint:
    if not isinstance(value, dict) or value.keys() - {"latitude", "longitude"}:
        _refuse("not a geo point", value)
    return GeoPoint(_double(value.get("latitude", 0.0)), _double(value.get("longitude", 0.0)))


def _timestamp(value: Any) -> datetime:
    try:
        return parse_time(value)
    except DataError as error:
        raise _MisfitError(error.what) from error


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "nullValue": _null,
    "booleanValue": _boolean,
    "integerValue": _integer,
    "doubleValue": _double,
    "timestampValue": _timestamp,
    "stringValue": _text,
    "bytesValue": _bytes,
    "geoPointValue": _geo,
}
