"""From what user code returns to what a document holds, and from annotations to logical types."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Union

from ..core.errors import DataError
from ..core.types import ANY, Type
from ..core.values import MAX_INTEGER, MIN_INTEGER, GeoPoint, Reference, Vector
from .domain import DomainModel

Rename = Callable[[str], str]
MAX_DEPTH = 20
"""How deep Firestore lets maps and arrays nest (its documentation on limits)."""

_AS_THEY_ARE = (str, bytes, datetime, GeoPoint, Reference, Vector)
_SCALARS: dict[Any, str] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    bytes: "bytes",
    datetime: "timestamp",
    GeoPoint: "geopoint",
    Reference: "reference",
    Vector: "vector",
}


def to_value(value: Any, rename: Rename, depth: int = 0, in_list: bool = False) -> Any:
    """The value as Firestore holds it: dataclasses and named tuples become maps, tuples arrays, enums their values.

    Args:
        value: What user code returned.
        rename: From a declared name to its name in Firestore; keys of plain maps stay.
        depth: How deep it lies.
        in_list: Whether it is an element of an array.

    Raises:
        DataError: `bad-value` for what Firestore refuses.
    """
    kind = type(value)
    if value is None or kind is bool or kind in (str, float):
        return value
    if isinstance(value, enum.Enum):
        return to_value(value.value, rename, depth, in_list)
    if isinstance(value, int):
        if not MIN_INTEGER <= value <= MAX_INTEGER:
            raise DataError("bad-value", f"an integer beyond 64 bits: {value}")
        return int(value) if kind is not bool else value
    if isinstance(value, (float, *_AS_THEY_ARE)):
        return value
    if depth >= MAX_DEPTH:
        raise DataError("too-deep", f"maps and arrays nest deeper than {MAX_DEPTH} levels")
    return _to_nested(value, rename, depth + 1, in_list)


def _to_nested(value: Any, rename: Rename, depth: int, in_list: bool) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in dataclasses.fields(value)]
        return {rename(n): to_value(getattr(value, n), rename, depth) for n in names}
    parts: tuple[str, ...] | None = getattr(value, "_fields", None)
    if parts is not None and isinstance(value, tuple):
        return {rename(n): to_value(v, rename, depth) for n, v in zip(parts, value)}
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise DataError("bad-value", f"a map with a key that is not a string: {key!r:.80}")
        return {k: to_value(v, rename, depth) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        if in_list:
            raise DataError("bad-value", "an array in an array, which Firestore refuses", fix="Put a map between them.")
        return [to_value(v, rename, depth, in_list=True) for v in value]
    if isinstance(value, DomainModel):
        raise DataError(
            "bad-value", f"a whole {type(value).__name__} in a view", fix="Return the attributes that the view shows."
        )
    fix = "Return sorted(...): a set has no order." if isinstance(value, (set, frozenset)) else ""
    raise DataError("bad-value", f"{type(value).__name__} is not a value of Firestore: {value!r:.80}", fix=fix)


def type_of(annotation: Any, rename: Rename, in_list: bool = False) -> Type:
    """The logical type of an annotation; `any` where it says nothing.

    Raises:
        DataError: `bad-value` for an array in an array.

    Example:
        >>> str(type_of(list[str] | None, str)), str(type_of(dict, str)), str(type_of(int, str))
        ('list[str]?', 'map', 'int')
    """
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        members = [a for a in arguments if a is not type(None)]
        if len(members) == 1:
            inner = type_of(members[0], rename, in_list)
            return dataclasses.replace(inner, optional=inner.optional or len(members) < len(arguments))
        return ANY
    bare = origin or annotation
    if bare in _SCALARS:
        return Type(_SCALARS[bare])
    if bare in (list, tuple) and not hasattr(bare, "_fields"):
        return _list_type(bare, arguments, rename, in_list)
    if bare is dict or (isinstance(bare, type) and issubclass(bare, Mapping) and not hasattr(bare, "__total__")):
        return Type("map")
    return _struct_type(bare, rename)


def _list_type(bare: Any, arguments: tuple[Any, ...], rename: Rename, in_list: bool) -> Type:
    if in_list:
        raise DataError("bad-value", "an array in an array, which Firestore refuses", fix="Put a map between them.")
    if bare is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        return Type("list", items=(ANY,))
    return Type("list", items=(type_of(arguments[0], rename, in_list=True) if arguments else ANY,))


def _struct_type(bare: Any, rename: Rename) -> Type:
    if not isinstance(bare, type):
        return ANY
    if issubclass(bare, enum.Enum):
        kinds = {type(member.value) for member in bare}
        return Type(_SCALARS.get(kinds.pop(), "any")) if len(kinds) == 1 else ANY
    if dataclasses.is_dataclass(bare):
        names = [f.name for f in dataclasses.fields(bare)]
    elif hasattr(bare, "_fields"):
        names = list(bare._fields)
    elif hasattr(bare, "__total__"):
        return Type("map")
    else:
        return ANY
    hints = hints_of(bare)
    return Type("struct", fields=tuple((rename(n), type_of(hints.get(n, Any), rename)) for n in names))


def hints_of(bare: Any) -> Mapping[str, Any]:
    """The annotations of a class as objects; as they are written where a name in them is not known."""
    try:
        return typing.get_type_hints(bare)
    except (NameError, TypeError):
        found: Mapping[str, Any] = getattr(bare, "__annotations__", {})
        return found
