"""What one history plays with: the paths of a few documents, and the few values that each field takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal

from ...core.collection import Collection
from ...core.values import EPOCH, MICROSECOND
from .candidates import CANDIDATES, NOON, fits, literals
from .fields import Field, Fields

Dirt = Literal["typed", "nulls", "anything"]
"""What documents may hold: values of the declared types; nulls and missing fields too; values of other types too."""

DIRTS: tuple[Dirt, ...] = ("typed", "nulls", "anything")

_SPANS = (timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))
"""Lengths of time where the views name none."""

_IDS: tuple[tuple[str, ...], ...] = (("1", "2", "3"), ("1", "2", "3"), ("a", "b", "c"), ("1", "01", "é.b"))
_MORE_IDS = ("4", "5")
_WIDE = 0.2
"""How many of the worlds are wide."""


@dataclass
class World:
    """What one history plays with.

    Attributes:
        ids: The ids of all collections: they are shared on purpose.
        paths: The paths of each collection's documents.
        dirt: How far values may be from the declared types.
        choices: (collection, field) -> the few values that it takes.
        key_sets: The values of each set of keys.
        templates: Documents of a seed, by collection.
        fixed: Fields whose values were given.
        moments: Moments that matter, and what lies right beside them; declared time comes to some, if it does at all.
        wide: Whether roots meet as many documents as there can be.
    """

    fields: Fields
    ids: tuple[str, ...]
    paths: dict[Collection, tuple[str, ...]]
    dirt: Dirt
    choices: dict[tuple[Collection, str], tuple[Any, ...]] = field(default_factory=dict)
    key_sets: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    templates: Mapping[Collection, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    moments: tuple[datetime, ...] = ()
    wide: bool = False

    def collection_of(self, path: str) -> Collection:
        """The collection of a path of this world."""
        return next(c for c, paths in self.paths.items() if path in paths)

    @property
    def all_paths(self) -> tuple[str, ...]:
        """Every path, once."""
        return tuple(dict.fromkeys(p for paths in self.paths.values() for p in paths))


def draw_world(random: Random, fields: Fields, dirt: Dirt, given: Mapping[str, Sequence[Any]] | None = None) -> World:
    """A small world around one or two roots.

    Args:
        random: Draws.
        fields: What documents may hold.
        dirt: How far values may be from the declared types.
        given: Field, or name of a collection -> the values, or ids, that it may have.
    """
    given = given or {}
    world = World(fields, random.choice(_IDS), {}, dirt, wide=random.random() < _WIDE)
    for at, collection in enumerate(fields.collections):
        count = random.choice((1, 1, 2, 2, 3)) if at else random.choice((1, 2, 2, 3))
        ids = [str(i) for i in given.get(str(collection).rpartition("/")[2], world.ids)]
        if collection in fields.lasting or (world.wide and at):
            ids += [i for i in _MORE_IDS if i not in ids]
            count += random.choice((1, 2)) + 2 * world.wide
        paths = (draw_path(random, collection, world.ids, name, world.all_paths) for name in ids[:count])
        world.paths[collection] = tuple(dict.fromkeys(paths))
    for number, (kinds, parts) in fields.key_sets.items():
        world.key_sets[number] = _key_set(random, world, kinds, bool(parts))
    world.moments = draw_moments(random, fields.spans)
    alike: dict[tuple[frozenset[str], str], tuple[Any, ...]] = {}
    for collection, known in fields.collections.items():
        for name, spec in known.items():
            moments = (2, 3, 4, 5) if collection in fields.lasting else (1, 2, 3)
            choices = tuple(given.get(name) or _choices(random, spec, fields.constants, world.moments, moments))
            if spec.alike and name not in given:
                choices = alike.setdefault((spec.alike, spec.kind), choices)
            world.choices[collection, name] = choices
    world.fixed = frozenset(given)
    return world


def _lies_in(path: str, collection: Collection) -> bool:
    """Whether a document may have documents of a collection right below it."""
    around = collection.pattern.rpartition("/")[0].rpartition("/")[0]
    return Collection(around).matches(path)


def draw_path(random: Random, collection: Collection, ids: Sequence[str], name: str, known: Sequence[str] = ()) -> str:
    """The path of a document of a collection; below a known one where it may lie there."""
    if collection.group:
        return random.choice((f"{collection.pattern}/{name}", f"p/{random.choice(ids)}/{collection.pattern}/{name}"))
    above = [p for p in known if not collection.top_level and _lies_in(p, collection)]
    if above and random.random() < 0.7:
        return f"{random.choice(above)}/{collection.pattern.rpartition('/')[2]}/{name}"
    parts = [random.choice(ids) if part.startswith("{") else part for part in collection.pattern.split("/")]
    return "/".join((*parts, name))


def _key_set(random: Random, world: World, kinds: Sequence[str], with_ids: bool) -> tuple[Any, ...]:
    plain = [k for k in kinds if k in ("str", "int", "float", "bool", "timestamp")]
    kind = plain[0] if plain else "str"
    keys = world.ids if with_ids else CANDIDATES[kind][:3]
    few = tuple(random.sample(keys, min(len(keys), 2 if world.wide else random.choice((1, 2, 2, 3)))))
    return (*few, *few[:1] * 2) if world.wide else few


def draw_moments(random: Random, spans: Sequence[timedelta]) -> tuple[datetime, ...]:
    """The bounds of a window, of a session or of a tick from noon on, and what lies a microsecond beside them."""
    span = random.choice(spans or _SPANS)
    start = NOON - (NOON - EPOCH) % span if random.random() < 0.5 else NOON
    bounds = [start + span * n for n in (0, 1, 2)]
    return tuple(m for bound in bounds for m in (bound - MICROSECOND, bound, bound + MICROSECOND))


def _choices(
    random: Random, spec: Field, constants: Sequence[Any], moments: Sequence[datetime], how_many: Sequence[int]
) -> tuple[Any, ...]:
    """The few values of a field; `how_many`: of the moments that matter."""
    if spec.kind == "timestamp" or spec.until:
        far = () if spec.until and random.random() < 0.7 else random.sample(CANDIDATES["timestamp"], 1)
        return (*random.sample(moments, random.choice(how_many)), *far)
    kind = spec.kind if spec.kind in CANDIDATES else "any"
    likely = [v for v in spec.constants if fits(v, kind)]
    near = [v + by for v in likely if not isinstance(v, str) for by in (-1, 1)]
    others = [v for v in constants if fits(v, kind)]
    known = [*literals(spec.annotation), *likely, *near]
    rest = [*CANDIDATES[kind], *others]
    some = random.sample(rest, min(len(rest), random.choice((1, 2, 2, 3))))
    return (*random.sample(known, min(len(known), random.choice((1, 2, 4)))), *some)
