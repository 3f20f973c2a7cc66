"""Values for the fields of documents: of the declared type, null, missing, and of another type; few, so that they meet."""

from __future__ import annotations

import enum
import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any, Literal

from ...core.collection import Collection, members_of
from ...core.references import reference_path
from ...core.values import GeoPoint, Reference, Vector
from ...model.annotations import element_of, hints_of, without_none
from ...plan.nodes import Relation
from .fields import Field, Fields

Dirt = Literal["typed", "nulls", "anything"]
"""What documents may hold: values of the declared types; nulls and missing fields too; values of other types too."""

DIRTS: tuple[Dirt, ...] = ("typed", "nulls", "anything")

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NOON = datetime(2026, 5, 4, 12, 0, tzinfo=timezone.utc)
CANDIDATES: Mapping[str, tuple[Any, ...]] = {
    "str": ("a", "b", "c", "", "1", "é"),
    "int": (0, 1, 2, 3, -1, 2**53 + 1),
    "float": (0.1, 0.2, 0.3, 1.5, -0.0, 1, 2, 1e16, -1e16, math.nan, math.inf),
    "bool": (True, False),
    "bytes": (b"", b"\x00\xff"),
    "timestamp": (_NOON, _NOON + timedelta(microseconds=1), _NOON - timedelta(days=400)),
    "geopoint": (GeoPoint(1.5, -0.0), GeoPoint(-90.0, 180.0)),
    "vector": (Vector((1.0, -0.0)), Vector(())),
    "map": ({}, {"a": 1}, {"a": {"b": None}}),
    "any": (1, 1.0, True, "a", None, "1", [1, "a"], {"a": 1}),
}
"""What is tried of each kind, edges among them: equal numbers of other types, sums that rounding would change."""

_MICROSECOND = timedelta(microseconds=1)
_SPANS = (timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))
"""Lengths of time where the views name none."""

OTHER_TYPES: tuple[Any, ...] = (7, "x", 1.0, True, [1], {"a": 1}, Reference("none/1"), [None])
_IDS: tuple[tuple[str, ...], ...] = (("1", "2", "3"), ("1", "2", "3"), ("a", "b", "c"), ("1", "01", "é.b"))
_MORE_IDS = ("4", "5")
_MISSING: Any = object()
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
        paths = (_path(random, collection, world.ids, name, world.all_paths) for name in ids[:count])
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


def _path(random: Random, collection: Collection, ids: Sequence[str], name: str, known: Sequence[str] = ()) -> str:
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
    start = _NOON - (_NOON - _EPOCH) % span if random.random() < 0.5 else _NOON
    bounds = [start + span * n for n in (0, 1, 2)]
    return tuple(m for bound in bounds for m in (bound - _MICROSECOND, bound, bound + _MICROSECOND))


def _choices(
    random: Random, spec: Field, constants: Sequence[Any], moments: Sequence[datetime], how_many: Sequence[int]
) -> tuple[Any, ...]:
    """The few values of a field; `how_many`: of the moments that matter."""
    if spec.kind == "timestamp" or spec.until:
        far = () if spec.until and random.random() < 0.7 else random.sample(CANDIDATES["timestamp"], 1)
        return (*random.sample(moments, random.choice(how_many)), *far)
    kind = spec.kind if spec.kind in CANDIDATES else "any"
    likely = [v for v in spec.constants if _fits(v, kind)]
    near = [v + by for v in likely if not isinstance(v, str) for by in (-1, 1)]
    others = [v for v in constants if _fits(v, kind)]
    known = [*_literals(spec.annotation), *likely, *near]
    rest = [*CANDIDATES[kind], *others]
    some = random.sample(rest, min(len(rest), random.choice((1, 2, 2, 3))))
    return (*random.sample(known, min(len(known), random.choice((1, 2, 4)))), *some)


def _fits(value: Any, kind: str) -> bool:
    if kind in ("int", "float"):
        return isinstance(value, (int, float)) and not (kind == "int" and isinstance(value, float))
    return isinstance(value, str) if kind == "str" else kind == "any"


