"""The properties of many entities at once.

A loop over records costs Python some microseconds for each field. Here the loop is over the *position*: the first
property of every entity of a batch, then the second of all that have one, and so on; each step is a few dozen
operations on whole arrays. Entities that are longer than almost all others are finished one by one.

Law: the properties of an entity are those that `entity.EntityDecoder` reads, in its order. An entity that is damaged, or
that has anything a step does not know, is `odd`: it has no properties here, and the decoder says what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..core.errors import DataError
from .wire import get_varint
from .words import Bools, Ints, Longs, Words

FEW = 24
"""So few entities are finished one by one: a step costs as much as some 30 properties alone."""

_U = np.uint64
_BYTE = _U(0xFF)
_PROPERTY, _PROPERTY_MASK = _U(0x72), _U(0xF7)
_FORM, _FORM_MASK = _U(0x2A0020), _U(0xFFFEFF)
_PREFIX = 6


class Properties(NamedTuple):
    """The properties of the entities of one level, ordered by entity and by their order in it; one row for each.

    | column | what it is |
    |---|---|
    | entity | whose property it is |
    | meaning, tag | of the value; the tag of an empty value is 0 |
    | name, name_size | where its name stands |
    | multiple | 1 for an element of an array |
    | value, size | where its value stands |
    """

    entity: Ints
    meaning: Ints
    name: Ints
    name_size: Ints
    multiple: Ints
    value: Ints
    size: Ints
    tag: Ints

    def take(self, rows: Ints | Bools) -> Properties:
        """Some of the rows."""
        return Properties(*(column[rows] for column in self))


class Found(NamedTuple):
    """What a walk found: the properties, and which entities are odd."""

    properties: Properties
    odd: Bools


def walk(words: Words, start: Ints, stop: Ints, prefixes: Sequence[bytes] | None = None) -> Found:
    """The properties of entities.

    Args:
        words: The bytes.
        start: Where the properties of each entity begin.
        stop: Where each entity ends.
        prefixes: The beginnings of the names that are wanted, as `prefix_of` gives them; properties that cannot be meant
            are stepped over, without a look at their values.
    """
    walking = _Walk(words, start, stop, prefixes)
    while len(walking.at) > FEW:
        walking.step()
    walking.finish()
    return walking.found()


def prefix_of(name: bytes) -> bytes:
    """What the name of a property begins with, its length before it; enough to step over most others.

    Example:
        >>> prefix_of(b"close"), prefix_of(b"id")
        (b'\\x1a\\x05clo', b'\\x1a\\x02id')
    """
    return (b"\x1a" + bytes((len(name),)) + name)[: _PREFIX - 1] if len(name) < 128 else b"\x1a"


class _Walk:
    """Entities, each at the place of its next property; what was found is where properties begin and end."""

    def __init__(self, words: Words, start: Ints, stop: Ints, prefixes: Sequence[bytes] | None) -> None:
        self.words = words
        self.odd = start > stop
        self.prefixes = None if prefixes is None else [_compared(p, after) for p in prefixes for after in (2, 4)]
        self.counts: Ints = np.zeros(len(start), np.int64)
        self.steps: list[tuple[Ints, Ints, Ints, Ints]] = []
        live = np.flatnonzero(start < stop)
        self.entity, self.at, self.stop = live, start[live], stop[live]

    def step(self) -> None:
        """One property of each living entity, or whatever stands before the next one."""
        entity, at, word = self.entity, self.at, self.words.at(self.at)
        rows: Ints | None = None
        is_property = (word & _PROPERTY_MASK) == _PROPERTY
        if not is_property.all():
            self.at = at.copy()
            self._others(np.flatnonzero(~is_property), word)
            rows = np.flatnonzero(is_property)
            entity, at, word = entity[rows], at[rows], word[rows]
        size, place = self.words.length(at + 1, ((word >> _U(8)) & _BYTE).view(np.int64))
        end = place + size
        wrong = end < place
        if wrong.any():
            self.odd[entity[wrong]] = True
            end[wrong] = np.iinfo(np.int64).max
        if rows is None:
            self.at = end
        else:
            self.at[rows] = end
        if self.prefixes is not None:
            meant = np.flatnonzero(self._meant(word) | (place != at + 2))
            entity, place, end = entity[meant], place[meant], end[meant]
        self._emit(entity, place, end)
        self._drop()

    def _meant(self, word: Longs) -> Bools:
        assert self.prefixes is not None
        meant = np.zeros(len(word), bool)
        for mask, expected in self.prefixes:
            meant |= (word & mask) == expected
        return meant

    def _emit(self, entity: Ints, place: Ints, end: Ints) -> None:
        if len(entity):
            number = self.counts[entity]
            self.counts[entity] = number + 1
            self.steps.append((entity, number, place, end))

    def _others(self, rows: Ints, word: Longs) -> None:
        """Steps over the keys and the groups of entities."""
        at, word = self.at[rows], word[rows]
        key = (word & _BYTE) == _U(0x6A)
        wide = np.where(key, 1, 2)
        size, behind = self.words.length(at + wide, ((word >> (wide * 8).view(np.uint64)) & _BYTE).view(np.int64))
        known = (key | ((word & _U(0xFFFF)) == _U(0x0182))) & (size >= 0) & (behind + size <= self.stop[rows])
        self.odd[self.entity[rows[~known]]] = True
        self.at[rows] = np.where(known, behind + size, self.stop[rows])

    def _drop(self) -> None:
        """Entities that came to their end, or beyond it."""
        live = self.at < self.stop
        if not live.all():
            self.odd[self.entity[self.at > self.stop]] = True
            rows = np.flatnonzero(live)
            self.entity, self.at, self.stop = self.entity[rows], self.at[rows], self.stop[rows]

    def finish(self) -> None:
        """The rest, one by one."""
        found: list[tuple[int, int, int, int]] = []
        for entity, at, stop in zip(self.entity.tolist(), self.at.tolist(), self.stop.tolist()):
            number = int(self.counts[entity])
            try:
                places = list(_places(self.words.data, at, stop))
            except (DataError, IndexError):
                self.odd[entity] = True
                continue
            found += [(entity, number + n, place, end) for n, (place, end) in enumerate(places)]
            self.counts[entity] += len(places)
        entities, numbers, places_, ends = np.array(found, np.int64).reshape(-1, 4).T
        self.steps.append((entities, numbers, places_, ends))

    def found(self) -> Found:
        """Puts the steps together, in the order of the entities, and reads the properties."""
        entity, number, place, end = map(np.concatenate, zip(*self.steps))
        where = (np.cumsum(self.counts) - self.counts)[entity] + number
        ordered = np.empty((2, len(where)), np.int64)
        ordered[0, where], ordered[1, where] = place, end
        entity = np.repeat(np.arange(len(self.counts)), self.counts)
        place, end = ordered
        if self.odd.any():
            kept = ~self.odd[entity]
            entity, place, end = entity[kept], place[kept], end[kept]
        properties, good = read_properties(self.words, entity, place, end)
        if not good.all():
            self.odd[entity[~good]] = True
            properties = properties.take(~self.odd[entity])
        return Found(properties, self.odd)


def read_properties(words: Words, entity: Ints, place: Ints, end: Ints) -> tuple[Properties, Bools]:
    """Properties, and which of them have the one known form.

    Args:
        words: The bytes.
        entity: Whose they are.
        place: Where they begin, behind their lengths.
        end: Where they end.
    """
    word = words.at(place)
    has_meaning = (word & _BYTE) == _U(8)
    meaning = np.where(has_meaning, (word >> _U(8)) & _BYTE, _U(0)).view(np.int64)
    wide = has_meaning.astype(np.int64) * 2
    word = word >> (wide * 8).view(np.uint64)
    good = (word & _BYTE) == _U(0x1A)
    good &= meaning < 128
    name_size, name = words.length(place + wide + 1, ((word >> _U(8)) & _BYTE).view(np.int64))
    form = name + name_size
    good &= (name_size >= 0) & (form < end)
    form = np.minimum(form, end)
    word = words.at(form)
    good &= (word & _FORM_MASK) == _FORM
    multiple = ((word >> _U(8)) & _U(1)).view(np.int64)
    size, value = words.length(form + 3, ((word >> _U(24)) & _BYTE).view(np.int64))
    good &= value + size == end
    tag = np.where(size > 0, words.bytes[np.minimum(value, words.size)], 0).astype(np.int64)
    return Properties(entity, meaning, name, name_size, multiple, value, size, tag), good


def _compared(prefix: bytes, after: int) -> tuple[np.uint64, np.uint64]:
    """A mask and what the masked word must be: a prefix behind a tag and a short length, and perhaps a short meaning."""
    prefix = prefix[: 8 - after]
    mask = bytes(after) + b"\xff" * len(prefix)
    expected = bytes(after) + prefix
    if after == 4:
        mask, expected = b"\x00\x00\xff" + mask[3:], b"\x00\x00\x08" + expected[3:]
    return _U(int.from_bytes(mask, "little")), _U(int.from_bytes(expected, "little"))


def _places(data: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the properties of one entity begin, behind their lengths, and where they end."""
    while at < end:
        tag = data[at]
        is_property = (tag | 8) == 0x7A
        wide = 1 if is_property or tag == 0x6A else 2
        if wide == 2 and data[at : at + 2] != b"\x82\x01":
            raise DataError("bad-document", "an unknown tag")
        size, place = get_varint(data, at + wide)
        at = place + size
        if is_property and at <= end:
            yield place, at
    if at != end:
        raise DataError("bad-document", "a field that is longer than its message")
