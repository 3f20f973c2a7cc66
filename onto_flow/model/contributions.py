"""What one row gives to one accumulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.errors import DataError
from .aggregates import AccumulatorDeclaration
from .annotations import returned, shape_of
from .declaration import Declaration, call_of
from .documents import Converter
from .schema import number_of
from .scopes import Names
from .values import Getter, Scope, getter_of

Contribution = Callable[[Scope], Any]


def contribution_of(
    accumulator: AccumulatorDeclaration, view: Declaration, names: Names, converter: Converter
) -> Contribution:
    """From a row to `plan.evaluator.Contribution`; `None` where the row is skipped."""

    def getter(function: Callable[..., Any] | None) -> Getter | None:
        return None if function is None else getter_of(names.calls[call_of(function, line=accumulator.line)])

    where = getter(accumulator.where)
    give = _KINDS[accumulator.kind](accumulator, view, converter, getter)
    if where is None:
        return give
    return lambda row: give(row) if where(row) else None


_GetterOf = Callable[[Callable[..., Any] | None], Getter | None]


def _count(
    accumulator: AccumulatorDeclaration, view: Declaration, converter: Converter, getter: _GetterOf
) -> Contribution:
    return lambda row: True


def _sum(
    accumulator: AccumulatorDeclaration, view: Declaration, converter: Converter, getter: _GetterOf
) -> Contribution:
    value = getter(accumulator.value)
    assert value is not None
    kind = number_of(view, accumulator)
    name = f"{view.cls.__name__}.{accumulator.name}"

    def give(row: Scope) -> Any:
        found = converter.value(value(row))
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            fix = "Give None for a row that does not count."
            raise DataError("bad-value", f"{name}: a sum takes numbers, not {found!r:.80}", fix=fix)
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


def _collect(
    accumulator: AccumulatorDeclaration, view: Declaration, converter: Converter, getter: _GetterOf
) -> Contribution:
    value, order = getter(accumulator.value), getter(accumulator.order_by)
    assert value is not None
    shape = shape_of(returned(accumulator.value, view.cls), view.cls._attribute_name)

    def give(row: Scope) -> Any:
        found = value(row)
        if found is None:
            return None
        plain = converter.value(found, shape, 1, True)
        return (None if order is None else converter.value(_flat(order(row))), plain)

    return give


def _flat(order: Any) -> Any:
    """The order of a row: a tuple, named or not, counts part by part."""
    return list(order) if isinstance(order, tuple) else order


_KINDS = {"count": _count, "sum": _sum, "collect": _collect}
