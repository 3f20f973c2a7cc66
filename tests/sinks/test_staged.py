"""What waits for its publication: the same in memory, in its file, and going from one to the other."""

from __future__ import annotations

import sys
from random import Random

import pytest

from onto_flow.core.change import ViewChange
from onto_flow.core.errors import EngineError
from onto_flow.sinks.staged import MOST_PATHS, Staged

SIZES = {"memory": 1 << 30, "file": 0, "both": 1500}


def change(path, number, *, view="V", created=False, failed=False):
    return ViewChange(view, path, None if created else {}, {}, (1, 0, number), failed)


def some(chance):
    """Steps of one who writes and one who publishes: what is written, or how much of what was seen is dropped."""
    paths = [f"v/{n}" for n in range(chance.choice((3, 12)))]
    for _ in range(chance.randrange(1, 25)):
        if chance.random() < 0.3:
            yield chance.random(), None
        else:
            yield (
                None,
                [
                    (
                        change(
                            chance.choice(paths),
                            chance.randrange(9),
                            view=chance.choice("VW"),
                            created=chance.random() < 0.2,
                            failed=chance.random() < 0.2,
                        ),
                        chance.choice((None, b"a", b"b")),
                        chance.choice((None, "too large")),
                    )
                    for _ in range(chance.randrange(1, 6))
                ],
            )


def told(staged, seed):
    """What is seen after each step."""
    seen = {view: list(staged.rows(view)) for view in "VW"}
    for share, changes in some(Random(seed)):
        if changes is None:
            for view, rows in seen.items():
                staged.drop(view, None if share > 0.9 else rows[: int(len(rows) * share * 2)])
        else:
            staged.write_all(changes)
            if share is None and len(changes) > 3:
                seen = {view: list(staged.rows(view)) for view in "VW"}
        yield (
            [list(staged.rows(view)) for view in "VW"],
            [staged.count(view) for view in "VW"],
            staged.of("V", ["v/1", "v/2", "x"]),
        )


@pytest.mark.parametrize("seed", range(150))
def test_what_waits_is_the_same_wherever_it_is(seed):
    memory, file, both = ([*told(Staged(most), seed)] for most in SIZES.values())
    assert memory == file
    assert memory == both


@pytest.mark.parametrize("most", SIZES.values(), ids=SIZES)
def test_the_newest_of_each_document_is_left(most):
    staged = Staged(most)
    staged.write_all([(change("v/1", n), b"%d" % n, None) for n in (2, 3, 1)])
    [row] = staged.rows("V")
    assert (row.version, row.data, row.mixed, row.created) == ((1, 0, 3), b"3", True, False)
    staged.write(change("v/1", 4, created=True), b"3", None)
    staged.drop("V", [row])
    [newer] = staged.rows("V")
    assert (newer.version, newer.created) == ((1, 0, 4), True), "what came after it was seen stays"
    staged.drop("V", [newer])
    assert staged.count("V") == 0
    staged.write(change("v/1", 5), b"5", None)
    assert [row.mixed for row in staged.rows("V")] == [False]
    staged.close()


@pytest.mark.parametrize("most", SIZES.values(), ids=SIZES)
def test_rows_come_in_the_order_of_the_bytes_of_their_paths_while_some_are_dropped_and_written(most):
    staged = Staged(most)
    paths = sorted({f"v/{chr(n % 0xD000)}{n}" for n in range(60, 60 * 2000, 71)}, key=str.encode)
    assert len(paths) > 2 * MOST_PATHS
    shuffled = Random(1).sample(paths, len(paths))
    staged.write_all([(change(path, 1), b"x", None) for path in shuffled])
    found = []
    for row in staged.rows("V"):
        found.append(row.path)
        staged.drop("V", [row])
        staged.write(change(row.path, 2), b"y", None)
    assert found == paths
    assert {row.version[2] for row in staged.rows("V")} == {2}


def test_what_is_too_much_for_memory_is_in_a_file_until_that_is_empty():
    staged = Staged(100_000)
    staged.write_all([(change(f"v/{n:04}", 1), b"x" * 1000, None) for n in range(1000)])
    held = sum(map(sys.getsizeof, staged._views.values()))
    assert held < 5_000, "nothing of it is held"
    rows = list(staged.rows("V"))
    assert len(rows) == 1000
    staged.drop("V", rows[1:])
    staged.write(change("v/new", 1), b"x", None)
    assert not staged._views
    staged.drop("V")
    staged.write(change("v/new", 1), b"x", None)
    assert staged._views["V"]


def test_a_file_that_cannot_take_it_ends_the_job():
    staged = Staged(0)
    with pytest.raises(EngineError, match="sink-failed"):
        staged.write(change("v/1", 1 << 65), b"x", None)