def _literals(annotation: Any) -> list[Any]:
    annotation, _ = without_none(annotation)
    if typing.get_origin(annotation) is Literal:
        return list(typing.get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return [member.value for member in annotation]
    return []


def draw_fields(random: Random, world: World, collection: Collection) -> dict[str, Any]:
    """The fields of a document of a collection."""
    template = world.templates.get(collection)
    if template and random.random() < 0.5:
        return dict(random.choice(template))
    found = {n: draw_field(random, world, collection, spec) for n, spec in world.fields.collections[collection].items()}
    if random.random() < 0.2:
        found["unread"] = random.choice((0, 1))
    return {n: v for n, v in found.items() if v is not _MISSING}


def draw_field(random: Random, world: World, collection: Collection, spec: Field) -> Any:
    """A value for a field, or `_MISSING`."""
    chance = random.random()
    if world.dirt != "typed" and chance < 0.15:
        return None if chance < 0.08 else _MISSING
    if world.dirt == "anything" and chance < 0.4:
        return random.choice(OTHER_TYPES)
    if spec.name in world.fixed:
        return random.choice(world.choices[collection, spec.name])
    value = _typed(random, world, collection, spec)
    for steps in {**spec.relations, **spec.keys}:
        if steps:
            value = _placed(random, world, spec, value, steps)
    return value


def _typed(random: Random, world: World, collection: Collection, spec: Field) -> Any:
    if () in spec.relations:
        relation = spec.relations[()]
        if spec.kind == "relation":
            return _reference(random, world, relation)
        return [_reference(random, world, relation) for _ in range(random.choice((0, 1, 1, 2, 2, 3)))]
    if () in spec.keys and random.random() < 0.9:
        keys = world.key_sets[spec.keys[()]]
        if spec.kind in ("list", "any") and random.random() < 0.6:
            return [random.choice(keys) for _ in range(random.choice((0, 1, 2, 2)))]
        return random.choice(keys) if spec.kind != "list" else [random.choice(keys)]
    if spec.kind == "list":
        return _list(random, world, spec)
    if spec.kind in ("map", "any") and spec.annotation not in (None, Any, dict):
        return _of_type(random, world, spec.annotation)
    return random.choice(world.choices[collection, spec.name])


def _list(random: Random, world: World, spec: Field) -> list[Any]:
    element = element_of(spec.annotation)
    count = random.choice((0, 1, 1, 2, 2, 3))
    if element is not None:
        return [_of_type(random, world, element) for _ in range(count)]
    return [random.choice(("a", "b", 1, 2)) for _ in range(count)]


_KINDS_OF: Mapping[Any, str] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    bytes: "bytes",
    datetime: "timestamp",
    GeoPoint: "geopoint",
    Vector: "vector",
}


def _of_type(random: Random, world: World, annotation: Any, depth: int = 0) -> Any:
    """A value of an annotated type."""
    annotation, optional = without_none(annotation)
    if optional and random.random() < 0.2:
        return None
    if literals := _literals(annotation):
        return random.choice(literals)
    if annotation in _KINDS_OF:
        kind = _KINDS_OF[annotation]
        known = [c for c in world.fields.constants if _fits(c, kind)]
        return random.choice((*CANDIDATES[kind][:4], *known[:4]))
    if depth > 3:
        return None
    element = element_of(annotation)
    origin = typing.get_origin(annotation)
    if origin is dict:
        return {"k": _of_type(random, world, typing.get_args(annotation)[1], depth + 1)}
    if element is not None:
        return [_of_type(random, world, element, depth + 1) for _ in range(random.choice((0, 1, 2)))]
    if typing.is_typeddict(annotation):
        return {n: _of_type(random, world, t, depth + 1) for n, t in hints_of(annotation).items()}
    return random.choice(CANDIDATES["any"])


def _placed(random: Random, world: World, spec: Field, value: Any, steps: tuple[str, ...]) -> Any:
    """The value with references or keys at some steps below it; arrays and maps are made on the way."""
    if not steps:
        if steps in spec.relations:
            return _reference(random, world, spec.relations[steps])
        return value
    first, rest = steps[0], steps[1:]
    if first == "*":
        elements = value if isinstance(value, list) and value else [None] * random.choice((0, 1, 1, 2))
        return [_below(random, world, spec, e, steps, rest) for e in elements]
    return _below(random, world, spec, value, steps, steps)


def _below(random: Random, world: World, spec: Field, value: Any, steps: tuple[str, ...], rest: tuple[str, ...]) -> Any:
    if not rest:
        return _leaf(random, world, spec, steps)
    inner = dict(value) if isinstance(value, dict) else {"qty": random.choice((1, 2, 3)), "n": random.choice((0, 1))}
    if rest[0] == "*":
        return [_below(random, world, spec, None, steps, rest[1:]) for _ in range(random.choice((0, 1, 2)))]
    inner[rest[0]] = _below(random, world, spec, inner.get(rest[0]), steps, rest[1:])
    return inner


def _leaf(random: Random, world: World, spec: Field, steps: tuple[str, ...]) -> Any:
    if steps in spec.relations:
        return _reference(random, world, spec.relations[steps])
    return random.choice(world.key_sets[spec.keys[steps]])


def _reference(random: Random, world: World, relation: Relation) -> Any:
    """A reference that mostly hits, in one of the forms that are read as one."""
    chance = random.random()
    if world.dirt != "typed" and chance < 0.05:
        return None
    paths = [p for p in world.all_paths if relation.target.matches(p)]
    path = random.choice(paths) if paths and chance < 0.93 else _missing_path(random, relation.target, world.ids)
    if relation.parse is not None:
        return _raw(random, relation, path)
    chance = random.random()
    if chance < 0.85 or not relation.target.top_level:
        return Reference(path)
    return path if chance < 0.93 else path.rpartition("/")[2]


def _missing_path(random: Random, target: Collection, ids: Sequence[str]) -> str:
    return _path(random, random.choice(members_of(target)), ids, "none")


def _raw(random: Random, relation: Relation, path: str) -> Any:
    """A raw value of which the relation's `parse` makes the path, where one of the usual forms does."""
    name = path.rpartition("/")[2]
    number = [int(name)] if name.isdigit() else []
    web = f"https://example.com/{path}"
    forms = [Reference(path), path, f"/{path}", f"/{path}/", web, f"{web}/", name, *number]
    parse = relation.parse.resolve() if relation.parse else None
    fitting = [form for form in forms if reference_path(form, relation.target, parse) == path]
    return random.choice(fitting or forms)
