"""Sorting with bounded memory is sorting."""

import os
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.sources import sorted_lines
from onto_flow.sources.sorted_lines import SortedLines

pairs = st.lists(st.tuples(st.binary(max_size=2), st.binary(max_size=3)), max_size=60)


@given(pairs, st.sampled_from([1, 500, 2000, 1 << 20]), st.none() | st.integers(0, 70), st.integers(2, 5))
def test_the_order_is_that_of_sorted_which_is_stable(lines, memory, limit, most_runs):
    numbered = [(key, b"%d:" % n + line) for n, (key, line) in enumerate(lines)]
    with pytest.MonkeyPatch.context() as patch, SortedLines(memory, limit) as found:
        patch.setattr(sorted_lines, "MAX_RUNS", most_runs)
        for begin in range(0, len(numbered), 7):
            found.add(numbered[begin : begin + 7])
        expected = [line for _, line in sorted(numbered, key=lambda pair: pair[0])]
        assert list(found.sorted()) == expected[:limit]


def test_what_does_not_fit_goes_to_files_that_nobody_sees_and_that_are_closed_also_after_an_error(
    tmp_path, monkeypatch
):
    made = []
    monkeypatch.setattr(
        sorted_lines.tempfile,
        "TemporaryFile",
        lambda make=sorted_lines.tempfile.TemporaryFile, **options: made.append(make(**options)) or made[-1],
    )
    with pytest.raises(ZeroDivisionError), SortedLines(1000, folder=str(tmp_path)) as lines:
        lines.add((b"%d" % n, b"x" * 100) for n in range(100))
        assert len(made) > 5 and list(tmp_path.iterdir()) == []
        assert all(os.fstat(file.fileno()).st_nlink == 0 for file in made)
        raise ZeroDivisionError
    assert all(file.closed for file in made)


def test_files_are_only_for_what_does_not_fit(tmp_path):
    with SortedLines(1 << 20, folder=str(tmp_path / "nowhere")) as lines:
        lines.add((b"%d" % n, b"x" * 100) for n in range(1000))
        assert len(list(lines.sorted())) == 1000
        with pytest.raises(FileNotFoundError):
            lines.add((b"%d" % n, b"x" * 100) for n in range(10_000))


def test_a_small_limit_needs_no_files(tmp_path):
    with SortedLines(100_000, 3, folder=str(tmp_path / "nowhere")) as lines:
        lines.add((b"%09d" % (n * 7919 % 100_003), b"%d" % n) for n in range(20_000))
        assert list(lines.sorted()) == [b"%d" % n for n in sorted(range(20_000), key=lambda n: n * 7919 % 100_003)[:3]]


def test_memory_is_bounded_whatever_is_sorted():
    def peak(count):
        tracemalloc.start()
        try:
            with SortedLines(500_000) as lines:
                lines.add((b"%09d" % (n * 7919 % 100_003), b"x" * 300) for n in range(count))
                assert sum(1 for _ in lines.sorted()) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(40_000) < 4_000_000
