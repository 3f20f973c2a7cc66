"""`@udf` over columns: parameters annotated `pyarrow.Array` or `pandas.Series` are given columns, and a column is returned.

Law: each value of the result depends on the values at its own place alone, so the size of a batch never shows. Columns take
one type for all their values, which would show: so a batch holds rows whose values are of the same types, what comes out is
of the type that the function declares, and where pandas may have put a NaN for nothing, the row is called alone.
"""

from __future__ import annotations

import importlib
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from ..core.errors import DataError, DeclarationError, SourceLine
from .annotations import resolve, without_none
from .documents import Converter
from .names import camel_case

_COLUMNS = {"pyarrow": ("ChunkedArray", "Array"), "pandas": ("Series",)}
_MISSING = ("NAType", "NaTType")
_NANOSECONDS = range(1678, 2262)
"""The years whose timestamps pandas may keep in nanoseconds; others make objects of a column."""

Column = tuple[str, str]
"""(package, class) of a column."""


class Vectorised:
    """A function over columns as one over values: a call is a batch of one row; `batch` takes many.

    Args:
        function: The user's.
        columns: Parameter -> what its column is.
        returns: The type of the values of the column that it returns, where `Annotated` says it.
    """

    def __init__(self, function: Callable[..., Any], columns: Mapping[str, Column], returns: Any) -> None:
        self.function, self._columns = function, columns
        self.__name__ = function.__name__
        self.__annotations__ = {"return": returns}
        self.__wrapped__ = function
        self._converter = Converter(camel_case)
        self._declared = without_none(returns)[0]

    def __call__(self, *values: Any, **named: Any) -> Any:
        """The value for some values; on columns of the user's own it is the function itself."""
        given = {**dict(zip(self._columns, values)), **named}
        [value] = self._called({name: [self._converter.value(value)] for name, value in given.items()}, 1)
        return value

    def batch(self, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> list[Any]:
        """The values for many rows: one call for all that may be together without its showing.

        Args:
            names: Parameters, at least one.
            columns: The values of each, row by row.
        """
        if self._declared not in _EXACT:
            return [self(**dict(zip(names, row))) for row in zip(*columns)]
        convert = self._converter.value
        plain = [[convert(value) for value in column] for column in columns]
        found: list[Any] = [None] * len(plain[0])
        for places in _alike(plain):
            given = {name: [column[at] for at in places] for name, column in zip(names, plain)}
            for at, value in zip(places, self._called(given, len(places))):
                found[at] = value
        if any(package == "pandas" for package, _ in self._columns.values()):
            for at in [at for at, value in enumerate(found) if value is None or value != value]:
                [found[at]] = self._called({name: [column[at]] for name, column in zip(names, plain)}, 1)
        return found

    def _called(self, given: Mapping[str, list[Any]], count: int) -> list[Any]:
        """What the function returns for columns of so many rows."""
        result = self.function(**{name: _column(self._columns[name], values) for name, values in given.items()})
        listed = getattr(result, "to_pylist", None) or getattr(result, "tolist", None)
        values = listed() if listed is not None else result
        if not isinstance(values, list) or len(values) != count:
            rows = "1 row" if count == 1 else f"{count} rows"
            what = f"{self.__name__} was given columns of {rows}, and returned {type(result).__name__}"
            more = f" of {len(values)}" if isinstance(values, list) else ""
            raise DataError("bad-value", what + more, fix="Return a column with a value for each row.")
        return [_as_declared(value, self._declared) for value in values]


_EXACT = (bool, int, float, str, bytes, datetime)
"""The declared types that say what a value is, whatever type a column took."""


def _column(column: Column, values: list[Any]) -> Any:
    package, kind = column
    module = importlib.import_module(package)
    if package == "pandas":
        return module.Series(values)
    return module.chunked_array([values]) if kind == "ChunkedArray" else module.array(values)


def _as_declared(value: Any, declared: Any) -> Any:
    """A value of a column as the function's declaration says it: columns make doubles of integers, and timestamps."""
    if type(value).__module__.partition(".")[0] == "pandas":
        return None if type(value).__name__ in _MISSING else value.to_pydatetime()
    if declared is float and type(value) is int:
        return float(value)
    if declared is int and type(value) is float and value.is_integer():
        return int(value)
    return value


def _alike(columns: Sequence[Sequence[Any]]) -> list[list[int]]:
    """The numbers of rows by the types of their values."""
    kinds = [list(map(_kind, column)) for column in columns]
    if all(len(set(column)) == 1 for column in kinds):
        return [list(range(len(columns[0])))]
    groups: dict[Any, list[int]] = {}
    for at, row in enumerate(zip(*kinds)):
        groups.setdefault(row, []).append(at)
    return list(groups.values())


def _kind(value: Any) -> Any:
    """What a column may make of a value: values of one kind share a column and stay what they are."""
    if isinstance(value, list):
        return (list, frozenset(map(_kind, value)))
    if isinstance(value, dict):
        return (dict, tuple((name, _kind(held)) for name, held in value.items()))
    if isinstance(value, datetime):
        return (datetime, value.year in _NANOSECONDS)
    return type(value)


def vectorised(name: str, function: Callable[..., Any], cls: type, line: SourceLine) -> Callable[..., Any]:
    """A udf as a function over values, whichever it is.

    Raises:
        DeclarationError: `bad-value` for one that takes columns and values.
    """
    annotations = {n: a for n, a in getattr(function, "__annotations__", {}).items() if n != "return"}
    columns = {n: c for n, a in annotations.items() if (c := _column_of(_resolved(a, function, cls)[0])) is not None}
    if not columns:
        return function
    code = function.__code__
    others = [n for n in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] if n not in columns]
    if others:
        what = f"{cls.__name__}.{name} takes columns ({', '.join(columns)}) and values ({', '.join(others)})"
        raise DeclarationError("bad-value", what, where=line, fix="Annotate all parameters as columns, or none.")
    returned = function.__annotations__.get("return")
    return Vectorised(function, columns, _resolved(returned, function, cls)[1])


def _resolved(annotation: Any, function: Callable[..., Any], cls: type) -> tuple[Any, Any]:
    """(column, type of its values or `None`) of `Annotated[pyarrow.Array, int]`, `pandas.Series`, `pandas.Series[int]`."""
    names = getattr(function, "__globals__", {})
    found = resolve(annotation, names, cls)
    if found is None and isinstance(annotation, str):
        found = resolve(annotation.partition("[")[0], names, cls)
    if typing.get_origin(found) is Annotated:
        column, values, *_ = typing.get_args(found)
        return column, values
    return found, None


def _column_of(annotation: Any) -> Column | None:
    for base in getattr(annotation, "__mro__", ()):
        package = base.__module__.partition(".")[0]
        if base.__name__ in _COLUMNS.get(package, ()):
            return package, base.__name__
    return None
