"""Random views and random histories, from anything that draws like `random.Random`.

One generator serves both ways of testing: a seeded `Random` for very many fast histories, and Hypothesis, which gives a
`Random` whose draws it can shrink (`testing.strategies`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, NamedTuple

from ..core.values import Document, Reference
from ..plan.nodes import Plan
from .histories import START, TICK, Commit, History
from .shapes import FAMILIES, KINDS, READ, SelectionShape, Shape, SlotShape, plan_of

VALUES: tuple[Any, ...] = (
    0,
    1,
    1.0,
    True,
    False,
    "1",
    "a",
    None,
    math.nan,
    -0.0,
    0.0,
    2,
    2.5,
    "hide",
    "hide",
    10**16,
    0.1,
)
"""What `n` may be: numbers that are equal and are not the same, and the one that a filter hides."""

KEYS: tuple[Any, ...] = (1, 1.0, True, None, "a", "1", "2", math.nan)
"""What `k` and `k2` may be: values that are equal and are not the same, and ids of documents."""

TEXTS = ("u", "v", "w")


@dataclass(frozen=True)
class Case:
    """Views and a history.

    Attributes:
        shapes: The views.
        history: What happens.
        read: The fields that the plan reads; `None`: all.
    """

    shapes: tuple[Shape, ...]
    history: History
    read: tuple[str, ...] | None = READ

    @property
    def plan(self) -> Plan:
        """The plan of the views."""
        return plan_of(*self.shapes, read=self.read)

    def describe(self) -> str:
        """The case as text."""
        return "\n".join([*(f"  {shape}" for shape in self.shapes), f"  reads {self.read}", self.history.describe()])


def random_case(random: Random, *, most: int = 45) -> Case:
    """Any case: 1 to 3 slots, 3 to 9 documents, 5 to `most` changes."""
    shapes = [random_shape(random, "V")]
    if random.random() < 0.1:
        shapes.append(random_shape(random, "W"))
    if random.random() < 0.06:
        shapes = _over_views(random)
    world = random_world(random, letters_of(shapes))
    return Case(tuple(shapes), random_history(random, world, most=most), None if random.random() < 0.1 else READ)


def letters_of(shapes: Sequence[Shape]) -> str:
    """The letters of all collections that some views read."""
    letters = "".join(sorted({slot[1] for shape in shapes for slot in shape.slots}))
    return letters + "".join(members for family, members in FAMILIES.items() if family in letters)


def _over_views(random: Random) -> list[Shape]:
    """A view that reads the documents of another one: as its root, by equality, or by a reference from its root."""
    first = replace(random_shape(random, "V"), show="root", over=(), having=False)
    if first.grouped:
        first = replace(first, accumulators=(), key=-1, paths="root")
    ways: tuple[tuple[SlotShape, ...], ...] = (
        (("root", "o", -1, ()), ("on", "b", 0, ("n", "k"))),
        (("root", "a", -1, ()), ("on", "o", 0, ("k", "n")), ("on", "b", 1, ("n", "k2"))),
        (("root", "a", -1, ()), ("via", "o", 0, ("r",))),
    )
    return [Shape("W", "outW", random.choice(ways), show=random.choice(("all", "few"))), first]


def random_shape(random: Random, name: str) -> Shape:
    """Any view: chains, diamonds, the same collection twice, self references, groups, rows, several paths."""
    slots: list[SlotShape] = [("root", "a", -1, ())]
    letters = random.choice(("abc", "ab", "ab", "a", "b", "abd", "abd", "abcu", "abdw"))
    if letters[-1] in FAMILIES and random.random() < 0.3:
        slots = [("root", letters[-1], -1, ())]
    if letters == "abd" and random.random() < 0.5:
        slots = [("root", "b", -1, random.choice(((), ("phantom",)))), ("by", "d", 0, ("up",))]
    for _ in range(random.choice((0, 1, 1, 1, 2, 2, 2, 3, 3))):
        slots.append(_random_slot(random, slots, letters))
    shape = Shape(
        name,
        f"out{name}",
        tuple(slots),
        show=random.choice(("all", "all", "all", "few", "root")),
        paths=random.choice(("root", "root", "root", "field", "both", "rows")),
        filtered=random.random() < 0.2,
        required=random.randrange(len(slots)) if random.random() < 0.15 else 0,
    )
    chance = random.random()
    if chance < 0.3:
        shape = _grouped(random, shape)
    elif chance < 0.5 and len(slots) > 1:
        shape = _over(random, shape)
    return _selecting(random, shape) if len(slots) > 1 and random.random() < 0.3 else shape


def _random_slot(random: Random, slots: Sequence[SlotShape], letters: str) -> SlotShape:
    parent = random.choice((0, 0, random.randrange(len(slots)), len(slots) - 1))
    kind, letter = random.choice(("via", "by", "on")), random.choice(letters)
    if kind == "on":
        return (kind, letter, parent, _random_pairs(random, slots[parent][1], letter))
    if kind != "on" and (wider := _wider(slots[parent][1] if kind == "by" else letter)) and random.random() < 0.5:
        return (kind, letter, parent, (random.choice(("r", "s")), random.choice(wider)))
    if "d" in (slots[parent][1], letter) and random.random() < 0.6:
        if slots[parent][1] == "d":
            return ("via", "b", parent, ("up",))
        if slots[parent][1] == "b":
            return ("by", "d", parent, ("up",))
    return (kind, letter, parent, (random.choice(("r", "r", "s", "lines", "m")),))


def _wider(letter: str) -> list[str]:
    """The families that a collection belongs to."""
    return [family for family, members in FAMILIES.items() if letter in members]


def _random_pairs(random: Random, theirs: str, own: str) -> tuple[str, ...]:
    """Any pairs of fields, of ids, and of one with the other."""
    chance = random.random()
    if chance < 0.5:
        return ("k", "k") if chance < 0.3 else ("k", "k2", "k2", "k")
    ids = {letter: ("id", "part") if letter in "dw" else ("id",) for letter in (theirs, own)}
    mixed = ((random.choice(ids[theirs]), "k"), ("k", random.choice(ids[own])), (ids[theirs][-1], ids[own][-1]))
    pair = random.choice(mixed)
    return pair if chance < 0.8 else (*pair, "k2", "k2")


def _grouped(random: Random, shape: Shape) -> Shape:
    last = len(shape.slots) - 1
    kinds = [random.choice(KINDS) for _ in range(random.randint(1, 3))]
    several = [(k, random.randint(0, last), random.random() < 0.5, random.choice((-1, -1, 2))) for k in kinds]
    paths = "rows" if random.random() < 0.3 else "root"
    having = random.random() < 0.2
    return replace(shape, paths=paths, key=random.choice((0, 0, last)), accumulators=tuple(several), having=having)


def _over(random: Random, shape: Shape) -> Shape:
    """Accumulators over the many slots of a view."""
    several = []
    for _ in range(random.randint(1, 3)):
        slot = random.randrange(1, len(shape.slots))
        below = [at for at in range(slot + 1, len(shape.slots)) if _hangs_on(shape, at, slot)]
        beside = random.choice(below) if below and random.random() < 0.7 else -1
        others = [at for at in range(len(shape.slots)) if at != slot and at not in below]
        whole = random.choice(others) if random.random() < 0.2 else -1
        limit = random.choice((-1, -1, 2))
        several.append((random.choice(KINDS), slot, random.random() < 0.5, limit, beside, whole))
    return replace(shape, over=tuple(several), having=random.random() < 0.2, show=random.choice(("root", shape.show)))


def _hangs_on(shape: Shape, at: int, slot: int) -> bool:
    while at > slot:
        at = shape.slots[at][2]
    return at == slot


def _selecting(random: Random, shape: Shape) -> Shape:
    """Any conditions, orders and limits of one or two slots."""
    several = random.sample(range(1, len(shape.slots)), random.randint(1, min(2, len(shape.slots) - 1)))
    selections = [_random_selection(random, slot) for slot in several]
    if random.random() < 0.3:
        selections.append((0, random.choice(("shown", "shown", "strict")), "", False, -1))
    return replace(shape, selections=tuple(selections))


def _random_selection(random: Random, slot: int) -> SelectionShape:
    where, order = random.choice(("", "shown", "alike", "strict")), random.choice(("", "n"))
    return (slot, where, order, bool(order) and random.random() < 0.5, random.choice((-1, 1, 1, 2)))


class World(NamedTuple):
    """What a history plays with: few documents and few values, so that they meet."""

    paths: tuple[str, ...]
    values: tuple[Any, ...]
    keys: tuple[Any, ...]
    moving: float


def random_world(random: Random, letters: str) -> World:
    """Any world around a root collection `a` and some others, by letter."""
    places = [p for p in PLACES if COLLECTIONS_OF[p] in letters or random.random() < 0.05]
    count = random.choice((3, 3, 4, 4, 5, 6, 7, 9))
    paths = dict.fromkeys(["a/1", *random.sample(places, min(count, len(places)))])
    values = random.sample(VALUES, random.choice((2, 4, len(VALUES))))
    keys = random.sample(KEYS, random.choice((1, 2, 2, 3, len(KEYS))))
    return World(tuple(paths), tuple(values), tuple(keys), random.choice((0.3, 0.6, 0.9)))


PLACES = (*(f"{letter}/{number}" for number in (1, 2, 3) for letter in "abc"), "b/1/d/1", "b/2/d/1", "b/1/d/2")
COLLECTIONS_OF = {place: place.split("/")[-2] for place in PLACES}


def random_history(random: Random, world: World, *, most: int = 45) -> History:
    """Any history: deletions, re-creations, changes in fields that no view reads."""
    commits: list[Commit] = []
    now: dict[str, Document] = {}
    last: dict[str, Document] = {}
    time = START
    for _ in range(random.randint(5, most)):
        path = random.choice(world.paths)
        fields = _next(random, path, now, last, world)
        time += random.choice((1, TICK, 3 * TICK))
        commits.append(Commit(path, fields, time))
        if fields is None:
            del now[path]
        else:
            now[path] = last[path] = fields
    exported = random.choice((0, random.randrange(len(commits) + 1), random.randrange(len(commits) + 1)))
    snapshot = commits[exported - 1].time if exported and random.random() < 0.8 else None
    return History(tuple(commits), exported, snapshot, random.random() < 0.2)


def _next(
    random: Random, path: str, now: dict[str, Document], last: dict[str, Document], world: World
) -> Document | None:
    """The next content of a document."""
    if path not in now:
        return last[path] if path in last and random.random() < 0.4 else random_fields(random, world)
    chance = random.random()
    if chance < 0.15:
        return None
    if chance < 0.2:
        return {**now[path], "x": random.randrange(1000)}
    fields = random_fields(random, world)
    if chance < 0.3:
        return fields
    names = (
        random.sample(("r", "s", "lines", "m", "k", "k2"), random.randint(1, 3))
        if random.random() < world.moving
        else ("n", "t")
    )
    return {**now[path], **{name: fields[name] for name in names if name in fields}}


def random_fields(random: Random, world: World) -> dict[str, Any]:
    """Any document of a world."""
    keys = world.keys
    fields: dict[str, Any] = {
        "n": random.choice(world.values),
        "r": [_reference(random, world.paths) for _ in range(random.choice((0, 1, 1, 2, 2, 3)))],
        "s": _reference(random, world.paths),
        "lines": [{"p": _reference(random, world.paths)} for _ in range(random.choice((0, 1, 1, 2)))],
        "m": {"p": _reference(random, world.paths)},
        "k": random.choice(keys)
        if random.random() < 0.5
        else [random.choice(keys) for _ in range(random.randrange(4))],
        "k2": random.choice(keys),
        "t": [random.choice(TEXTS) for _ in range(random.choice((0, 1, 2, 3)))],
        "x": random.randrange(1000),
    }
    if random.random() < 0.1:
        del fields[random.choice(("n", "r", "s", "k"))]
    return fields


def _reference(random: Random, paths: Sequence[str]) -> Any:
    chance = random.random()
    if chance < 0.06:
        return None
    if chance < 0.1:
        return random.choice((7, "", "none/1/x", Reference("a/1", "projects/p/databases/other")))
    if chance < 0.15:
        return Reference(random.choice(("outV/a~1", "outV/a~2", "outV/b~1")))
    path = random.choice(paths) if random.random() < 0.95 else random.choice(("a/9", "b/9", "c/9"))
    form = random.random()
    if form < 0.8:
        return Reference(path)
    return path if form < 0.9 else path.rpartition("/")[2]
