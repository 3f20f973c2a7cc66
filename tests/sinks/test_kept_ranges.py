"""Where the versions of a table lie in its file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.sinks.kept_ranges import FIRST, Range, decode_ranges, encode_ranges, keep, places

RANGES = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100), st.integers(0, 50)), max_size=8).map(
    lambda rows: _apart(rows)
)


def _apart(rows):
    """Ranges that do not overlap, in a random order of places, the newest first."""
    at, out = FIRST, []
    for gap, size, replaced in rows:
        out.append(Range(at + gap, at + gap + size, float(replaced)))
        at += gap + size
    return sorted(out, key=lambda r: -r.replaced)


@given(RANGES, st.integers(0, 60), st.integers(0, 60), st.integers(0, 300))
def test_the_newest_and_what_is_within_grace_and_budget_stay(ranges, now, grace, budget):
    kept = keep(ranges, now=now, grace=grace, budget=budget)
    assert kept == ranges[: len(kept)] and len(kept) >= min(len(ranges), 1)
    size = sum(r.end - r.start for r in kept)
    assert all(now - r.replaced < grace for r in kept[1:]) and (size <= budget or len(kept) == 1)
    if len(kept) < len(ranges):
        first = ranges[len(kept)]
        assert now - first.replaced >= grace or size + first.end - first.start > budget


@given(RANGES, st.integers(0, 150))
def test_a_place_holds_nobody_elses_bytes(kept, size):
    *gaps, (last, end) = places(kept, size)
    assert end is None and all(r.end <= last for r in kept)
    for start, stop in gaps:
        assert FIRST <= start and stop - start >= size
        assert all(r.end <= start or r.start >= stop or r.start == r.end for r in kept)


@given(RANGES, st.integers(1, 150))
def test_the_lowest_gap_that_is_large_enough_is_used(kept, size):
    taken = sorted((r.start, r.end) for r in kept)
    edges = [FIRST, *(end for _, end in taken)]
    fits = [at for at, (start, _) in zip(edges, taken) if start - at >= size]
    assert [start for start, _ in places(kept, size)][0] == (fits[0] if fits else edges[-1])


@given(RANGES)
def test_ranges_come_back_from_text(ranges):
    assert decode_ranges(encode_ranges(ranges), 10_000) == ranges


@pytest.mark.parametrize(
    "text",
    ["", "{}x", "[1]", "[[1, 2]]", "[[3, 9, 0]]", "[[9, 8, 0]]", "[[4, 11, 0]]", '[["a", 1, 2]]', "[" * 10_000, "null"],
)
def test_what_is_no_list_of_ranges_of_the_file_is_nothing(text):
    assert decode_ranges(text, 10) == []
