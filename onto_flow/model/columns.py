"""From what user code returns for many roots to columns: as `documents.Converter`, but a whole column at a time.

An annotation says what the values are most likely; whether they are is asked of all of them at once. Where they are
not, the converter makes them one by one.

Law: a column's rows are what the converter makes of each value; where it refuses one, so does this.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from itertools import chain
from operator import attrgetter
from typing import Any

from ..core.columns import Column, Lists, Maps, Plain
from ..core.values import MAX_INTEGER, MIN_INTEGER
from .annotations import Shape, hints_of, without_none
from .documents import MAX_DEPTH, Converter, is_structure

Shred = Callable[[Sequence[Any]], Column]
"""From returned values to their column.

Raises:
    DataError: Firestore refuses one of them.
"""

_NONE = type(None)
_ARRAYS = frozenset({list, tuple})


class Shredder:
    """Makes columns.

    Args:
        converter: Says what Firestore's values are.

    Example:
        >>> from onto_flow.demo.meeting_room import Attendee
        >>> from onto_flow.model.names import camel_case
        >>> column = Shredder(Converter(camel_case)).of(list[Attendee], None)([[Attendee("Ada", "Acme", True)], []])
        >>> column.lengths, column.items.parts["hearingAidRequested"]
        ([1, 0], Plain(values=[True], kind='bool'))
    """

    def __init__(self, converter: Converter) -> None:
        self._converter = converter

    def of(
        self,
        annotation: Any,
        shape: Shape | None,
        depth: int = 0,
        in_list: bool = False,
        inside: tuple[type, ...] = (),
    ) -> Shred:
        """What makes the column of an attribute.

        Args:
            annotation: What its function says that it returns, as an object; `None` where it says nothing.
            shape: See `Converter.value`.
            depth: How deep its values lie.
            in_list: Whether they are elements of an array.
            inside: The structures that they are parts of.
        """
        value = self._converter.value

        def one_by_one(values: Sequence[Any]) -> Column:
            return Plain([value(v, shape, depth, in_list) for v in values])

        annotation, _ = without_none(annotation)
        bare = typing.get_origin(annotation) or annotation
        if not isinstance(bare, type):
            return one_by_one
        if bare in _CHECKS:
            return _either(_CHECKS[bare], one_by_one)
        if depth >= MAX_DEPTH:
            return one_by_one
        if bare in _ARRAYS and not in_list:
            item = typing.get_args(annotation)[:1]
            inner = self.of(item[0] if item else None, shape.items if shape else None, depth + 1, True, inside)
            return _either(_lists(inner), one_by_one)
        if is_structure(bare) and bare not in inside:
            return self._maps(bare, depth + 1, one_by_one, (*inside, bare))
        return one_by_one

    def _maps(self, cls: Any, depth: int, one_by_one: Shred, inside: tuple[type, ...]) -> Shred:
        fields = self._converter.known_fields(cls)
        if not fields or len({stored for _, stored, _ in fields}) < len(fields):
            return one_by_one
        hints = hints_of(cls)
        parts = [
            (stored, attrgetter(name), self.of(hints.get(name), shape, depth, inside=inside))
            for name, stored, shape in fields
        ]

        def maps(values: Sequence[Any]) -> Column | None:
            kinds = set(map(type, values))
            there = None
            if _NONE in kinds:
                there = [v is not None for v in values]
                kinds.discard(_NONE)
            if kinds - {cls}:
                return None
            if there is None:
                return Maps(None, {stored: shred(list(map(get, values))) for stored, get, shred in parts})
            gets = [(stored, shred, [None if v is None else get(v) for v in values]) for stored, get, shred in parts]
            return Maps(there, {stored: shred(found) for stored, shred, found in gets})

        return _either(maps, one_by_one)


def _either(fast: Callable[[Sequence[Any]], Column | None], slow: Shred) -> Shred:
    def shred(values: Sequence[Any]) -> Column:
        found = fast(values)
        return slow(values) if found is None else found

    return shred


def _lists(inner: Shred) -> Callable[[Sequence[Any]], Column | None]:
    def lists(values: Sequence[Any]) -> Column | None:
        kinds = set(map(type, values))
        if kinds <= _ARRAYS:
            return Lists(list(map(len, values)), inner(list(chain.from_iterable(values))))
        if kinds - _ARRAYS - {_NONE}:
            return None
        there = [v for v in values if v is not None]
        return Lists([None if v is None else len(v) for v in values], inner(list(chain.from_iterable(there))))

    return lists


def _all_of(cls: type, kind: str, fits: Callable[[list[Any]], bool] | None = None) -> Any:
    """Whether values are of a class or `None`, and fit."""

    def check(values: Sequence[Any]) -> Column | None:
        kinds = set(map(type, values))
        if kinds - {cls, _NONE}:
            return None
        if fits is not None:
            there = list(values) if _NONE not in kinds else [v for v in values if v is not None]
            if there and not fits(there):
                return None
        return Plain(values, kind)

    return check


def _is_text(values: Iterable[str]) -> bool:
    joined = "".join(values)
    if not joined.isascii():
        try:
            joined.encode()
        except UnicodeEncodeError:
            return False
    return True


def _has_64_bits(values: list[int]) -> bool:
    return min(values) >= MIN_INTEGER and max(values) <= MAX_INTEGER


def _is_utc(values: list[datetime]) -> bool:
    return all(v.tzinfo is timezone.utc for v in values)


_CHECKS: dict[Any, Callable[[Sequence[Any]], Column | None]] = {
    str: _all_of(str, "str", _is_text),
    bool: _all_of(bool, "bool"),
    int: _all_of(int, "int", _has_64_bits),
    float: _all_of(float, "float"),
    bytes: _all_of(bytes, "bytes"),
    datetime: _all_of(datetime, "timestamp", _is_utc),
}
