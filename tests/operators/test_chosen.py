"""The first documents of a slot with a limit are those of all in order, however they come, change and go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.change import Change
from onto_flow.core.collection import Collection
from onto_flow.core.values import Reference, order_key, path_order
from onto_flow.engines.base import event
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators import chosen, selection
from onto_flow.operators.chosen import Chosen
from onto_flow.operators.selection import Selection
from onto_flow.plan.nodes import CodeRef, Order, Slot
from onto_flow.testing.shapes import Shape, plan_of

PATHS = [*(f"b/{n}" for n in range(12)), "b/__id7__", "b/a~1", "b/1/b/2"]
ODD = st.sampled_from(
    [None, True, float("nan"), -0.0, 0.0, 0, 1.0, "a", "ab", "", b"a", [1], [1, 2], {"a": 1}, 2**70, object]
)
VALUES = st.one_of(st.integers(0, 2), ODD)
STEPS = st.lists(st.lists(st.tuples(st.sampled_from(PATHS), VALUES | st.just("gone")), max_size=6), max_size=6)


def field(path: str, fields: Any) -> Any:
    return fields["n"]


def slot(limit: int | None, order: Order | None) -> Slot:
    return Slot("s1", 1, "by", Collection("b"), 0, order=order, limit=limit)


def naive(documents: dict[str, Any], limit: int | None, order: Order | None) -> list[str]:
    paths = sorted(documents, key=path_order)
    if order is not None:
        paths.sort(key=lambda path: order_key(documents[path]["n"]), reverse=order.descending)
    return paths[:limit]


@pytest.mark.parametrize("indexed", [0, 3])
@pytest.mark.parametrize("order", [None, Order(CodeRef("x:y", field), False), Order(CodeRef("x:y", field), True)])
@given(STEPS, st.none() | st.integers(0, 4))
def test_they_are_those_of_all_in_order(indexed, order, steps, limit):
    mine, documents = Chosen(Selection(slot(limit, order))), {}
    before, chosen.INDEXED = chosen.INDEXED, indexed
    try:
        for step in steps:
            for path, value in step:
                if value == "gone":
                    documents.pop(path, None)
                else:
                    documents[path] = {"n": value}
                mine.change(path)
            try:
                expected = naive(documents, limit, order)
            except Exception as error:
                with pytest.raises(type(error)):
                    mine.of(documents)
            else:
                assert mine.of(documents) == [(path, documents[path]) for path in expected]
    finally:
        chosen.INDEXED = before


def test_a_change_asks_for_what_changed():
    asked = []

    def order(path: str, fields: Any) -> Any:
        asked.append(path)
        return fields["n"]

    mine = Chosen(Selection(slot(2, Order(CodeRef("x:y", order), True))))
    documents = {f"b/{n:04}": {"n": n} for n in range(1000)}
    assert [path for path, _ in mine.of(documents)] == ["b/0999", "b/0998"]
    asked.clear()
    documents["b/0007"] = {"n": 5000}
    del documents["b/0999"]
    for path in ("b/0007", "b/0999"):
        mine.change(path)
    assert [path for path, _ in mine.of(documents)] == ["b/0007", "b/0998"]
    assert asked == ["b/0007"]


SELECTED = Shape("V", "outV", (("root", "a", -1, ()), ("by", "b", 0, ("r",))), selections=((1, "", "n", True, 2),))


@pytest.mark.parametrize("indexed", [0, 64])
def test_a_root_shows_the_first_ones_whatever_changes_and_looks_at_no_others(indexed, monkeypatch):
    monkeypatch.setattr(chosen, "INDEXED", indexed)
    flow, time = LocalFlow(plan_of(SELECTED)), 0

    def shown(*documents: tuple[str, Any]) -> list[list[str]]:
        nonlocal time
        time += 1
        outputs = flow.process([event(Change(path, None, fields, (time, 0))) for path, fields in documents])
        return [[member["p"] for member in change.new["s1"]] for change in outputs]

    def one(number: int, n: Any) -> tuple[str, Any]:
        return f"b/{number}", {"r": Reference("a/1"), "n": n}

    assert shown(("a/1", {}), *(one(number, number) for number in range(100))) == [["b/99", "b/98"]]
    monkeypatch.setattr(selection.Selection, "selected", None if indexed == 0 else selection.Selection.selected)
    assert shown(one(7, 98)) == [["b/99", "b/7"]]
    assert shown(one(8, 5)) == []
    assert shown(("b/99", None)) == [["b/7", "b/98"]]
    assert shown(("b/7", {"r": None, "n": 98})) == [["b/98", "b/97"]]
    assert shown(one(7, 97.5), one(3, 98), ("b/98", None)) == [["b/3", "b/7"]]
