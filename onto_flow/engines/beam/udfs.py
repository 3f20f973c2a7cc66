"""A udf of a view as a step of any pipeline: a `Map`, or over columns where it takes columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import apache_beam as beam


class Columns(Protocol):
    """A function over columns that can be called for many rows at once."""

    def batch(self, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> list[Any]:
        """The values for many rows: names of parameters, and the values of each."""


class CallUdf(beam.PTransform):
    """Arguments -> what a udf returns for them; see `onto_flow.beam.udf`.

    Args:
        name: What the step is called.
        find: Finds the function on a worker: `Columns`, or a plain one.
        names: Its parameters.
        takes: The type of the elements.
        returns: The type of what it returns.
    """

    def __init__(
        self,
        name: str,
        find: Callable[[], Columns | Callable[..., Any]],
        names: Sequence[str],
        takes: Any,
        returns: Any,
        *,
        columns: bool,
    ) -> None:
        super().__init__()
        self._find, self._names, self._takes, self._returns = find, tuple(names), takes, returns
        self._name, self._columns = name, columns

    def default_label(self) -> str:
        """The name of the function."""
        return self._name

    def expand(self, arguments: Any) -> Any:
        """Calls it."""
        fn = (_Batched if self._columns else _Mapped)(self._find, self._names, self._takes, self._returns)
        call = beam.ParDo(fn).with_input_types(self._takes).with_output_types(self._returns)
        return arguments | "call" >> call


class _Called(beam.DoFn):
    def __init__(self, find: Callable[[], Any], names: tuple[str, ...], takes: Any, returns: Any) -> None:
        super().__init__()
        self._find, self._names, self._takes, self._returns = find, names, takes, returns

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "udf"

    def setup(self) -> None:
        """Finds the function."""
        self._function = self._find()


class _Mapped(_Called):
    def process(self, element: Any) -> Iterator[Any]:
        """Calls it for one element."""
        yield self._function(*arguments_of(element, self._names))


class _Batched(_Called):
    def get_input_batch_type(self, input_element_type: Any) -> Any:
        """See `beam.DoFn`."""
        return _list_of(input_element_type)

    def get_output_batch_type(self, input_element_type: Any) -> Any:
        """See `beam.DoFn`."""
        return _list_of(self._returns)

    def infer_output_type(self, input_type: Any) -> Any:
        """What the function returns."""
        return self._returns

    @beam.DoFn.yields_batches
    def process_batch(self, batch: list[Any]) -> Iterator[list[Any]]:
        """Calls it for a batch."""
        rows = [arguments_of(element, self._names) for element in batch]
        yield self._function.batch(self._names, list(map(list, zip(*rows)))) if rows else []


def _list_of(element: Any) -> Any:
    return list[element]


def arguments_of(element: Any, names: tuple[str, ...]) -> Sequence[Any]:
    """The arguments that an element holds: itself for one parameter, else its fields of these names, or its parts.

    Example:
        >>> arguments_of([1, 2], ("values",)), arguments_of({"b": 2, "a": 1}, ("a", "b")), arguments_of((1, 2), ("a", "b"))
        (([1, 2],), (1, 2), (1, 2))
    """
    if len(names) == 1:
        return (element,)
    if isinstance(element, Mapping):
        return tuple(element[name] for name in names)
    if hasattr(element, "_fields") or isinstance(element, beam.Row) or dataclasses.is_dataclass(element):
        return tuple(getattr(element, name) for name in names)
    found: tuple[Any, ...] = tuple(element)
    return found
