"""What travels between the public transforms, and its bytes: our own codec's, so nothing is ever unpickled.

| element | what it is |
|---|---|
| `Change`, `ViewChange`, `DeadLetter` | as everywhere; `coders` has their bytes |
| `Block` | what one step of reading a source gave: many documents as one element |
| `Built` | what one step of a backfill gave: many view documents as one element |

Many documents as one element, because Beam's own work is per element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import Coder

from ...core.change import Change, DeadLetter, ViewChange
from ...core.columns import Column, Lists, Maps, Plain, ViewColumns
from ...core.errors import DataError
from ...formats.native.values import value_decoder, value_encoder
from ...operators.base import Output
from ...operators.ingest import failure
from ..carried import decode_carried, encode_carried
from . import coders  # noqa: F401 - the coders of changes, view changes and dead letters

_encode, _decode = value_encoder(), value_decoder()


class Block(NamedTuple):
    """What one step of reading gave.

    Attributes:
        changes: Documents.
        letters: What could not be read.
        read: How many documents there were, those that nobody wants included.
    """

    changes: tuple[Change, ...]
    letters: tuple[DeadLetter, ...] = ()
    read: int = 0


class Built(NamedTuple):
    """What one step of a backfill gave.

    Attributes:
        columns: View documents by columns.
        outputs: Others one by one, and dead letters, as `carried.encode_carried` has them.
    """

    columns: ViewColumns | None = None
    outputs: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, outputs: Iterable[Output]) -> Built:
        """Outputs one by one; a dead letter in the place of what no document may hold."""
        return cls(None, tuple(map(_sendable, outputs)))

    def given(self) -> Iterator[Output]:
        """The outputs that came one by one."""
        found: Any = map(decode_carried, self.outputs)
        return iter(found)

    def changes(self) -> list[ViewChange]:
        """The view changes."""
        by_columns = [] if self.columns is None else list(self.columns.changes())
        return by_columns + [o for o in self.given() if isinstance(o, ViewChange)]

    def letters(self) -> list[Output]:
        """The others."""
        return [o for o in self.given() if not isinstance(o, ViewChange)]


def _sendable(output: Output) -> bytes:
    try:
        return encode_carried(output)
    except DataError as error:
        if not isinstance(output, ViewChange):
            raise
        return encode_carried(failure(f"view:{output.view}:{output.path}", error))


class _OwnCoder(Coder):
    """Bytes of our codec."""

    encoded: Callable[[Any], bytes]
    decoded: Callable[[bytes], Any]

    def encode(self, value: Any) -> bytes:
        """The bytes of an element."""
        return type(self).encoded(value)

    def decode(self, data: bytes) -> Any:
        """The element of these bytes."""
        return type(self).decoded(data)

    def is_deterministic(self) -> bool:
        """Equal elements have equal bytes."""
        return True

    def to_type_hint(self) -> Any:
        """See `Coder`."""
        return _TYPE_OF[type(self)]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


def _pack_block(block: Block) -> bytes:
    return _encode(([tuple(c) for c in block.changes], [encode_carried(x) for x in block.letters], block.read))


def _unpack_block(data: bytes) -> Block:
    changes, letters, read = _decode(data)
    found: Any = tuple(map(decode_carried, letters))
    return Block(tuple(Change(*c) for c in changes), found, read)


class BlockCoder(_OwnCoder):
    """`Block` <-> bytes."""

    encoded = staticmethod(_pack_block)
    decoded = staticmethod(_unpack_block)


def pack_built(built: Built) -> bytes:
    """The bytes of what a step of a backfill gave."""
    columns = built.columns
    by_columns = None
    if columns is not None:
        parts = [(name, _pack_column(column)) for name, column in columns.columns.items()]
        by_columns = (columns.view, list(columns.paths), parts, columns.version)
    return _encode((by_columns, list(built.outputs)))


def unpack_built(data: bytes) -> Built:
    """What these bytes are."""
    by_columns, outputs = _decode(data)
    columns = None
    if by_columns is not None:
        view, paths, parts, version = by_columns
        columns = ViewColumns(view, paths, {name: _unpack_column(part) for name, part in parts}, tuple(version))
    return Built(columns, tuple(outputs))


class BuiltCoder(_OwnCoder):
    """`Built` <-> bytes."""

    encoded = staticmethod(pack_built)
    decoded = staticmethod(unpack_built)


_PLAIN, _LISTS, _MAPS = range(3)


def _pack_column(column: Column) -> tuple[Any, ...]:
    if isinstance(column, Plain):
        return _PLAIN, list(column.values), column.kind
    if isinstance(column, Lists):
        return _LISTS, list(column.lengths), _pack_column(column.items)
    there = None if column.there is None else list(column.there)
    return _MAPS, there, [(name, _pack_column(part)) for name, part in column.parts.items()]


def _unpack_column(packed: Any) -> Column:
    form, first, second = packed
    if form == _PLAIN:
        return Plain(first, second)
    if form == _LISTS:
        return Lists(first, _unpack_column(second))
    return Maps(first, {name: _unpack_column(part) for name, part in second})


_CODERS: dict[type, type[_OwnCoder]] = {
    Block: BlockCoder,
    Built: BuiltCoder,
}
_TYPE_OF: dict[type[Any], type] = {coder: element for element, coder in _CODERS.items()}
for _element, _coder in _CODERS.items():
    beam.coders.registry.register_coder(_element, _coder)


class Documents(NamedTuple):
    """What reading gives; piping it pipes the documents.

    Attributes:
        documents: `Change`s without a version of their own.
        dead_letters: `DeadLetter`s.
    """

    documents: Any
    dead_letters: Any

    def __or__(self, transform: Any) -> Any:
        return self.documents | transform


class Decoded(NamedTuple):
    """What decoding gives; piping it pipes the changes.

    Attributes:
        changes: `Change`s.
        dead_letters: `DeadLetter`s.
    """

    changes: Any
    dead_letters: Any

    def __or__(self, transform: Any) -> Any:
        return self.changes | transform


class Backfilled(NamedTuple):
    """What a backfill gives; piping it pipes the view changes.

    Attributes:
        views: `ViewChange`s, one per view document.
        dead_letters: `DeadLetter`s.
        built: The same as `Built`, by columns where they were computed so: what takes `Built` is given these.
        seeds: The manifest of the seeds as JSON, one; `None` where none are written.
    """

    views: Any
    dead_letters: Any
    built: Any = None
    seeds: Any = None

    def __or__(self, transform: Any) -> Any:
        takes = getattr(getattr(transform, "transform", transform), "takes_built", False)
        return (self.built if takes and self.built is not None else self.views) | transform
