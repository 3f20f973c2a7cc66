"""What types the values of a field have, and the Arrow field that holds them all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ..core.values import WORD_OF_TYPE
from .arrow_types import ELEMENT, PATH, arrow_field, word_of


@dataclass
class Shape:
    """The types that occur in a field; it only grows.

    Attributes:
        words: Theirs, as `arrow_types` names them.
        element: What occurs in its arrays.
        members: What occurs in the fields of its maps.

    Example:
        >>> shape = Shape()
        >>> for value in (1, "one", [1.5, None]):
        ...     shape.add(value)
        >>> str(shape.field("n").type)
        'struct<array: list<item: double>, integer: int64, string: string>'
    """

    words: set[str] = field(default_factory=set)
    element: Shape | None = None
    members: dict[str, Shape] = field(default_factory=dict)

    def add(self, value: Any) -> None:
        """One more value."""
        word = WORD_OF_TYPE[type(value)]
        self.words.add(word)
        if word == "array":
            element = self.elements()
            for item in value:
                element.add(item)
        elif word == "map":
            for name, item in value.items():
                self.member(name).add(item)

    def elements(self) -> Shape:
        """The shape of what its arrays hold."""
        if self.element is None:
            self.element = Shape()
        return self.element

    def member(self, name: str) -> Shape:
        """The shape of a field of its maps."""
        return self.members.setdefault(name, Shape())

    def merge(self, other: Shape) -> None:
        """All that occurs in another one, too."""
        self.words |= other.words
        if other.element is not None:
            self.elements().merge(other.element)
        for name, shape in other.members.items():
            self.member(name).merge(shape)

    def field(self, name: str, *, in_array: bool = False) -> pa.Field[Any]:
        """The field that holds all that occurs; in an array a null is no type of its own."""
        words = sorted(self.words - {"null"} if in_array else self.words)
        if len(words) > 1 or words == ["null"]:
            return arrow_field(name, "mixed", [self._part(word, word) for word in words])
        return self._part(name, words[0] if words else "null")

    def _part(self, name: str, word: str) -> pa.Field[Any]:
        if word == "array":
            return arrow_field(name, word, [self.elements().field(ELEMENT, in_array=True)])
        return arrow_field(name, word, self.fields() if word == "map" else ())

    def fields(self) -> list[pa.Field[Any]]:
        """The fields of its maps, by name."""
        return [self.members[name].field(name) for name in sorted(self.members)]

    def schema(self) -> pa.Schema:
        """The columns of documents, if this is the shape of their fields: first `__path__`."""
        return pa.schema([pa.field(PATH, pa.string(), nullable=False), *(f for f in self.fields() if f.name != PATH)])


def shape_of(fields: Iterable[pa.Field[Any]]) -> Shape:
    """The shape whose fields these are.

    Raises:
        DataError: `bad-value` for a type that Firestore does not have.
    """
    shape = Shape({"map"})
    for one in fields:
        _grow(shape.member(one.name), one)
    return shape


def _grow(shape: Shape, one: pa.Field[Any]) -> None:
    word = word_of(one)
    if word == "mixed":
        for part in _parts(one.type):
            _grow(shape, part)
        return
    shape.words.add(word)
    if word == "array":
        _grow(shape.elements(), one.type.value_field)
    elif word == "map":
        for part in _parts(one.type):
            _grow(shape.member(part.name), part)


def _parts(type_: Any) -> list[pa.Field[Any]]:
    return [type_.field(i) for i in range(type_.num_fields)]
