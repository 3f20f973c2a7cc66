"""The logical types of a view's attributes, from annotations; where a function has none, from the field that it returns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..core.errors import DataError, DeclarationError, SourceLine
from ..core.types import ANY, Schema, Type
from .aggregates import AccumulatorDeclaration
from .annotations import element_of, hints_of, returned, type_of
from .declaration import Declaration
from .reads import returned_field
from .slot import SlotDeclaration
from .windows import Session

_FIXED = {
    "count": Type("int"),
    "count_distinct": Type("int"),
    "avg": Type("float", optional=True),
    "histogram": Type("list", items=(Type("int"),)),
}
_KINDS = ("str", "int", "float", "bool", "bytes", "timestamp", "geopoint", "vector", "map")


def schema_of(view: Declaration, exported: tuple[str, ...]) -> Schema:
    """The attributes of a view document, by their Firestore names.

    Raises:
        DeclarationError: `bad-value` for a type that Firestore refuses.
    """
    types = {**_key_types(view), **{n: _attribute_type(view, n) for n in exported}}
    return tuple((view.cls._attribute_name(n), t) for n, t in types.items())


def number_of(view: Declaration, declared: AccumulatorDeclaration) -> str:
    """What a sum adds: `int`, `float`, or `any` where nothing says it."""
    if declared.number is not None:
        return declared.number.__name__
    kind = _type_of_function(view, declared).kind
    return kind if kind in ("int", "float") else "any"


def _key_types(view: Declaration) -> dict[str, Type]:
    if view.key is None:
        return {}
    name, call = view.key
    if view.key_type is None:
        return {name: _type(view, name, returned(call.function, view.cls), call.line)}
    hints = hints_of(view.key_type)
    return {n: _type(view, n, hints.get(n), call.line) for n in view.key_parts}


def _attribute_type(view: Declaration, name: str) -> Type:
    if name in view.accumulators:
        return _accumulator_type(view, view.accumulators[name])
    if view.sessions is not None and view.sessions.name == name:
        return _type(view, name, Session, view.sessions.line)
    call = view.udfs.get(name) or view.computed[name]
    return _type(view, name, returned(call.function, view.cls), call.line)


def _accumulator_type(view: Declaration, declared: AccumulatorDeclaration) -> Type:
    if declared.kind in _FIXED:
        return _FIXED[declared.kind]
    if declared.own is not None:
        return _type(view, declared.name, returned(declared.own.result, type(declared.own)), declared.line)
    if declared.kind == "sum":
        kind = number_of(view, declared)
        return ANY if kind == "any" else Type(kind)
    item = _type_of_function(view, declared)
    if declared.kind not in ("collect", "top_k"):
        return replace(item, optional=True)
    if item.kind == "list":
        what = f"{view.cls.__name__}.{declared.name}: an array in an array, which Firestore refuses"
        raise DeclarationError("bad-value", what, where=declared.line, fix="Put a map between them.")
    return Type("list", items=(item,))


def _type_of_function(view: Declaration, declared: AccumulatorDeclaration) -> Type:
    annotation = returned(declared.value, view.cls)
    if annotation is not None:
        found = _type(view, declared.name, annotation, declared.line)
    else:
        field = returned_field(declared.value)
        found = ANY if field is None else (_type_of_each(declared, *field) or _type_of_field(view, *field))
    return found if found.kind == "any" else replace(found, optional=False)


def _type_of_each(declared: AccumulatorDeclaration, name: str, attribute: str | None) -> Type | None:
    """The type of an attribute of one document of the slot that an accumulator is over."""
    code = getattr(declared.value, "__code__", None)
    is_first = code is not None and code.co_varnames[:1] == (name,)
    return _declared(declared.over, attribute) if is_first and declared.over is not None and attribute else None


def _type_of_field(view: Declaration, name: str, attribute: str | None) -> Type:
    slot = view.store._slots.get(name)
    if attribute is not None:
        return _declared(slot, attribute) if slot is not None and not slot.many else ANY
    if view.expand is not None and view.expand[0] == name:
        return _type(view, name, element_of(returned(view.expand[1].function, view.cls)), view.expand[1].line)
    if name in view.key_parts:
        return _key_types(view)[name]
    return _attribute_type(view, name) if name in view.udfs or name in view.computed else ANY


def _declared(slot: SlotDeclaration[Any], attribute: str) -> Type:
    if attribute in ("doc_id", "path", *slot.model._parts):
        return Type("str")
    declared = slot.model._attributes.get(attribute)
    if declared is None:
        return ANY
    kinds = {"relation": "reference", "relations": "list"}
    kind = kinds.get(declared.kind, declared.kind)
    if kind == "list":
        return Type("list", items=(ANY,))
    return Type(kind) if kind in (*_KINDS, "reference") else ANY


def _type(view: Declaration, name: str, annotation: Any, line: SourceLine) -> Type:
    try:
        return ANY if annotation is None else type_of(annotation, view.cls._attribute_name)
    except DataError as error:
        what = f"{view.cls.__name__}.{name}: {error.what}"
        raise DeclarationError(error.code, what, where=line, fix=error.fix) from error
