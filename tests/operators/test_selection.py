"""What a slot holds of the documents that were joined to it is a pure function of them, whatever was looked at before."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.collection import Collection
from onto_flow.core.values import order_key, path_order
from onto_flow.operators import selection
from onto_flow.operators.selection import Selection
from onto_flow.plan.nodes import CodeRef, Order, Slot

values = st.one_of(st.integers(0, 3), st.sampled_from([None, 1.0, "a", float("nan"), True]))
contents = st.dictionaries(st.sampled_from([f"b/{n}" for n in range(30)]), values, min_size=1, max_size=30)


def slot(limit: int | None, descending: bool) -> Slot:
    def order(path: str, fields: Any) -> Any:
        return fields["n"]

    return Slot("s1", 1, "by", Collection("b"), 0, order=Order(CodeRef("x:y", order), descending), limit=limit)


@pytest.mark.parametrize("known", [4, selection.KNOWN])
@given(st.lists(contents, min_size=1, max_size=4), st.none() | st.integers(0, 4), st.booleans())
def test_the_first_ones_are_those_of_all_in_order(known, several, limit, descending):
    chosen = Selection(slot(limit, descending))
    documents: dict[str, Any] = {}
    for content in several:
        documents = {path: fields for path, fields in documents.items() if path in content or len(path) % 2}
        documents |= {path: {"n": value} for path, value in content.items()}
        in_order = sorted(documents, key=path_order)
        in_order.sort(key=lambda path: order_key(documents[path]["n"]), reverse=descending)
        before, selection.KNOWN = selection.KNOWN, known
        try:
            found = chosen.selected(documents, {}, lambda *pair: True)
        finally:
            selection.KNOWN = before
        assert list(found.items()) == [(path, documents[path]) for path in in_order[:limit]]


def test_what_a_document_is_ordered_by_is_asked_once_for_each_of_its_versions():
    asked = []

    def order(path: str, fields: Any) -> Any:
        asked.append(path)
        return fields["n"]

    chosen = Selection(Slot("s1", 1, "by", Collection("b"), 0, order=Order(CodeRef("x:y", order)), limit=2))
    documents = {f"b/{n}": {"n": n} for n in range(20)}
    for _ in range(3):
        assert list(chosen.selected(documents, {}, lambda *pair: True)) == ["b/0", "b/1"]
    assert len(asked) == 20
    documents["b/7"] = {"n": -1}
    assert list(chosen.selected(documents, {}, lambda *pair: True)) == ["b/7", "b/0"]
    assert asked[20:] == ["b/7"]
