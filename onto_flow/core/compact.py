"""What an operator holds at a key, in little memory: the cells of most keys hold one document and one subscriber.

In C (`core.native`) where that is there, a field for each cell and maps of one entry without a table; else dictionaries.
Both are written and read as dictionaries are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .native import compiled

Cells = dict[str, Any]
"""Cell -> its value, or the entries of a map cell."""


def cells_of(names: Iterable[str]) -> Callable[[], Cells]:
    """What makes the cells of one key, all empty.

    Example:
        >>> cells = cells_of(("docs", "subs"))()
        >>> cells["docs"] = 1
        >>> cells.get("docs"), cells.get("subs"), dict(cells)
        (1, None, {'docs': 1})
    """
    native, given = compiled(), tuple(names)
    if native is None:
        return dict
    make = native.Cells
    return lambda: make(given)


def new_map() -> dict[Any, Any]:
    """An empty map that will mostly hold one entry.

    Example:
        >>> entries = new_map()
        >>> entries["a"] = 1
        >>> entries["b"] = 2
        >>> entries.pop("a"), entries, len(entries)
        (1, {'b': 2}, 1)
    """
    return _map()


def compact(cells: Mapping[str, Any], empty: Cells, maps: Iterable[str]) -> Cells:
    """Cells in this form, from any other; a map with many entries is kept as it is.

    Args:
        cells: What they hold.
        empty: Takes them.
        maps: The names of those that are maps.
    """
    for name, held in cells.items():
        if name in maps and len(held) <= 1:
            entries = new_map()
            for key, value in held.items():
                entries[key] = value
            held = entries
        empty[name] = held
    return empty


_native = compiled()
_map: Callable[[], dict[Any, Any]] = dict if _native is None else _native.Pocket
