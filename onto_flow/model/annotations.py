"""What annotations say: logical types for tables and APIs, and which keys of maps are declared names."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import Any, Union

from ..core.errors import DataError
from ..core.types import ANY, Type
from ..core.values import GeoPoint, Reference, Vector
from .domain import DomainModel
from .maps import MapModel
from .members import Many

Rename = Callable[[str], str]
SCALARS: Mapping[Any, str] = {
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
_UNIONS = (Union, types.UnionType)
_WRAPPERS = tuple(
    getattr(typing, name)
    for name in ("Annotated", "Required", "NotRequired", "ReadOnly", "Final")
    if hasattr(typing, name)
)


def resolve(annotation: Any, names: Mapping[str, Any], cls: type) -> Any:
    """An annotation as an object; `None` where a name in it is not known."""
    if not isinstance(annotation, str):
        return annotation
    try:
        around = getattr(cls, "_around", None)
        return eval(annotation, dict(names), dict(around.names) if around else {})  # noqa: S307 - the user's own code
    except Exception:
        return None


def returned(function: Any, cls: type) -> Any:
    """What a function's annotation says that it returns; `None` where it says nothing."""
    annotation = getattr(function, "__annotations__", {}).get("return")
    return resolve(annotation, getattr(function, "__globals__", {}), cls)


def without_none(annotation: Any) -> tuple[Any, bool]:
    """The annotation without `None`, and whether `None` was in it; several types stay a union."""
    if typing.get_origin(annotation) not in _UNIONS:
        return annotation, False
    arguments = typing.get_args(annotation)
    members = [a for a in arguments if a is not type(None)]
    return (members[0] if len(members) == 1 else annotation), len(members) < len(arguments)


def element_of(annotation: Any) -> Any:
    """The type of the elements that an annotated function gives; `None` where it says nothing."""
    annotation, _ = without_none(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    return arguments[0] if isinstance(origin, type) and issubclass(origin, Iterable) and len(arguments) > 0 else None


def named_parts(annotation: Any) -> type | None:
    """The named tuple that an annotation means, with or without `None`."""
    annotation, _ = without_none(annotation)
    return annotation if isinstance(annotation, type) and hasattr(annotation, "_fields") else None


def type_of(annotation: Any, rename: Rename, in_list: bool = False, inside: tuple[type, ...] = ()) -> Type:
    """The logical type of an annotation; `any` where it says nothing, and where a structure holds itself.

    Raises:
        DataError: `bad-value` for a type that Firestore refuses: an array in an array, a set, a whole document.

    Example:
        >>> str(type_of(list[str] | None, str)), str(type_of(dict, str)), str(type_of(int, str))
        ('list[str]?', 'map', 'int')
    """
    annotation, optional = without_none(annotation)
    if optional:
        return dataclasses.replace(type_of(annotation, rename, in_list, inside), optional=True)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in _WRAPPERS:
        return type_of(arguments[0], rename, in_list, inside)
    if origin is typing.Literal:
        return _type_of_values(arguments)
    bare = getattr(annotation, "__supertype__", origin or annotation)
    if not isinstance(bare, type):
        return ANY
    if bare in SCALARS:
        return Type(SCALARS[bare])
    _refuse(bare)
    if typing.is_typeddict(bare) or dataclasses.is_dataclass(bare) or hasattr(bare, "_fields"):
        return ANY if bare in inside else _struct_type(bare, rename, (*inside, bare))
    if issubclass(bare, enum.Enum):
        return _type_of_values([member.value for member in bare])
    if issubclass(bare, (Mapping, MapModel)):
        return Type("map")
    if issubclass(bare, (list, tuple)) or bare in (Sequence, Collection):
        return _list_type(bare, arguments, in_list, lambda item: type_of(item, rename, True, inside))
    return ANY


def _refuse(bare: type) -> None:
    if issubclass(bare, Set):
        raise DataError("bad-value", "a set has no order, so Firestore has no sets", fix="Return sorted(...), a list.")
    if issubclass(bare, (DomainModel, Many)):
        raise DataError(
            "bad-value", f"a whole {bare.__name__} in a view", fix="Return the attributes that the view shows."
        )


def _type_of_values(values: Iterable[Any]) -> Type:
    kinds = {type(v) for v in values}
    return Type(SCALARS.get(kinds.pop(), "any")) if len(kinds) == 1 else ANY


def _list_type(bare: Any, arguments: tuple[Any, ...], in_list: bool, item: Callable[[Any], Type]) -> Type:
    if in_list:
        raise DataError("bad-value", "an array in an array, which Firestore refuses", fix="Put a map between them.")
    if not arguments or (issubclass(bare, tuple) and not (len(arguments) == 2 and arguments[1] is Ellipsis)):
        return Type("list", items=(ANY,))
    return Type("list", items=(item(arguments[0]),))


def _struct_type(bare: type, rename: Rename, inside: tuple[type, ...]) -> Type:
    hints = hints_of(bare)
    types = [(n, type_of(hints.get(n, Any), rename, inside=inside)) for n in _names(bare, hints)]
    return Type("struct", fields=tuple((rename(n), t) for n, t in types))


def _names(bare: Any, hints: Mapping[str, Any]) -> Sequence[str]:
    if dataclasses.is_dataclass(bare):
        return [f.name for f in dataclasses.fields(bare)]
    return list(getattr(bare, "_fields", hints))


def hints_of(bare: Any) -> Mapping[str, Any]:
    """The annotations of a class as objects; as they are written where a name in them is not known."""
    try:
        return typing.get_type_hints(bare)
    except (NameError, TypeError):
        found: Mapping[str, Any] = getattr(bare, "__annotations__", {})
        return found


@dataclasses.dataclass(frozen=True)
class Shape:
    """Where an annotation declares the keys of plain maps (`TypedDict`): those are converted, others never.

    Attributes:
        names: Declared key -> (its name in Firestore, the shape of its value).
        items: The shape of elements, or of the values of a map without declared keys.
    """

    names: Mapping[str, tuple[str, Shape | None]] | None = None
    items: Shape | None = None


def shape_of(annotation: Any, rename: Rename, known: dict[Any, Shape] | None = None) -> Shape | None:
    """The shape of an annotation; `None` when there is no `TypedDict` in it.

    Example:
        >>> from typing import TypedDict
        >>> Person = TypedDict("Person", {"first_name": str})
        >>> shape_of(list[Person] | None, lambda name: name.upper())
        Shape(names=None, items=Shape(names={'first_name': ('FIRST_NAME', None)}, items=None))
    """
    known = {} if known is None else known
    annotation, _ = without_none(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in _WRAPPERS:
        return shape_of(arguments[0], rename, known)
    if typing.is_typeddict(annotation):
        return known[annotation] if annotation in known else _shape_of_keys(annotation, rename, known)
    if not arguments or not isinstance(origin, type) or not issubclass(origin, Iterable):
        return None
    inner = shape_of(arguments[-1] if issubclass(origin, Mapping) else arguments[0], rename, known)
    return None if inner is None else Shape(items=inner)


def _shape_of_keys(annotation: Any, rename: Rename, known: dict[Any, Shape]) -> Shape:
    names: dict[str, tuple[str, Shape | None]] = {}
    shape = known[annotation] = Shape(names=names)
    names.update((n, (rename(n), shape_of(h, rename, known))) for n, h in hints_of(annotation).items())
    return shape
