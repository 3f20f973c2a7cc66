"""The rows of one getter of one view document: made once per document, and again only where a change concerns them.

Rows are kept only while what they hold cannot be changed by whoever reads it: scalars, frozen dataclasses and tuples of
them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..core.equality import same
from ..core.values import is_plain_order
from .lasting import Elements, NotLasting, is_lasting
from .rows import Lookup, RowGetter

Slots = Sequence[dict[str, Any]]
"""Per slot, path -> the object of its document, in path order."""

_Row = tuple[list[Any], list[Any], tuple[str, ...]]
"""(elements, elements as they are stored, paths that were looked up)."""


class RowProgram:
    """What the rows of a getter are made with, for all view documents.

    Args:
        getter: Its pieces.
        names: The names of the store's slots.
        convert: From an element to what is stored of it.
        fields: From a class to (attribute, name in the document) of its parts, where it is a map.
    """

    def __init__(
        self,
        getter: RowGetter,
        names: Sequence[str],
        convert: Callable[[Any], Any],
        fields: Callable[[type], Sequence[tuple[str, str]]],
    ) -> None:
        self.getter = getter
        self._row = getter.row
        self.slot = names.index(getter.slot)
        self.looked_up = tuple(names.index(n) for n in getter.looked_up)
        self.single = tuple(names.index(n) for n in getter.single)
        self.around = tuple(names.index(n) for n in getter.around)
        self._seen: list[str] = []
        self._lookups = [Lookup(self._seen) for _ in getter.looked_up]
        self._elements = Elements(convert, fields)
        self._converts = getter.rest is None

    def given(self, slots: Slots) -> Sequence[Any]:
        """What rows get beside their document."""
        lookups = self._lookups
        for at, slot in enumerate(self.looked_up):
            lookups[at].documents = slots[slot]
        if not self.single:
            return lookups
        return [*lookups, *[next(iter(slots[at].values()), None) for at in self.single]]

    def make(self, document: Any, given: Sequence[Any], old: _Row | None) -> _Row:
        """The row of a document; `old` itself when it is the same.

        Raises:
            NotLasting: It cannot be kept.
            Exception: What the row raises.
        """
        self._seen.clear()
        elements = self._row(document, *given)
        looked_up = tuple(self._seen)
        if old is not None and looked_up == old[2]:
            looked_up = old[2]
            if self._elements.alike(elements, old[0]):
                return old
        if self._converts:
            return elements, self._elements.stored(elements), looked_up
        if not all(map(is_lasting, elements)):
            raise NotLasting
        return elements, elements, looked_up


class KeptRows:
    """The rows of a getter of one view document, and their elements one behind the other."""

    __slots__ = ("_elements", "_made", "_owners", "_program", "_readers", "_stored")

    def __init__(self, program: RowProgram, slots: Slots) -> None:
        self._program = program
        self._readers: dict[str, list[str]] = {}
        given = program.given(slots)
        self._made: dict[str, _Row] = {}
        for path, document in slots[program.slot].items():
            row = self._made[path] = program.make(document, given, None)
            if row[2]:
                self._note(path, (), row[2])
        self._line_up()

    def change(self, slots: Slots, changed: Iterable[tuple[int, str]]) -> tuple[bool, bool]:
        """Makes the rows that some documents concern.

        Args:
            slots: The documents now.
            changed: (slot, path) of the documents that came, changed or left.

        Returns:
            Whether an element may be another one now, and whether what is stored of one is.

        Raises:
            NotLasting: They cannot be kept.
            Exception: What a row raises.
        """
        program, made = self._program, self._made
        documents = slots[program.slot]
        todo: dict[str, None] = {}
        moved = stored = False
        for slot, path in changed:
            if slot == program.slot:
                todo[path] = None
            if slot in program.looked_up:
                for reader in self._readers.get(path, ()):
                    todo[reader] = None
        given = program.given(slots)
        came = False
        for path in todo:
            old, document = made.get(path), documents.get(path)
            new = None if document is None else program.make(document, given, old)
            if new is old:
                continue
            if new is None:
                del made[path]
            else:
                came = came or old is None
                made[path] = new
            if old is None or new is None or new[2] is not old[2]:
                self._note(path, () if old is None else old[2], () if new is None else new[2])
            before, now = (_NOTHING if old is None else old), (_NOTHING if new is None else new)
            if before[0] or now[0]:
                moved = True
                stored = stored or not same(before[1], now[1])
                self._put(path, len(before[0]), now)
        if came:
            self._made = {p: made[p] for p in documents if p in made}
            self._line_up()
        return moved, stored

    @property
    def is_whole(self) -> bool:
        """Whether the elements are the getter's value."""
        return self._program.getter.rest is None

    def elements(self) -> list[Any]:
        """All elements: what the comprehension gives."""
        return self._elements.copy()

    def stored(self) -> list[Any]:
        """All elements as they are stored; never changed afterwards."""
        return self._stored

    def _line_up(self) -> None:
        """Puts the elements of all rows one behind the other."""
        rows = self._made.items()
        self._elements = [e for _, row in rows for e in row[0]]
        self._stored = [e for _, row in rows for e in row[1]]
        self._owners = [p for p, row in rows for _ in row[0]] if is_plain_order(self._made) else None

    def _put(self, path: str, before: int, row: _Row) -> None:
        """Puts the elements of a row in the place of those that it had."""
        owners = self._owners
        if owners is None:
            self._line_up()
            return
        start = bisect_left(owners, path)
        end = start + before
        owners[start:end] = [path] * len(row[0])
        self._elements[start:end] = row[0]
        self._stored = [*self._stored[:start], *row[1], *self._stored[end:]]

    def _note(self, path: str, before: Sequence[str], now: Sequence[str]) -> None:
        """Notes which row looked which documents up."""
        for other in before:
            readers = self._readers.get(other)
            if readers is not None and path in readers and other not in now:
                readers.remove(path)
                if not readers:
                    del self._readers[other]
        for other in now:
            readers = self._readers.get(other)
            if readers is None:
                self._readers[other] = [path]
            elif path not in readers:
                readers.append(path)


_NOTHING: _Row = ([], [], ())
