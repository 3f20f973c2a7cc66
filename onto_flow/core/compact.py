"""What an operator holds at a key, in little memory: the cells of most keys hold one document and one subscriber.

In C (`core.native`) where that is there, a field for each cell and maps of few entries without a table; else dictionaries.
Both are written and read as dictionaries are.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from .native import compiled

V = TypeVar("V")

Cells = dict[str, Any]
"""Cell -> its value, or the entries of a map cell."""

SELDOM = frozenset({"left", "round"})
"""Cells that hardly any key has: of match, while something waits for a page."""


def cells_of(names: Iterable[str]) -> Callable[[], Cells]:
    """What makes the cells of one key, all empty.

    Where there are more than three, the first two take no memory of their own; those that are `SELDOM` set are the last.

    Example:
        >>> cells = cells_of(("docs", "subs"))()
        >>> cells["docs"] = 1
        >>> cells.get("docs"), cells.get("subs"), dict(cells)
        (1, None, {'docs': 1})
    """
    native, given = compiled(), tuple(sorted(names, key=SELDOM.__contains__))
    if native is None:
        return dict
    make = native.Cells
    return lambda: make(given)


def new_map(entries: Mapping[Any, Any] | None = None) -> dict[Any, Any]:
    """A map that will mostly hold few entries, and is asked for them one by one.

    Args:
        entries: What it holds at first: a dictionary, or a map made here.

    Example:
        >>> found = new_map({"a": 1})
        >>> found["b"] = 2
        >>> found.pop("a"), found, len(found)
        (1, {'b': 2}, 1)
    """
    made = _map()
    if entries:
        made.update(entries)
    return made


def compact(cells: Mapping[str, Any], empty: Cells, maps: Iterable[str]) -> Cells:
    """Cells in this form, from any other; a map with many entries, or of another kind, is kept as it is.

    Args:
        cells: What they hold.
        empty: Takes them.
        maps: The names of those that are maps.
    """
    for name, held in cells.items():
        if name in maps and held.__class__ is dict and len(held) <= 1:
            held = new_map(held)
        empty[name] = held
    return empty


def unseen(value: V) -> V:
    """The value, which the collector does not look at from now on: whoever gives it says that it never gets into a cycle.

    When it is freed, its neighbours in the collector's list are not met: of a large state, these are two more places.
    """
    return value


def pattern(names: Iterable[str]) -> dict[str, Any]:
    """A dictionary with these keys, all `None`, whose copies share them: each takes half the memory of one of its own.

    They are ordinary dictionaries, which take keys of their own when others are put in. Python shares the keys of the
    attributes of a class's objects; of the last of some objects it has learned how many those are.

    Example:
        >>> shape = pattern(("a", "b"))
        >>> made = shape.copy()
        >>> made["a"] = 1
        >>> made, shape
        ({'a': 1, 'b': None}, {'a': None, 'b': None})
    """
    shaped = type("Shaped", (), {})
    given = tuple(names)
    made = shaped()
    for _ in range(_LEARNED):
        made = shaped()
        for name in given:
            setattr(made, name, None)
    shared: dict[str, Any] = vars(made)
    return shared


def _parts(held: Mapping[Any, Any]) -> tuple[Callable[..., Any], tuple[dict[Any, Any]]]:
    """What a compiled map is made of again, where it is copied or sent."""
    return new_map, (dict(held.items()),)


_LEARNED = 40
_native = compiled()
if _native is not None:
    unseen = _native.unseen
_map: Callable[[], dict[Any, Any]] = dict if _native is None else _native.Pocket
if _native is not None:
    copyreg.pickle(_native.Pocket, _parts)
