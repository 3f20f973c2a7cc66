"""Pockets and cells against dictionaries."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.compact import cells_of, compact, new_map, pattern, unseen

pytestmark = pytest.mark.usefixtures("compiled")

KEYS = st.sampled_from(["a", "b", "c", b"a", 1])
MANY_KEYS = KEYS | st.integers(0, 40) | st.integers(0, 40).map(str)
WHAT = st.sampled_from(["set", "set", "set", "del", "pop", "pop or", "get", "in", "list", "setdefault"])
STEPS = st.lists(st.tuples(WHAT, KEYS, st.integers(0, 3)), max_size=30)
"""What is done with one of few keys, and a value."""


def did(what, entries, key, value):
    try:
        if what == "set":
            entries[key] = value
        elif what == "del":
            del entries[key]
        elif what == "list":
            views = [list(entries), list(entries.items()), list(entries.keys()), list(entries.values())]
            return [*views, list(reversed(entries)), dict(entries)]
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


@given(
    st.dictionaries(MANY_KEYS, st.integers(0, 3), max_size=60),
    st.lists(st.tuples(WHAT, MANY_KEYS, st.integers(0, 3)), max_size=80),
    st.booleans(),
)
def test_a_pocket_is_a_dictionary(first, steps, copied):
    pocket, entries = new_map(new_map(first) if copied else first), {**first}
    assert type(pocket) is not dict
    for what, key, value in steps:
        assert did(what, pocket, key, value) == did(what, entries, key, value)
        assert (pocket, repr(pocket), len(pocket), bool(pocket)) == (
            entries,
            repr(entries),
            len(entries),
            bool(entries),
        )
    pocket.update({"z": 1, **first})
    entries.update({"z": 1, **first})
    assert list(pocket.items()) == list(entries.items())


@given(st.integers(0, 70), st.integers(0, 70))
def test_a_pocket_grows_and_shrinks_through_all_its_forms(most, left):
    pocket, entries = new_map(), {}
    for n in range(most):
        pocket[str(n)] = entries[str(n)] = [n]
    for n in range(0, most, 2) if left % 2 else range(most - 1, left, -1):
        assert pocket.pop(str(n)) is entries.pop(str(n))
    assert (list(pocket.items()), len(pocket)) == (list(entries.items()), len(entries))
    for n in range(most):
        assert (str(n) in pocket, pocket.get(str(n))) == (str(n) in entries, entries.get(str(n)))
    assert sys.getsizeof(pocket) <= sys.getsizeof(dict.fromkeys(map(str, range(max(most, 1)))))


def test_keys_with_one_mark_are_told_apart():
    keys = [n << 16 for n in range(1, 30)]
    pocket = new_map(dict.fromkeys(keys[:20], 0))
    for n, key in enumerate(keys):
        pocket[key] = n
    assert dict(pocket) == {key: n for n, key in enumerate(keys)} and 0 not in pocket


TRIPLES = st.tuples(st.integers(), st.text(max_size=1), st.none())
VALUES = st.integers(0, 3) | TRIPLES | st.tuples(st.integers()) | st.none()


@given(st.sampled_from(["a", "ab", "abc", "abcd", "abcdef"]), st.lists(st.tuples(WHAT, KEYS, VALUES), max_size=30))
def test_cells_are_a_dictionary_in_the_order_of_their_names(names, steps):
    cells, entries = cells_of(names)(), {}
    for what, key, value in steps:
        if not what.startswith("pop") and what != "list" and isinstance(key, str) and key in names:
            assert did(what, cells, key, value) == did(what, entries, key, value)
            assert (cells, len(cells), bool(cells)) == (entries, len(entries), bool(entries))
    assert list(cells.items()) == sorted(entries.items())
    assert list(cells.values()) == [entries[n] for n in sorted(entries)]
    assert repr(cells) == repr(dict(sorted(entries.items())))


def test_seldom_cells_are_the_last():
    cells = cells_of(("docs", "left", "subs", "round"))()
    small = sys.getsizeof(cells)
    cells["subs"], cells["left"] = 1, 2
    cells["docs"] = 3
    assert list(cells.items()) == [("docs", 3), ("subs", 1), ("left", 2)]
    del cells["left"]
    assert list(cells) == ["docs", "subs"] and small == sys.getsizeof(cells_of(("a",))())


def test_copies_of_a_pattern_share_its_keys():
    shape = pattern(("a", "b", "c"))
    made, other = shape.copy(), shape.copy()
    made["b"] = 1
    made["d"] = 2
    other.update(c=3, a=4)
    assert made == {"a": None, "b": 1, "c": None, "d": 2} and list(other.items()) == [("a", 4), ("b", None), ("c", 3)]
    assert shape == {"a": None, "b": None, "c": None}
    assert sys.getsizeof(shape.copy()) < sys.getsizeof({"a": None, "b": None, "c": None}) * 0.7


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
    made, triple = cells_of(("a", "b")), cells_of(("a",))
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
        pocket.update(dict.fromkeys(range(_ % 40), value))
        pocket[key] = value
        cells = triple()
        cells["a"] = (key, value, key)
        cells["a"], cells.get("a")
    del cells, pocket
    gc.collect()
    assert counts == (sys.getrefcount(key), sys.getrefcount(value), sys.getrefcount(made()))


class Node:
    def __init__(self) -> None:
        self.me = self


LEAVES = {
    "another takes its place": lambda entries: entries.__setitem__(0, None),
    "it is taken out": lambda entries: entries.pop(0),
    "it is deleted": lambda entries: entries.__delitem__(0),
    "the map goes": lambda entries: None,
}


@pytest.mark.parametrize("others", [0, 5, 40])
@pytest.mark.parametrize("how", LEAVES)
def test_the_collector_looks_again_at_what_leaves_a_map(how, others):
    entries = new_map()
    entries[0] = node = unseen(Node())
    for n in range(others):
        entries[n + 1] = n
    unseen(node)  # a map that grew into a dict let it go, too
    gone = weakref.ref(node)
    del node
    LEAVES[how](entries)
    if how == "the map goes":
        del entries
    gc.collect()
    assert gone() is None
