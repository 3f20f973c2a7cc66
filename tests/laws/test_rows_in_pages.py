"""A root with more rows than a page: they are told page by page, and each as it is in the newest state of the root."""

from __future__ import annotations

from random import Random

import pytest

from onto_flow.core.change import Change, ViewChange
from onto_flow.engines.base import event
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.testing.oracle import recompute
from onto_flow.testing.shapes import Shape, plan_of
from tests.laws import local

ROWS, PAGE = 50, 7
ROOT = ("root", "a", -1, ())
SHAPES = {
    "rows": Shape("V", "outV", (ROOT,), paths="rows"),
    "folded": Shape("V", "outV", (ROOT, ("by", "b", 0, ("r",))), paths="rows", over=(("count", 1, False, -1, -1, -1),)),
    "groups": Shape(
        "V", "outV", (ROOT,), paths="rows", key=0, accumulators=(("count", 0, False, -1), ("sum", 0, False, -1))
    ),
}


def texts(*numbers):
    return [f"t{n:03}" for n in numbers]


def root(n, numbers):
    return "a/1", {"n": n, "t": texts(*numbers)}


class Table:
    """What a flow has shown."""

    def __init__(self, shape):
        self.plan = plan_of(shape)
        self.flow = LocalFlow(self.plan, page=PAGE)
        self.shown, self.version = {}, 0
        self.largest = 0

    def take(self, *documents):
        """A batch; how many documents it has changed."""
        self.version += 1
        found = self.flow.process([event(Change(p, None, f, (self.version, 0))) for p, f in documents])
        changes = [c for c in found if isinstance(c, ViewChange)]
        for change in changes:
            assert self.shown.get(change.path) == change.old
            self.shown[change.path] = change.new
        self.largest = max(self.largest, len(changes))
        return len(changes)

    def rest(self):
        batches = 0
        while self.flow.timer_is_due:
            self.take()
            batches += 1
        return batches

    def is_right(self, *documents):
        expected = recompute(self.plan, dict(documents))["V"]
        return {p: d for p, d in self.shown.items() if d is not None} == expected


@pytest.fixture(params=SHAPES)
def table(request):
    table = Table(SHAPES[request.param])
    table.take(root(1, range(3)))
    return table


def test_rows_come_change_and_go_page_by_page(table):
    for document in (root(1, range(ROWS)), root(2, range(10, ROWS + 10)), root(2, ())):
        assert table.take(document) == PAGE
        assert table.rest() >= (ROWS - 10) // PAGE
        assert table.is_right(document)
    assert table.largest == PAGE


def test_the_first_time_they_come_at_once():
    table = Table(SHAPES["rows"])
    assert table.take(root(1, range(ROWS))) == ROWS
    assert not table.flow.timer_is_due


def test_a_change_in_between_is_told_instead(table):
    table.take(root(1, range(ROWS)))
    table.take()
    table.take(root(2, range(20, ROWS)))
    table.rest()
    assert table.is_right(root(2, range(20, ROWS)))
    assert table.largest == 2 * PAGE, "one of the change, and one of those that wait"


def test_what_comes_back_in_between_is_not_told(table):
    table.take(root(1, range(ROWS)))
    told = {p for p, d in table.shown.items() if d is not None}
    back = root(1, [n for n in range(ROWS) if any(t in p for p in told for t in texts(n))])
    table.take(back)
    table.rest()
    assert table.is_right(back)


def test_a_root_that_goes_in_between_takes_its_rows_along(table):
    table.take(root(1, range(ROWS)))
    table.take(("a/1", None))
    table.rest()
    assert table.is_right()


@pytest.mark.parametrize("batches", range(6))
def test_the_rest_is_told_after_a_restart(table, batches):
    table.take(root(1, range(ROWS)))
    for _ in range(batches):
        table.take()
    table.flow = local.restart(table.flow, Random(1), table.plan, None, PAGE)
    table.rest()
    assert table.is_right(root(1, range(ROWS)))
    assert table.largest == PAGE
