"""Sessions that follow rows are those that are made of all rows at once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from onto_flow.operators.cut import KEPT_FROM, Cut
from onto_flow.operators.fold import Accumulators
from onto_flow.plan.nodes import Accumulator

GAP = 3
ACCUMULATORS = Accumulators((Accumulator("count", "count"), Accumulator("most", "max"), Accumulator("all", "collect")))

rows = st.tuples(st.just(True), st.integers(0, 9), st.integers(0, 40)).map(
    lambda row: (row[0], row[1], (row[1], str(row[1])), row[2])
)
members = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.none() | st.lists(rows, max_size=5).map(tuple), st.booleans()),
    max_size=25,
)


def described(cut: Cut) -> list[Any]:
    return [(s.places, s.stale, cut.results(s)) for s in cut.sessions]


@given(members, st.booleans())
def test_what_follows_the_rows_is_what_is_made_of_them(changes, asked):
    held: dict[str, Any] = {}
    cut = Cut(GAP, ACCUMULATORS, held, keeps=True)
    for root, new, stale in changes:
        old = held.get(root, (0, None, 0, False))[1]
        held[root] = (1, new, 0, stale)
        cut.change(root, old or (), new or (), stale)
        if asked:
            described(cut)
    assert described(cut) == described(Cut(GAP, ACCUMULATORS, held))
    assert all(b.start - a.end > GAP for a, b in zip(cut.sessions, cut.sessions[1:]))
    assert all((s.fold is not None) == (len(s.places) >= KEPT_FROM) for s in cut.sessions)


def folded(cut: Cut) -> list[bool]:
    return [s.fold is not None for s in cut.sessions]


def test_a_large_session_keeps_its_accumulators_when_it_is_joined_and_parted():
    held: dict[str, Any] = {f"r{m}": (1, ((True, m, (m, m), m),), 0, False) for m in [*range(20), 25, 40]}
    cut = Cut(GAP, ACCUMULATORS, held, keeps=True)
    assert [len(s.places) for s in cut.sessions] == [20, 1, 1]
    described(cut)
    kept = cut.sessions[0].fold
    held["new"] = (1, ((True, 22, (22, 22), 22),), 0, False)
    cut.change("new", (), held["new"][1], False)
    assert [len(s.places) for s in cut.sessions] == [22, 1] and cut.sessions[0].fold is kept
    del held["new"]
    cut.change("new", ((True, 22, (22, 22), 22),), (), False)
    assert [len(s.places) for s in cut.sessions] == [20, 1, 1] and cut.sessions[0].fold is kept
    assert len(cut.touched) == 2 and cut.sessions[-1] not in cut.touched


def test_a_document_is_near_one_session_at_most():
    held: dict[str, Any] = {str(m): (1, ((True, m, (m, m), m),), 0, False) for m in (10, 12, 20)}
    cut = Cut(GAP, ACCUMULATORS, held)
    found = [cut.near(moment) for moment in (6, 7, 10, 12, 13, 16, 17, 20, 21)]
    first, second = cut.sessions
    assert found == [None, first, first, first, None, None, second, second, None]
    cut.attach([(9, "v/9"), (1, "v/1")], [11, 12, 30])
    assert (first.shown, cut.loose, first.failing, cut.cleared) == ([(9, "v/9")], [(1, "v/1")], 11, [12, 30])
