"""The rows of one getter of one view document: made once per document, and again only where a change concerns them.

Rows are kept only while what they hold cannot be changed by whoever reads it: scalars, frozen dataclasses and tuples of
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..core.equality import same
from .lasting import Elements, NotLasting, alike, is_lasting
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
        self.slot = names.index(getter.slot)
        self.looked_up = tuple(names.index(n) for n in getter.looked_up)
        self.single = tuple(names.index(n) for n in getter.single)
        self.around = tuple(names.index(n) for n in getter.around)
        self._seen: list[str] = []
        self._lookups = [Lookup(self._seen) for _ in getter.looked_up]
        self._elements = Elements(convert, fields)
        self._converts = getter.rest is None

    def given(self, slots: Slots) -> list[Any]:
        """What rows get beside their document."""
        for lookup, at in zip(self._lookups, self.looked_up):
            lookup.documents = slots[at]
        return [*self._lookups, *(next(iter(slots[at].values()), None) for at in self.single)]

    def make(self, document: Any, given: Sequence[Any], old: _Row | None) -> _Row:
        """The row of a document; `old` itself when it is the same.

        Raises:
            NotLasting: It cannot be kept.
            Exception: What the row raises.
        """
        seen = self._seen
        seen.clear()
        elements = self.getter.row(document, *given)
        looked_up = tuple(seen)
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
    """The rows of a getter of one view document."""

    __slots__ = ("_made", "_program", "_readers")

    def __init__(self, program: RowProgram, slots: Slots) -> None:
        self._program = program
        self._readers: dict[str, list[str]] = {}
        given = program.given(slots)
        self._made: dict[str, _Row] = {}
        for path, document in slots[program.slot].items():
            row = self._made[path] = program.make(document, given, None)
            if row[2]:
                self._note(path, (), row[2])

    def change(self, slots: Slots, changed: Iterable[tuple[int, str]]) -> tuple[bool, bool]:
        """Makes the rows that some documents concern.

        Args:
            slots: The documents now.
            changed: (slot, path) of the documents that came, changed or left.

        Returns:
            Whether an element is another one now, and whether what is stored of one is.

        Raises:
            NotLasting: They cannot be kept.
            Exception: What a row raises.
        """
        program, made = self._program, self._made
        documents = slots[program.slot]
        todo: dict[str, None] = {}
        moved = stored = came = False
        for slot, path in changed:
            if slot == program.slot:
                todo[path] = None
            if slot in program.looked_up:
                for reader in self._readers.get(path, ()):
                    todo[reader] = None
        given = program.given(slots)
        for path in todo:
            old, document = made.get(path), documents.get(path)
            if document is None:
                if old is not None:
                    del made[path]
                    self._note(path, old[2], ())
                    moved = stored = moved or bool(old[0])
                continue
            new = program.make(document, given, old)
            if new is old:
                continue
            made[path] = new
            if old is None:
                came = True
                self._note(path, (), new[2])
                moved = stored = moved or bool(new[0])
                continue
            if new[2] is not old[2]:
                self._note(path, old[2], new[2])
            if not alike(new[0], old[0]):
                moved = True
                stored = stored or not same(old[1], new[1])
        if came:
            self._made = {p: made[p] for p in documents if p in made}
        return moved, stored

    @property
    def is_whole(self) -> bool:
        """Whether the elements are the getter's value."""
        return self._program.getter.rest is None

    def elements(self) -> list[Any]:
        """All elements: what the comprehension gives."""
        return [e for row in self._made.values() for e in row[0]]

    def stored(self) -> list[Any]:
        """All elements as they are stored."""
        return [e for row in self._made.values() for e in row[1]]

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
