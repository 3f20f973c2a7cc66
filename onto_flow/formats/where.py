"""Conditions as text: `field OP value`, such as `age >= 18`, `address.city in ["Oslo", "Bergen"]`, `tags contains "new"`.

The field is a path as Firestore writes it (see `core.field_path`). The value is JSON; what JSON has not is written as
REST's typed JSON, also inside lists: `created > {"timestampValue": "2024-05-01T00:00:00Z"}`. An object with one key that
is a type's name is typed JSON, one with another name that ends in `Value` is a mistake, any other is a map.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from ..core.errors import DataError, did_you_mean
from ..core.field_path import read_field_path, skip_space, wrong_at
from ..core.predicate import OPERATORS, Condition
from .typed_json import MAX_DEPTH, decode_value, encode_value

MAX_TEXT = 1 << 20
_OPERATOR = re.compile("|".join(re.escape(o) if not o.isalpha() else rf"{o}(?![\w.`])" for o in OPERATORS))
_PLAIN = (
    "null",
    "boolean",
    "integer",
    "double",
    "timestamp",
    "string",
    "bytes",
    "reference",
    "geoPoint",
    "array",
    "map",
)
_TYPES = frozenset(f"{name}Value" for name in _PLAIN)
_FIX = 'Write field OP value, such as age >= 18 or name == "Ada"; the operators are ' + " ".join(OPERATORS) + "."


def read_condition(text: str) -> Condition:
    """The condition that a text says.

    Raises:
        UsageError: `wrong-usage`, with the column.

    Example:
        >>> read_condition('address.city != "Oslo"')
        Condition(path=('address', 'city'), operator='!=', value='Oslo')
        >>> read_condition('at < {"timestampValue": "1970-01-01T00:00:01Z"}').value.isoformat()
        '1970-01-01T00:00:01+00:00'
    """
    if len(text) > MAX_TEXT:
        raise wrong_at(text, MAX_TEXT, "The condition is too long")
    path, at = read_field_path(text, skip_space(text, 0))
    at = skip_space(text, at)
    found = _OPERATOR.match(text, at)
    if found is None:
        raise wrong_at(text, at, "A comparison is wanted", _FIX)
    at = skip_space(text, found.end())
    value = _json(text, at)
    if found[0] == "in" and not isinstance(value, list):
        raise wrong_at(text, at, "in wants a list", 'Write in ["a", "b"].')
    try:
        return Condition(path, found[0], _list_of_values(value) if found[0] == "in" else _value(value))
    except DataError as error:
        raise wrong_at(text, at, f"The value is none of Firestore: {error.what}") from error


def _json(text: str, at: int) -> Any:
    try:
        value, end = _JSON.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise wrong_at(text, error.pos, f"A value in JSON is wanted ({error.msg})", _FIX) from error
    except RecursionError as error:
        raise wrong_at(text, at, "The value is nested too deep") from error
    except ValueError as error:
        raise wrong_at(text, at, f"A value in JSON is wanted ({error})", _FIX) from error
    end = skip_space(text, end)
    if end != len(text):
        raise wrong_at(text, end, "Something stands behind the value", "Give every condition its own --where.")
    return value


def _list_of_values(values: list[Any]) -> list[Any]:
    return [_value(value) for value in values]


def _value(value: Any) -> Any:
    """What JSON says, with typed JSON decoded."""
    value = _untyped(value, 0)
    encode_value(value)
    return value


def _untyped(value: Any, depth: int) -> Any:
    if depth > 2 * MAX_DEPTH:
        raise DataError("too-deep", f"it is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, list):
        return [_untyped(element, depth + 1) for element in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and _TYPES & value.keys():
        return decode_value(value)
    if len(value) == 1 and (name := next(iter(value))).endswith("Value"):
        hint = f'{did_you_mean(name, _TYPES)} A map with such a key is {{"mapValue": {{"fields": ...}}}}.'
        raise DataError("bad-value", f"{name!r:.80} is no type. {hint}")
    return {name: _untyped(inner, depth + 1) for name, inner in value.items()}


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text:.80} does not fit 64 bits")
    return number


def _constant(name: str) -> Any:
    raise ValueError(f'{name} is written {{"doubleValue": "{name}"}}')


_JSON = json.JSONDecoder(parse_constant=_constant, parse_float=_finite)
