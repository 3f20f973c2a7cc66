"""A large map of which a part was not read: it holds what a dictionary would, and reads no more than it must."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.unread import is_unread
from onto_flow.engines.local.entries import Entries, Partly

KEYS = st.sampled_from("abcdefgh")


class Given:
    """A rest that counts what it gives."""

    def __init__(self, entries):
        self.entries, self.at, self.given = list(entries.items()), 0, 0

    def find(self, key):
        found = [(value,) for other, value in self.entries[self.at :] if other == key]
        self.given += len(found)
        return found[0] if found else ()

    def next(self, most):
        some = self.entries[self.at : self.at + most]
        self.at += len(some)
        self.given += len(some)
        return some, len(some) == most


def partly(rest, later):
    """Entries of a table, and what a log says after it: a key without a value went."""
    known = Entries({k: v for k, v in later.items() if v is not None})
    known.behind, known.changed = set(later), set()
    return Partly(known, Given(rest))


def plain(rest, later):
    return {k: v for k, v in {**rest, **later}.items() if v is not None}


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("get"), KEYS),
        st.tuples(st.just("set"), KEYS, st.integers()),
        st.tuples(st.just("pop"), KEYS),
        st.tuples(st.just("read"), st.integers(1, 3)),
        st.tuples(st.just("bool")),
        st.tuples(st.just("len")),
    )
)


@given(st.dictionaries(KEYS, st.integers()), st.dictionaries(KEYS, st.integers() | st.none()), OPERATIONS)
def test_it_holds_what_a_dictionary_would(rest, later, operations):
    held, expected, there = partly(rest, later), plain(rest, later), set()
    for name, *arguments in operations:
        if name == "set":
            held[arguments[0]] = expected[arguments[0]] = arguments[1]
        elif name == "read":
            there.update(held.read_on(*arguments))
        else:
            call = {"get": lambda m, k: m.get(k), "pop": lambda m, k: m.pop(k, None), "bool": bool, "len": len}[name]
            assert call(held, *arguments) == call(expected, *arguments)
    changed = {a[0] for name, *a in operations if name == "set"}
    assert changed <= held.changed <= changed | {a[0] for name, *a in operations if name == "pop"}
    assert dict(held.items()) == dict(held) == expected
    while is_unread(held):
        there.update(held.read_on(2))
    of_rest = plain(rest, {k: v for k, v in later.items() if k in rest})
    assert of_rest.keys() & expected.keys() <= there, "whoever goes through it page by page is not told of some"


@given(st.dictionaries(KEYS, st.integers()), st.dictionaries(KEYS, st.integers() | st.none()))
def test_what_was_there_is_read_page_by_page_and_once(rest, later):
    held, read = partly(rest, later), []
    while is_unread(held):
        read += held.read_on(2)
    assert sorted(read) == sorted(plain(rest, {k: v for k, v in later.items() if k in rest}))
    assert dict(held.known) == plain(rest, later)


def test_one_entry_is_read_alone():
    held = partly(dict.fromkeys("abcdefgh", 1), {"b": None})
    held["c"], held["x"] = 2, 3
    assert (held["a"], held.get("b"), held["c"], held.pop("d"), "y" in held) == (1, None, 2, 1, False)
    assert held._rest.given == 2 and is_unread(held) and bool(held) and held._rest.given == 2
