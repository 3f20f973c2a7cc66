"""Values for the fields of documents: of the declared type, null, missing, and of another type."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from random import Random
from typing import Any

from ...core.collection import Collection, members_of
from ...core.references import reference_path
from ...core.values import Reference
from ...model.annotations import element_of, hints_of, without_none
from ...plan.nodes import Relation
from .candidates import CANDIDATES, KINDS_OF, OTHER_TYPES, fits, literals
from .fields import Field
from .worlds import World, draw_path

_MISSING: Any = object()


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


def _of_type(random: Random, world: World, annotation: Any, depth: int = 0) -> Any:
    """A value of an annotated type."""
    annotation, optional = without_none(annotation)
    if optional and random.random() < 0.2:
        return None
    if named := literals(annotation):
        return random.choice(named)
    if annotation in KINDS_OF:
        kind = KINDS_OF[annotation]
        known = [c for c in world.fields.constants if fits(c, kind)]
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
    return draw_path(random, random.choice(members_of(target)), ids, "none")


def _raw(random: Random, relation: Relation, path: str) -> Any:
    """A raw value of which the relation's `parse` makes the path, where one of the usual forms does."""
    name = path.rpartition("/")[2]
    number = [int(name)] if name.isdigit() else []
    web = f"https://example.com/{path}"
    forms = [Reference(path), path, f"/{path}", f"/{path}/", web, f"{web}/", name, *number]
    parse = relation.parse.resolve() if relation.parse else None
    fitting = [form for form in forms if reference_path(form, relation.target, parse) == path]
    return random.choice(fitting or forms)
