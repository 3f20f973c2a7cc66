"""`@udf` over columns: parameters annotated `pyarrow.Array` or `pandas.Series` are given columns, and a column is returned.

Law: each value of the result depends on the values at its own place alone, so the size of a batch never shows.
"""

from __future__ import annotations

import importlib
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from ..core.errors import DataError, DeclarationError, SourceLine
from .annotations import resolve
from .documents import Converter
from .names import camel_case

_COLUMNS = {"pyarrow": ("ChunkedArray", "Array"), "pandas": ("Series",)}
_MISSING = ("NAType", "NaTType")
Column = tuple[str, str]
"""(package, class) of a column."""


class Vectorised:
    """A function over columns as one over values: each call is a batch of one row.

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

    def __call__(self, *values: Any, **named: Any) -> Any:
        """The value for some values; on columns of the user's own it is the function itself."""
        given = {**dict(zip(self._columns, values)), **named}
        return self._only(self.function(**{n: self._column(self._columns[n], v) for n, v in given.items()}))

    def _column(self, column: Column, value: Any) -> Any:
        package, kind = column
        plain, module = self._converter.value(value), importlib.import_module(package)
        if package == "pandas":
            return module.Series([plain])
        return module.chunked_array([[plain]]) if kind == "ChunkedArray" else module.array([plain])

    def _only(self, result: Any) -> Any:
        listed = getattr(result, "to_pylist", None) or getattr(result, "tolist", None)
        values = listed() if listed is not None else result
        if not isinstance(values, list) or len(values) != 1:
            what = f"{self.__name__} was given columns of 1 row, and returned {type(result).__name__}"
            more = f" of {len(values)}" if isinstance(values, list) else ""
            raise DataError("bad-value", what + more, fix="Return a column with a value for each row.")
        [value] = values
        if type(value).__module__.partition(".")[0] == "pandas":
            return None if type(value).__name__ in _MISSING else value.to_pydatetime()
        return value


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
