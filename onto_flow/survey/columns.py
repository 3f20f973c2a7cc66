"""What could refer to documents, and what could be referred to: hashes of values, with what tells chance from meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .collections import CollectionProfile
from .facts import Names
from .fields import FieldProfile, MapProfile, quoted
from .kinds import KindProfile
from .patterns import part_names, singular
from .sketch import Documents, Sketch

SAMPLED_IDS = 4096
"""So many ids of a collection are looked for elsewhere."""

UNIQUE = 0.98
"""A field with so many different values among all can be what others refer to."""

PRESENT = 0.5
"""And it is there in so many of the documents."""

OWN_ID = "__name__"
_TOKENS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass
class Column:
    """Values that may refer to documents.

    Attributes:
        names: The collection that they are in.
        label: The field, as `FieldSurvey.label`; `{part}` of a path; `__name__`.
        sketch: The values.
        count: How many there are.
        kind: `reference`, `text` or `integer`.
        keys, many: As in `ReferenceSurvey`.
        places: How many of the paths among them lead where.
        numeric: The share of whole numbers.
        characters: How long they are on average.
        own_id: Whether they are the ids of their own documents.
        above: For a part of the path: the collection whose documents it names anyway.
    """

    names: Names
    label: str
    sketch: Sketch
    count: int
    kind: str
    keys: bool = False
    many: bool = False
    places: tuple[tuple[Names, int], ...] = ()
    numeric: float = 0.0
    characters: float = 0.0
    own_id: bool = False
    above: Names = ()

    @property
    def tokens(self) -> frozenset[str]:
        """The words of its name."""
        return tokens_of(self.label.rpartition(".")[2])


@dataclass
class Target:
    """What identifies the documents of a collection.

    Attributes:
        by: `path`, `id` or `field`.
        label: With `field`, which one.
        held: Theirs.
        kind: As in `Column`.
        density: For whole numbers: which share of all numbers between the smallest and the largest are taken; else 0.
        characters: How long they are on average.
        own_id: Whether a field's values are the ids of their own documents.
    """

    names: Names
    by: str
    held: Sketch | Documents
    kind: str
    label: str | None = None
    density: float = 0.0
    characters: float = 0.0
    own_id: bool = False

    @property
    def tokens(self) -> frozenset[str]:
        """The words of its collection's name."""
        return tokens_of(self.names[-1])


def tokens_of(name: str) -> frozenset[str]:
    """The words of a name, in the singular, without those that say nothing.

    Example:
        >>> sorted(tokens_of("movieIds")), sorted(tokens_of("home_worlds[]"))
        (['movie'], ['home', 'world'])
    """
    found = (singular(t.lower()) for t in _TOKENS.findall(name))
    return frozenset(t for t in found if t not in ("id", "ref", "key", "uid", "of", "the", "list"))


def columns_of(profile: CollectionProfile) -> Iterator[Column]:
    """What may refer, of a collection: its fields, its ids, and those above it."""
    yield from _of_map(profile.fields, profile.names, "", many=False)
    numeric = len(profile.numbers) / max(len(profile.ids), 1)
    characters = profile.characters / max(profile.documents, 1)
    sample = profile.ids.sample(SAMPLED_IDS)
    yield Column(
        profile.names, OWN_ID, sample, profile.documents, "text", numeric=numeric, characters=characters, own_id=True
    )
    for level, (part, sketch) in enumerate(zip(part_names(profile.names), profile.parts), start=1):
        above = profile.names[:level]
        yield Column(profile.names, f"{{{part}}}", sketch, profile.documents, "text", above=above)


def _of_map(profile: MapProfile, names: Names, before: str, *, many: bool) -> Iterator[Column]:
    several = many or profile.any is not None
    if profile.any is not None and before:
        yield Column(names, before[:-1], profile.keys, sum(profile.keys.counts.values()), "text", keys=True, many=True)
    for name, field in profile.fields().items():
        label = before + ("*" if profile.any is not None else quoted(name))
        yield from _of_field(field, names, label, many=several)


def _of_field(field: FieldProfile, names: Names, label: str, *, many: bool) -> Iterator[Column]:
    for kind in field.kinds.values():
        if kind.word in _KINDS and kind.sketch is not None:
            yield _of_kind(kind, names, label, many, field.own_id)
    if field.element is not None:
        yield from _of_field(field.element, names, f"{label}[]", many=True)
    if field.members is not None:
        yield from _of_map(field.members, names, f"{label}.", many=many)


_KINDS = {"reference": "reference", "string": "text", "integer": "integer"}


def _of_kind(kind: KindProfile, names: Names, label: str, many: bool, own_id: bool) -> Column:
    assert kind.sketch is not None
    seen = max(kind.seen, 1)
    return Column(
        names,
        label,
        kind.sketch,
        kind.count,
        _KINDS[kind.word],
        many=many,
        places=tuple(kind.places.items()),
        numeric=kind.digits / seen,
        characters=kind.characters / seen,
        own_id=own_id,
    )


def targets_of(profile: CollectionProfile) -> Iterator[Target]:
    """What may be referred to, of a collection: its documents' paths and ids, and fields whose values differ in each."""
    names, count = profile.names, max(profile.documents, 1)
    density = 0.0
    if profile.number_range is not None and len(profile.numbers) >= 0.5 * len(profile.ids):
        low, high = profile.number_range
        density = min(profile.documents / (high - low + 1), 1.0)
    characters = profile.characters / count
    yield Target(names, "path", profile.paths, "text")
    differ = profile.ids.differ(SAMPLED_IDS)
    if differ:
        yield Target(names, "id", profile.ids, "text", density=density, characters=characters)
    if differ and len(profile.numbers):
        yield Target(names, "id", profile.numbers, "integer", density=density, characters=characters)
    if profile.fields.any is None:
        yield from _unique_fields(profile.fields, names, "", count)


def _unique_fields(profile: MapProfile, names: Names, before: str, documents: int) -> Iterator[Target]:
    for name, field in profile.fields().items():
        label = before + quoted(name)
        for kind in field.kinds.values():
            if kind.word in ("string", "integer") and kind.count >= PRESENT * documents and _is_unique(kind):
                yield _unique_field(kind, names, label, field.own_id)
        if field.members is not None and field.members.any is None and before.count(".") < 3:
            yield from _unique_fields(field.members, names, f"{label}.", documents)


def _is_unique(kind: KindProfile) -> bool:
    return kind.sketch is not None and kind.sketch.distinct >= max(UNIQUE * kind.count, 3)


def _unique_field(kind: KindProfile, names: Names, label: str, own_id: bool) -> Target:
    assert kind.sketch is not None
    seen = max(kind.seen, 1)
    density = 0.0
    if kind.numbers is not None and kind.digits >= 0.5 * seen:
        density = min(kind.count / (kind.numbers[1] - kind.numbers[0] + 1), 1.0)
    return Target(names, "field", kind.sketch, _KINDS[kind.word], label, density, kind.characters / seen, own_id)
