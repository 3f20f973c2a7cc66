"""The rows of one getter of one view document: made once per document, and again only where a change concerns them.

Rows are kept only while what they hold cannot be changed by whoever reads it: scalars, frozen dataclasses and tuples of
them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..core.compact import new_map, unseen
from ..core.equality import same
from ..core.native import compiled, replace
from ..core.values import is_plain_order
from .lasting import Elements, NotLasting, alike, is_lasting
from .rows import Lookup, RowGetter

Slots = Sequence[dict[str, Any]]
"""Per slot, path -> the object of its document, in path order."""


class RowProgram:
    """What the rows of a getter are made with, for all view documents.

    Args:
        getter: Its pieces.
        names: The names of the store's slots.
        convert: From an element to what is stored of it.
        fields: From a class to (attribute, name in the document) of its parts, where it is a map.
    """

    __slots__ = (
        "_converts",
        "_elements",
        "_lookups",
        "_row",
        "_seen",
        "around",
        "looked_up",
        "rest",
        "single",
        "slot",
    )

    def __init__(
        self,
        getter: RowGetter,
        names: Sequence[str],
        convert: Callable[[Any], Any],
        fields: Callable[[type], Sequence[tuple[str, str]]],
    ) -> None:
        self._row, self.rest = getter.row, getter.rest
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

    def elements(self, document: Any, given: Sequence[Any]) -> tuple[list[Any], tuple[str, ...]]:
        """The elements that a document gives, and the paths that were looked up for them.

        Raises:
            Exception: What the row raises.
        """
        self._seen.clear()
        elements = self._row(document, *given)
        return elements, tuple(self._seen)

    def stored(self, elements: list[Any]) -> list[Any]:
        """What is stored of elements.

        Raises:
            NotLasting: They cannot be kept.
            DataError: They cannot be stored.
        """
        if self._converts:
            return self._elements.stored(elements)
        if not all(map(is_lasting, elements)):
            raise NotLasting
        return elements

    def alike(self, now: Sequence[Any], before: Sequence[Any]) -> bool:
        """Whether elements are the same as others."""
        return alike(now, before)


class KeptRows:
    """The rows of a getter of one view document: their elements one behind the other.

    `_made` has, per document of the slot, what its row looked up; `_owners` the document of each element, in path order;
    `_readers` which rows looked a document up. A single one stands for itself in the first and the last.
    """

    __slots__ = ("_elements", "_made", "_owners", "_program", "_readers", "_stored")

    def __init__(self, program: RowProgram, slots: Slots) -> None:
        self._program = program
        self._made: dict[str, Any] = new_map()
        self._readers: dict[str, Any] = new_map()
        self._elements: list[Any] = []
        self._stored: list[Any] = []
        self._owners: list[str] = []
        if not is_plain_order(slots[program.slot]):
            raise NotLasting
        self._fill(slots)
        self._stored = unseen(self._stored)
        self._made, self._readers = new_map(self._made), new_map(self._readers)  # no larger than they are

    def _fill(self, slots: Slots) -> None:
        """Makes the rows of all documents."""
        program = self._program
        given = program.given(slots)
        for path, document in slots[program.slot].items():
            elements, seen = program.elements(document, given)
            self._note(path, (), seen)
            self._elements += elements
            self._stored += program.stored(elements)
            self._owners += [path] * len(elements)

    def change(self, slots: Slots, changed: Sequence[tuple[int, str]]) -> tuple[bool, bool]:
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
        program, made, owners = self._program, self._made, self._owners
        documents = slots[program.slot]
        moved = stored = False
        given = program.given(slots)
        for path in self._concerned(changed):
            document, start = documents.get(path), bisect_left(owners, path)
            end = bisect_right(owners, path, start)
            before = self._elements[start:end]
            if document is None:
                if path not in made:
                    continue
                elements, seen = _NO_ROW
            else:
                elements, seen = program.elements(document, given)
            looked_up = made.get(path)
            if looked_up is None:
                self._check_order(documents, path)
                self._note(path, (), seen)
            elif document is None or looked_up != (seen[0] if len(seen) == 1 else seen):
                self._note(path, (looked_up,) if looked_up.__class__ is str else looked_up, seen)
            if document is None:
                del made[path]
            if (elements or before) and not program.alike(elements, before):
                moved = True
                now = program.stored(elements)
                if not same(self._stored[start:end], now):
                    stored = True
                    self._stored = [*self._stored[:start], *now, *self._stored[end:]]
                owners[start:end] = [path] * len(elements)
                self._elements[start:end] = elements
        return moved, stored

    @staticmethod
    def _check_order(documents: Mapping[str, Any], path: str) -> None:
        """Raises `NotLasting` where documents do not stand in the order of their paths' texts."""
        if not is_plain_order((*islice(documents, 1), path)):
            raise NotLasting

    def _concerned(self, changed: Sequence[tuple[int, str]]) -> dict[str, None]:
        """The documents whose rows some documents concern."""
        program, found = self._program, dict[str, None]()
        for slot, path in changed:
            if slot == program.slot:
                found[path] = None
            if slot in program.looked_up:
                readers = self._readers.get(path)
                if readers.__class__ is str:
                    found[readers] = None
                elif readers is not None:
                    found.update(dict.fromkeys(readers))
        return found

    @property
    def is_whole(self) -> bool:
        """Whether the elements are the getter's value."""
        return self._program.rest is None

    def elements(self) -> list[Any]:
        """All elements: what the comprehension gives."""
        return self._elements.copy()

    def stored(self) -> list[Any]:
        """All elements as they are stored; never changed afterwards."""
        return self._stored

    def _note(self, path: str, before: Sequence[str], now: Sequence[str]) -> None:
        """Notes which documents a row looked up."""
        self._made[path] = now[0] if len(now) == 1 else now
        for other in before:
            if other not in now:
                readers = self._readers.get(other)
                if readers == path:
                    del self._readers[other]
                elif readers.__class__ is list and path in readers:
                    readers.remove(path)
        for other in now:
            readers = self._readers.get(other)
            if readers is None or readers == path:
                self._readers[other] = path
            elif readers.__class__ is str:
                self._readers[other] = [readers, path]
            elif path not in readers:
                readers.append(path)


_NO_ROW: tuple[list[Any], tuple[str, ...]] = ([], ())

if not TYPE_CHECKING and compiled() is not None:
    for _name, _form in zip(("change", "_fill"), compiled().kept_rows(KeptRows, RowProgram, Lookup)):
        replace(KeptRows, _name, _form)
