"""What one row gives to one accumulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.errors import DataError
from .aggregates import AccumulatorDeclaration
from .annotations import returned, shape_of
from .declaration import Declaration, accumulator_call
from .documents import Converter
from .methods import ReadOnlyClass
from .schema import number_of
from .scopes import Names
from .values import Getter, Scope, getter_of

Contribution = Callable[[Scope], Any]
_GetterOf = Callable[[Callable[..., Any] | None], Getter | None]


def contribution_of(
    accumulator: AccumulatorDeclaration, view: Declaration, names: Names, converter: Converter
) -> Contribution:
    """From a row to `plan.evaluator.Contribution`; `None` where the row is skipped."""
    first = () if accumulator.own is None else (ReadOnlyClass(view.cls),)

    def getter(function: Callable[..., Any] | None) -> Getter | None:
        return None if function is None else getter_of(names.calls[accumulator_call(accumulator, function)], *first)

    where = getter(accumulator.where)
    give = _KINDS.get(accumulator.kind, _ordered)(accumulator, view, converter, getter)
    if where is None:
        return give
    return lambda row: give(row) if where(row) else None


def _count(
    accumulator: AccumulatorDeclaration, view: Declaration, converter: Converter, getter: _GetterOf
) -> Contribution:
    return lambda row: True


def _number(
    accumulator: AccumulatorDeclaration, view: Declaration, converter: Converter, getter: _GetterOf
) -> Contribution:
    value = getter(accumulator.value)
    assert value is not None
    kind = number_of(view, accumulator) if accumulator.kind == "sum" else "any"
    name = f"{view.cls.__name__}.{accumulator.name}"
    what = {"sum": "a sum", "avg": "an average", "histogram": "a histogram"}[accumulator.kind]

    def give(row: Scope) -> Any:
        found = converter.value(value(row))
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            fix = "Give None for a row that does not count."
            raise DataError("bad-value", f"{name}: {what} takes numbers, not {found!r:.80}", fix=fix)
        if kind == "int" and isinstance(found, float):
            fix = "Declare doubles: type=float, or attrs.float for the field."
            raise DataError("bad-value", f"{name}: a sum of integers was given {found!r}", fix=fix)
        if accumulator.number is float and isinstance(found, int):
            return _exact_double(name, found)
        return found

    return give


def _exact_double(name: str, number: int) -> float:
    if int(float(number)) != number:
        raise DataError("bad-value", f"{name}: {number} is not exact as a double", fix="Use type=int.")
    return float(number)


def _value(
    accumulator: AccumulatorDeclaration, view: Declaration, converter: Converter, getter: _GetterOf
) -> Contribution:
    value = getter(accumulator.value)
    assert value is not None
    shape = shape_of(returned(accumulator.value, view.cls), view.cls._attribute_name)
    return lambda row: converter.value(value(row), shape)


def _ordered(
    accumulator: AccumulatorDeclaration, view: Declaration, converter: Converter, getter: _GetterOf
) -> Contribution:
    value, order = getter(accumulator.value), getter(accumulator.order_by)
    assert value is not None
    shape = shape_of(returned(accumulator.value, view.cls), view.cls._attribute_name)
    in_list = accumulator.kind in ("collect", "top_k")

    def give(row: Scope) -> Any:
        found = value(row)
        if found is None:
            return None
        plain = converter.value(found, shape, int(in_list), in_list)
        return (None if order is None else converter.value(_flat(order(row))), plain)

    return give


def _flat(order: Any) -> Any:
    """The order of a row: a tuple, named or not, counts part by part."""
    return list(order) if isinstance(order, tuple) else order


_KINDS = {
    "count": _count,
    "sum": _number,
    "avg": _number,
    "histogram": _number,
    "min": _value,
    "max": _value,
    "count_distinct": _value,
    "own": _value,
}
