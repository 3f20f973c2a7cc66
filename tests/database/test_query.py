from __future__ import annotations

import pytest

from onto_flow.core.errors import OntoFlowError
from onto_flow.database.query import NAME, Order, Query


def test_the_order_implies_inequalities_and_paths():
    query = (
        Query.of("users")
        .matching("b", ">", 1)
        .matching("c", "==", 1)
        .matching("a", "!=", 1)
        .ordered("b", descending=True)
    )
    assert query.full_order == (Order(("b",), True), Order(("a",), True), Order(NAME, True))


def test_nothing_is_sorted_after_paths():
    assert Query.of("users").ordered("__name__").ordered("a").full_order == (Order(NAME),)


@pytest.mark.parametrize(
    "make",
    [
        lambda q: q.matching("a", "=~", 1),
        lambda q: q.matching("a", "in", 1),
        lambda q: q.matching("a b", "==", 1),
        lambda q: q.first(-1),
        lambda q: q.start_after(),
        lambda q: q.start_after("users/u1", 2),
        lambda q: Query.of("users/u1"),
        lambda q: Query.of("a/b/c", group=True),
    ],
)
def test_what_is_no_query_is_refused(make):
    with pytest.raises(OntoFlowError):
        make(Query.of("users"))


def test_conditions_are_bounded():
    query = Query.of("users")
    with pytest.raises(OntoFlowError, match="more than 100"):
        for n in range(101):
            query = query.matching("a", "==", n)
