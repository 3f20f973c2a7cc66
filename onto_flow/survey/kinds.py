"""The values of one type in one field, as they go by: many at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ..core.values import WORD_OF_TYPE, Reference, Vector
from .facts import TypeSurvey
from .sketch import HASHES, Sketch, Sketches, hashed, text_of

SHOWN = 100
"""Characters of a text, and bytes, that are kept to be shown."""

EXAMPLES = 5
PLACES = 50
"""So many collections are told apart among the paths in one field."""

_MAX_DIGITS = 18


class KindProfile:
    """The values of one type.

    Attributes:
        sketch: Their hashes; `None` for types that nothing is compared with.
        places: For references, and texts that look like paths: how many lead into which collection.
        digits: How many of the different values (batch by batch) are whole numbers, written as such.
        numbers: The smallest and the largest of those.
        characters: How many characters all of the different values have (batch by batch).
        seen: How many different values (batch by batch) there were.
    """

    def __init__(self, kind: type, sketches: Sketches) -> None:
        self.kind = kind
        self.word = WORD_OF_TYPE[kind]
        self.count = self.seen = self.digits = self.characters = 0
        self.sketch: Sketch | None = sketches.new() if kind in HASHES else None
        self.low: Any = None
        self.high: Any = None
        self.shortest: int | None = None
        self.longest: int | None = None
        self.numbers: tuple[int, int] | None = None
        self.places: Counter[tuple[str, ...]] = Counter()
        self.examples: list[Any] = []

    def observe(self, values: Sequence[Any]) -> None:
        """More values, all of this type."""
        self.count += len(values)
        observe = _OBSERVE.get(self.kind)
        if observe is None:
            self._distinct(values)
        else:
            observe(self, values)

    def _distinct(self, values: Sequence[Any]) -> Counter[Any]:
        counts = Counter(values)
        self.seen += len(counts)
        assert self.sketch is not None
        self.sketch.add(hashed(counts, self.kind))
        self._show(counts)
        return counts

    def _show(self, values: Any) -> None:
        if len(self.examples) < EXAMPLES:
            for value in values:
                shown = _cut(value)
                if shown not in self.examples:
                    self.examples.append(shown)
                    if len(self.examples) == EXAMPLES:
                        return

    def _range(self, low: Any, high: Any) -> None:
        key = _path if self.kind is Reference else None
        self.low = low if self.low is None else min(self.low, low, key=key)
        self.high = high if self.high is None else max(self.high, high, key=key)

    def _lengths(self, shortest: int, longest: int) -> None:
        self.shortest = shortest if self.shortest is None else min(self.shortest, shortest)
        self.longest = longest if self.longest is None else max(self.longest, longest)

    def _whole(self, numbers: Sequence[int]) -> None:
        self.digits += len(numbers)
        if numbers:
            self._between(min(numbers), max(numbers))

    def _between(self, low: int, high: int) -> None:
        known = self.numbers or (low, high)
        self.numbers = min(known[0], low), max(known[1], high)

    def _ordered(self, values: Sequence[Any]) -> None:
        counts = self._distinct(values)
        self._range(_cut(min(counts)), _cut(max(counts)))

    def _integers(self, values: Sequence[int]) -> None:
        counts = self._distinct(values)
        self._range(min(counts), max(counts))
        self._whole(list(counts))

    def _doubles(self, values: Sequence[float]) -> None:
        self._distinct(values)
        known = [v for v in values if v == v]
        if known:
            self._range(min(known), max(known))

    def _texts(self, values: Sequence[str]) -> None:
        counts = self._distinct(values)
        self._range(_cut(min(counts)), _cut(max(counts)))
        sizes = list(map(len, counts))
        self._lengths(min(sizes), max(sizes))
        self.characters += sum(sizes)
        self._whole([int(text) for text in filter(is_number, counts)])
        for text, count in counts.items():
            if "/" in text:
                self._place(text_of(text), count)

    def _references(self, values: Sequence[Reference[Any]]) -> None:
        counts = self._distinct(values)
        self._range(min(counts, key=_path), max(counts, key=_path))
        for reference, count in counts.items():
            self._place(reference.path, count)

    def _place(self, path: str, count: int) -> None:
        parts = path.split("/")
        if len(parts) % 2 == 0 and all(parts):
            place = tuple(parts[::2])
            if place in self.places or len(self.places) < PLACES:
                self.places[place] += count

    def _bytes(self, values: Sequence[bytes]) -> None:
        self._ordered(values)
        sizes = list(map(len, values))
        self._lengths(min(sizes), max(sizes))

    def _booleans(self, values: Sequence[bool]) -> None:
        self._show(sorted(set(values)))
        self._range(min(values), max(values))

    def _vectors(self, values: Sequence[Vector]) -> None:
        sizes = [len(v.values) for v in values]
        self._lengths(min(sizes), max(sizes))

    def _arrays(self, values: Sequence[list[Any]]) -> None:
        sizes = list(map(len, values))
        self._lengths(min(sizes), max(sizes))

    def _maps(self, values: Sequence[dict[str, Any]]) -> None:
        """`fields` looks into them."""

    def merge(self, other: KindProfile) -> None:
        """All that another one of the same type saw, too."""
        self.count += other.count
        self.seen += other.seen
        self.characters += other.characters
        if self.sketch is not None and other.sketch is not None:
            self.sketch.merge(other.sketch)
        if other.low is not None:
            self._range(other.low, other.high)
        if other.shortest is not None and other.longest is not None:
            self._lengths(other.shortest, other.longest)
        self.digits += other.digits
        if other.numbers is not None:
            self._between(*other.numbers)
        for place, count in other.places.items():
            if place in self.places or len(self.places) < PLACES:
                self.places[place] += count
        self._show(other.examples)

    def survey(self) -> TypeSurvey:
        """What was found."""
        sketch = self.sketch
        distinct = None if sketch is None else min(sketch.distinct, self.count)
        if self.kind is bool:
            distinct = len(self.examples)
        return TypeSurvey(
            self.word,
            self.count,
            distinct,
            sketch is not None and not sketch.exact,
            self.low,
            self.high,
            self.shortest,
            self.longest,
        )


def _path(reference: Reference[Any]) -> tuple[str, str]:
    return reference.path, reference.database or ""


_OBSERVE: dict[type, Callable[[KindProfile, Any], None]] = {
    bool: KindProfile._booleans,
    int: KindProfile._integers,
    float: KindProfile._doubles,
    str: KindProfile._texts,
    bytes: KindProfile._bytes,
    datetime: KindProfile._ordered,
    Reference: KindProfile._references,
    Vector: KindProfile._vectors,
    list: KindProfile._arrays,
    dict: KindProfile._maps,
}


def is_number(text: str) -> bool:
    """Whether a text is a whole number as Python writes it.

    Example:
        >>> [is_number(t) for t in ("7", "007", "-1", "x", "")]
        [True, False, False, False, False]
    """
    return text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS and (text[0] != "0" or text == "0")


def _cut(value: Any) -> Any:
    """What is kept of a value; one character more than is shown, so that it shows that it was cut."""
    return value[: SHOWN + 1] if isinstance(value, (str, bytes)) else value
