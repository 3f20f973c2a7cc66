"""Which dead letters are open when all is at rest: one per document on which a `where` raises, as with a strict model.

Example:
    >>> from onto_flow.testing.shapes import Shape, plan_of
    >>> shape = Shape("V", "outV", (("root", "a", -1, ()),), selections=((0, "strict", "", False, -1),))
    >>> sorted(open_letters(plan_of(shape), {"a/1": {"n": "text"}, "a/2": {"n": 1}}))
    ['document:a/1']
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..core.change import DeadLetter
from ..core.values import Document
from ..plan.nodes import Plan, Slot
from .oracle import all_at_moment


def open_letters(plan: Plan, documents: Mapping[str, Document], moment: int = 0) -> set[str]:
    """The keys of the letters that are open over some documents."""
    slots = [s for v in plan.views for s in v.slots if s.where is not None]
    known = all_at_moment(plan, documents, moment)
    return {f"document:{p}" for p, f in known.items() if any(_raises(s, p, f) for s in slots)}


def judge_letters(expected: set[str], letters: Iterable[DeadLetter], *, restored: bool = False) -> Iterator[str]:
    """Letters that are open and should not be, or the other way round; claims of paths are left aside.

    Args:
        expected: The keys of those that should be open.
        letters: All that came, in their order.
        restored: Whether state went back and letters did not: then one may stay open whose end was skipped in the replay.
    """
    found: dict[str, DeadLetter] = {}
    for letter in letters:
        if letter.cleared:
            found.pop(letter.key, None)
        elif not letter.reason.startswith("path-claimed"):
            found[letter.key] = letter
    if not restored:
        yield from (f"a dead letter: {letter}" for key, letter in found.items() if key not in expected)
    yield from (f"{key} has no dead letter" for key in sorted(expected - found.keys()))


def _raises(slot: Slot, path: str, fields: Document) -> bool:
    if slot.where is None or not slot.collection.matches(path):
        return False
    try:
        slot.where.resolve()(path, fields)
    except Exception:
        return True
    return False
