"""Pockets and cells against dictionaries."""

from __future__ import annotations

import gc
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.compact import cells_of, compact, new_map

pytestmark = pytest.mark.usefixtures("compiled")

KEYS = st.sampled_from(["a", "b", "c", b"a", 1])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["set", "del", "pop", "pop or", "get", "in", "list", "setdefault"]), KEYS, st.integers(0, 3)
    ),
    max_size=30,
)


def did(what, entries, key, value):
    try:
        if what == "set":
            entries[key] = value
        elif what == "del":
            del entries[key]
        elif what == "list":
            return [list(entries), list(entries.items()), list(entries.keys()), list(entries.values()), dict(entries)]
        else:
            return {
                "pop": lambda: entries.pop(key),
                "pop or": lambda: entries.pop(key, value),
                "get": lambda: (entries.get(key), entries.get(key, value), entries[key]),
                "in": lambda: key in entries,
                "setdefault": lambda: entries.setdefault(key, value),
            }[what]()
    except KeyError as error:
        return repr(error)
    return None


@given(STEPS)
def test_a_pocket_is_a_dictionary(steps):
    pocket, entries = new_map(), {}
    assert type(pocket) is not dict
    for what, key, value in steps:
        if what != "setdefault":
            assert did(what, pocket, key, value) == did(what, entries, key, value)
            assert (pocket, repr(pocket), len(pocket), bool(pocket)) == (
                entries,
                repr(entries),
                len(entries),
                bool(entries),
            )


@given(STEPS)
def test_cells_are_a_dictionary_in_the_order_of_their_names(steps):
    cells, entries = cells_of(("a", "b", "c"))(), {}
    for what, key, value in steps:
        if not what.startswith("pop") and what != "list" and isinstance(key, str):
            assert did(what, cells, key, value) == did(what, entries, key, value)
            assert (cells, len(cells), bool(cells)) == (entries, len(entries), bool(entries))
    assert list(cells.items()) == sorted(entries.items())
    assert list(cells.values()) == [entries[n] for n in sorted(entries)]
    assert repr(cells) == repr(dict(sorted(entries.items())))


def test_other_names_are_refused():
    cells = cells_of(("a",))()
    with pytest.raises(KeyError):
        cells["x"] = 1
    with pytest.raises(KeyError):
        cells["x"]
    assert cells.get("x") is None and "x" not in cells
    for wrong in ((), ("a",), (1,), ((1,),), (("a",), 2)):
        with pytest.raises(TypeError):
            type(cells)(*wrong)
    for wrong in ((1,), ({},), ("a", "b")):
        with pytest.raises(TypeError):
            type(new_map())(*wrong)
    for odd in ([], {}):
        for what in ("set", "del", "get", "in", "pop"):
            with pytest.raises(TypeError):
                did(what, new_map(), odd, 1)


def test_other_forms_become_compact():
    cells = compact({"a": {1: 2}, "b": {1: 2, 3: 4}, "c": 5}, cells_of(("a", "b", "c"))(), ("a", "b"))
    assert cells == {"a": {1: 2}, "b": {1: 2, 3: 4}, "c": 5}
    assert type(cells["a"]) is type(new_map())


def test_nothing_is_left_behind():
    made = cells_of(("a", "b"))
    key, value = object(), object()
    counts = sys.getrefcount(key), sys.getrefcount(value), sys.getrefcount(made())
    for _ in range(1000):
        cells, pocket = made(), new_map()
        cells["a"] = pocket
        cells["b"] = value
        pocket[key] = value
        pocket[value] = key
        pocket.pop(key)
        list(pocket.items()), list(cells.items()), pocket.get(value), cells.get("b"), pocket == {}, repr(cells)
        pocket[key] = value
        del pocket[value], pocket[key], cells["b"]
    del cells, pocket
    gc.collect()
    assert counts == (sys.getrefcount(key), sys.getrefcount(value), sys.getrefcount(made()))
