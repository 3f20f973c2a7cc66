"""Histories of hot keys: many roots that meet at few documents, which move, go, and come back."""

from __future__ import annotations

from random import Random

from onto_flow.core.values import Document, Reference
from onto_flow.testing.cases import Case
from onto_flow.testing.histories import history_of
from onto_flow.testing.shapes import Shape

ROOTS = tuple(f"a/{n}" for n in range(7))
MET = ("b/1", "b/2")
BEHIND = ("c/1", "c/2")
KEYS = ("x", "y", "z")

_ROOT = ("root", "a", -1, ())
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


def hot_case(random: Random, most: int = 30) -> Case:
    """A view, and changes most of which meet at one of two documents."""
    slots = random.choice(_SLOTS)
    shape = Shape("V", "outV", slots, paths=random.choice(("root", "root", "field")))
    start = [(path, _fields(random, path)) for path in (*ROOTS, *MET, *BEHIND)]
    random.shuffle(start)
    there = {path for path, _ in start}
    changes = [_change(random, there) for _ in range(random.randint(1, most))]
    return Case((shape,), history_of(*start, *changes, exported=random.choice((0, len(start)))))


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
