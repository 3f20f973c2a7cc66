"""View changes as rows with a schema, so that Beam SQL, YAML and the DataFrame API can follow.

| attribute | column |
|---|---|
| bool, int, float, str, bytes | the same |
| timestamp | `Timestamp` |
| reference | its path |
| list of these | a list |
| struct | a row |
| anything else | JSON text of Firestore's typed values |

All of them may be null. A value that is none of its column's type is null there, and a dead letter: nothing is cast.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, Optional

import apache_beam as beam
from apache_beam.typehints.row_type import RowTypeConstraint
from apache_beam.utils.timestamp import Timestamp

from ...core.change import DeadLetter, ViewChange
from ...core.types import Schema, Type
from ...core.values import Document, to_micros
from ...formats.typed_json import encode_fields, encode_value
from ...sinks.fitting import MISFITS, double, exactly, integer, reference, text
from .elements import Backfilled

Convert = Callable[[Any], Any]
DEAD_LETTERS = "dead_letters"


class ViewRow(NamedTuple):
    """A view change with a schema, of any view.

    Attributes:
        view: The view.
        path: The path of the view document.
        new: Its fields as JSON text of Firestore's typed values; null when it is gone.
        failed: Whether it is the last good document of failing code.
        generation, epoch, seq: Its version.
    """

    view: str
    path: str
    new: Optional[str]  # noqa: UP045 - Beam reads the annotation
    failed: bool
    generation: int
    epoch: int
    seq: int


beam.coders.registry.register_coder(ViewRow, beam.coders.RowCoder)


def row_of(change: ViewChange) -> ViewRow:
    """A view change as a row.

    Example:
        >>> row_of(ViewChange("V", "v/1", None, {"n": 7}, (1, 0, 2)))
        ViewRow(view='V', path='v/1', new='{"n": {"integerValue": "7"}}', failed=False, generation=1, epoch=0, seq=2)
    """
    new = None if change.new is None else json.dumps(encode_fields(change.new), ensure_ascii=False)
    return ViewRow(change.view, change.path, new, change.failed, *change.version)


class RowsOf(beam.PTransform):
    """View changes -> rows with the columns of one view; see `onto_flow.beam.ViewRows`."""

    def __init__(self, view: str, schema: Schema) -> None:
        super().__init__()
        self._view, self._schema = view, schema

    def expand(self, changes: Any) -> Backfilled:
        """Makes a row of each change of the view."""
        columns = row_type(self._schema)
        make = beam.ParDo(_MakeRows(self._view, self._schema))
        made = changes | "rows" >> make.with_output_types(columns, **{DEAD_LETTERS: DeadLetter}).with_outputs(
            DEAD_LETTERS, main="rows"
        )
        return Backfilled(made.rows, made[DEAD_LETTERS])


def row_type(schema: Schema) -> RowTypeConstraint:
    """The type of the rows of a view: `path`, `deleted`, then the attributes."""
    names = [name for name, _ in schema]
    fields = [(free("path", names), str), (free("deleted", names), bool)]
    return RowTypeConstraint.from_fields([*fields, *((name, _column(type_)[0]) for name, type_ in schema)])


def free(name: str, taken: Sequence[str]) -> str:
    """A name, with underscores behind it until it is not taken.

    Example:
        >>> free("path", ["title"]), free("path", ["path"])
        ('path', 'path_')
    """
    return free(f"{name}_", taken) if name in taken else name


class _MakeRows(beam.DoFn):
    def __init__(self, view: str, schema: Schema) -> None:
        super().__init__()
        self._view, self._schema = view, schema

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "row"

    def setup(self) -> None:
        """Looks at the schema."""
        names = [name for name, _ in self._schema]
        self._heads = free("path", names), free("deleted", names)
        self._converts = [(name, _column(type_)[1]) for name, type_ in self._schema]

    def process(self, element: ViewChange) -> Iterator[Any]:
        """One view change; those of other views are left out."""
        if element.view == self._view:
            fields, misfits = self._fields(element.new or {})
            head = dict(zip(self._heads, (element.path, element.new is None)))
            yield beam.Row(**head, **fields)
            if misfits:
                reason = f"bad-value: {', '.join(misfits)} of {element.path} hold what their columns do not"
                letter = DeadLetter(f"view:{element.view}:{element.path}", reason, payload=element.new)
                yield beam.pvalue.TaggedOutput(DEAD_LETTERS, letter)

    def _fields(self, new: Document) -> tuple[dict[str, Any], list[str]]:
        found: dict[str, Any] = {}
        misfits = []
        for name, convert in self._converts:
            try:
                value = new.get(name)
                found[name] = None if value is None else convert(value)
            except MISFITS:
                found[name] = None
                misfits.append(name)
        return found, misfits


def _timestamp(value: Any) -> Timestamp:
    return Timestamp(micros=to_micros(exactly(datetime, value)))


def _json(value: Any) -> str:
    return json.dumps(encode_value(value), ensure_ascii=False)


_PLAIN: dict[str, tuple[Any, Convert]] = {
    "bool": (bool, partial(exactly, bool)),
    "int": (int, integer),
    "float": (float, double),
    "str": (str, text),
    "bytes": (bytes, partial(exactly, bytes)),
    "timestamp": (Timestamp, _timestamp),
    "reference": (str, reference),
}


def _column(type_: Type) -> tuple[Any, Convert]:
    """(type of a column, what makes its values)."""
    if type_.kind in _PLAIN:
        of, convert = _PLAIN[type_.kind]
        return _nullable(of), convert
    if type_.kind == "list" and type_.items:
        of, convert = _column(type_.items[0])
        return _nullable(beam.typehints.Sequence[of]), partial(_list, convert)
    if type_.kind == "struct" and type_.fields:
        columns = [(name, _column(field)) for name, field in type_.fields]
        made = RowTypeConstraint.from_fields([(name, of) for name, (of, _) in columns])
        return _nullable(made), partial(_struct, [(name, convert) for name, (_, convert) in columns])
    return _nullable(str), _json


def _nullable(of: Any) -> Any:
    return beam.typehints.Optional[of]


def _list(convert: Convert, value: Any) -> list[Any]:
    return [None if one is None else convert(one) for one in exactly(list, value)]


def _struct(columns: Sequence[tuple[str, Convert]], value: Any) -> beam.Row:
    fields = exactly(dict, value)
    return beam.Row(**{name: None if fields.get(name) is None else make(fields[name]) for name, make in columns})
