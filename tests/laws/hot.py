"""Histories of hot keys: many roots that meet at few documents, or few that meet many, which move, go, and come back."""

from __future__ import annotations

from random import Random

from onto_flow.core.values import Document, Reference
from onto_flow.testing.cases import Case
from onto_flow.testing.histories import history_of
from onto_flow.testing.shapes import OverShape, Shape, SlotShape

ROOTS = tuple(f"a/{n}" for n in range(7))
MET = ("b/1", "b/2")
BEHIND = ("c/1", "c/2")
KEYS = ("x", "y", "z")

_ROOT: SlotShape = ("root", "a", -1, ())
_SLOTS = (
    (_ROOT, ("via", "b", 0, ("r",)), ("via", "c", 1, ("s",))),
    (_ROOT, ("on", "b", 0, ("k", "k")), ("via", "c", 1, ("s",))),
    (_ROOT, ("on", "b", 0, ("k", "k"))),
    (_ROOT, ("via", "b", 0, ("r",)), ("on", "c", 1, ("k", "k"))),
    (_ROOT, ("on", "b", 0, ("k", "k")), ("via", "b", 0, ("r",)), ("via", "c", 1, ("s",)), ("via", "c", 2, ("s",))),
    (_ROOT, ("via", "b", 0, ("r",)), ("via", "b", 1, ("s",)), ("on", "c", 2, ("k", "k"))),
    (_ROOT, ("via", "b", 0, ("r",)), ("via", "c", 1, ("s",)), ("by", "b", 2, ("s",)), ("via", "c", 3, ("r",))),
    (_ROOT, ("by", "b", 0, ("r",)), ("via", "c", 1, ("s",)), ("by", "d", 2, ("r",))),
)


MANY = tuple(f"b/{n}" for n in range(1, 6))
_WIDE = (
    (_ROOT, ("on", "b", 0, ("k", "k"))),
    (_ROOT, ("on", "b", 0, ("k", "k")), ("via", "c", 1, ("s",))),
    (_ROOT, ("on", "b", 0, ("k", "k")), ("on", "c", 1, ("k", "k"))),
    (_ROOT, ("on", "b", 0, ("k", "k")), ("via", "b", 0, ("r",)), ("via", "c", 1, ("s",)), ("via", "c", 2, ("s",))),
    (_ROOT, ("via", "b", 0, ("r",)), ("on", "b", 1, ("k", "k")), ("via", "c", 2, ("s",))),
    (_ROOT, ("via", "b", 0, ("r",)), ("by", "b", 1, ("r",)), ("via", "c", 2, ("s",))),
    (_ROOT, ("on", "b", 0, ("k", "k")), ("on", "b", 0, ("n", "n")), ("via", "b", 1, ("s",)), ("via", "c", 2, ("s",))),
)


def hot_case(random: Random, most: int = 30) -> Case:
    """A view, and changes most of which meet at one of two documents."""
    slots = random.choice(_SLOTS)
    shape = Shape("V", "outV", slots, paths=random.choice(("root", "root", "field")))
    start = [(path, _fields(random, path)) for path in (*ROOTS, *MET, *BEHIND)]
    random.shuffle(start)
    there = {path for path, _ in start}
    changes = [_change(random, there) for _ in range(random.randint(1, most))]
    return Case((shape,), history_of(*start, *changes, exported=random.choice((0, len(start)))))


def wide_case(random: Random, most: int = 30) -> Case:
    """A view, and changes of a few roots that meet at keys with many documents: they come, go and move as a whole."""
    slots, roots = random.choice(_WIDE), ROOTS[: random.choice((2, 2, 4))]
    shape = Shape("V", "outV", slots, over=_over(random, slots) if random.random() < 0.5 else ())
    start = [(path, _wide_fields(random, path)) for path in (*roots, *MANY, *BEHIND)]
    random.shuffle(start)
    there = {path for path, _ in start}
    changes = [_wide_change(random, roots, there) for _ in range(random.randint(1, most))]
    return Case((shape,), history_of(*start, *changes, exported=random.choice((0, len(start)))))


def _over(random: Random, slots: tuple[SlotShape, ...]) -> tuple[OverShape, ...]:
    """Accumulators over the first slot, of which one reads what hangs on it, and maybe the root."""
    beside = 2 if len(slots) > 2 and slots[2][2] == 1 else -1
    kind = random.choice(("sum", "collect", "max"))
    return (("count", 1, False, -1, -1, -1), (kind, 1, False, -1, beside, random.choice((-1, -1, 0))))


def _wide_change(random: Random, roots: tuple[str, ...], there: set[str]) -> tuple[str, Document | None]:
    few = (random.choice(roots), random.choice(roots))
    path = random.choice((*few, *few, random.choice(MANY), random.choice((*BEHIND, "b/7"))))
    if path in there and random.random() < 0.2:
        there.discard(path)
        return path, None
    there.add(path)
    return path, _wide_fields(random, path)


def _wide_fields(random: Random, path: str) -> Document:
    keys = random.sample(KEYS[:2], random.choice((0, 1, 1, 1, 2)))
    back = (*ROOTS[:2], *MANY)
    return {
        "r": [Reference(p) for p in random.sample(back, random.randint(0, 2))],
        "s": Reference(random.choice((*BEHIND, MANY[0]))),
        "k": keys if random.random() < 0.4 else ["x"],
        "n": random.randint(0, 3),
    }


def _change(random: Random, there: set[str]) -> tuple[str, Document | None]:
    path = random.choice((*MET, *MET, *BEHIND, "b/1/d/1", random.choice(ROOTS)))
    if path in there and random.random() < 0.15:
        there.discard(path)
        return path, None
    there.add(path)
    return path, _fields(random, path)


def _fields(random: Random, path: str) -> Document:
    """References that mostly are to the first of what there is, so that keys are hot."""
    first = random.random() < 0.6
    back = ROOTS if path.startswith("b/") else (*BEHIND, *MET)
    to = (
        (MET[:1] if first else random.sample(MET, random.randint(0, 2)))
        if path.startswith("a/")
        else (random.sample(back, random.randint(0, min(3, len(back)))))
    )
    behind = random.choice((*BEHIND, *(MET if path.startswith("b/") else ())))
    keys = ["x"] if first else random.sample(KEYS, random.randint(0, 2))
    return {"r": [Reference(p) for p in to], "s": Reference(behind), "k": keys, "n": random.randint(0, 3)}
