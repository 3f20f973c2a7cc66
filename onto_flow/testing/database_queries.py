"""What every document database must answer to queries: tests to subclass."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from ..core.errors import UsageError
from ..core.values import GeoPoint, Reference, Vector
from ..core.writes import Write
from ..database.base import Database, Snapshot
from ..database.query import Query


class QuerySuite:
    """A part of `DatabaseSuite`."""

    def test_a_collection_is_its_documents_alone(self, database: Database) -> None:
        fill(database, ["users/b", "users/a", "users/a/notes/n", "usersx/c", "x/y/users/d", "users/a/users/e"])
        assert paths(database, Query.of("users")) == ["users/a", "users/b"]
        assert paths(database, Query.of("users/a/notes")) == ["users/a/notes/n"]
        assert paths(database, Query.of("x/{id}/users")) == ["x/y/users/d"]
        group = ["users/a", "users/a/users/e", "users/b", "x/y/users/d"]
        assert paths(database, Query.of("users", group=True)) == group

    def test_paths_are_in_the_order_of_firestore(self, database: Database) -> None:
        ordered = ["__id-3__", "__id9__", "__id10__", "A", "__a", "a", "a!", "aa", "b", "é", "\uffff", "\U0001f600"]
        fill(database, [f"c/{id}" for id in reversed(ordered)])
        assert [p[2:] for p in paths(database, Query.of("c"))] == ordered

    def test_paths_may_descend(self, database: Database) -> None:
        group = ["users/a", "users/a/users/e", "users/b", "users/c", "x/y/users/d"]
        fill(database, group)
        descending = Query.of("users").ordered("__name__", descending=True)
        assert paths(database, descending) == ["users/c", "users/b", "users/a"]
        assert paths(database, descending.start_after(Reference("users/c")).first(1)) == ["users/b"]
        everywhere = Query.of("users", group=True).ordered("__name__", descending=True)
        assert paths(database, everywhere) == group[::-1]

    def test_values_are_in_the_order_of_firestore(self, database: Database) -> None:
        fill(database, [f"c/{i}" for i in range(len(_ORDERED))], lambda i: {"v": _ORDERED[i]})
        wanted = [f"c/{i}" for i in range(len(_ORDERED))]
        assert paths(database, Query.of("c").ordered("v")) == wanted
        assert paths(database, Query.of("c").ordered("v", descending=True)) == wanted[::-1]

    def test_equal_numbers_are_sorted_by_the_rest_of_the_order(self, database: Database) -> None:
        rows = [(1.0, 2), (1, 1), (0.5, 9), (1.0, 0)]
        fill(database, [f"c/{i}" for i in range(4)], lambda i: {"a": rows[i][0], "b": rows[i][1]})
        assert paths(database, Query.of("c").ordered("a").ordered("b", descending=True)) == [
            "c/2",
            "c/0",
            "c/1",
            "c/3",
        ]
        assert paths(database, Query.of("c").ordered("a", descending=True)) == ["c/3", "c/1", "c/0", "c/2"]

    def test_a_document_without_a_field_of_the_order_is_not_in_the_answer(self, database: Database) -> None:
        rows: list[dict[str, Any]] = [{}, {"a": None}, {"a": {"b": 1}}, {"a": {"b": None}}]
        fill(database, [f"c/{i}" for i in range(4)], lambda i: rows[i])
        assert paths(database, Query.of("c").ordered("a")) == ["c/1", "c/3", "c/2"]
        assert paths(database, Query.of("c").ordered("a.b")) == ["c/3", "c/2"]
        assert paths(database, Query.of("c").matching("a", "!=", 7)) == ["c/3", "c/2"]

    def test_conditions(self, database: Database) -> None:
        rows: list[dict[str, Any]] = [
            {"n": 1, "t": ["a", 1]},
            {"n": 1.0, "t": ["b"]},
            {"n": 2, "t": "a"},
            {"n": "1"},
            {"n": None},
        ]
        fill(database, [f"c/{i}" for i in range(5)], lambda i: rows[i])
        every = Query.of("c")
        for query, wanted in [
            (every.matching("n", "==", 1), "01"),
            (every.matching("n", "!=", 1), "23"),
            (every.matching("n", ">", 0).matching("n", "<", 2), "01"),
            (every.matching("n", ">=", 1).matching("t", "contains", "b"), "1"),
            (every.matching("n", "in", [2, None]), "24"),
            (every.matching("n", "==", None), "4"),
            (every.matching("t", "contains", 1.0), "0"),
            (every.matching("__name__", ">", Reference("c/2")), "34"),
            (every.matching("__name__", "in", [Reference("c/0"), Reference("c/9")]), "0"),
        ]:
            assert "".join(p[2:] for p in paths(database, query)) == wanted, query.where

    def test_an_answer_begins_and_ends_where_it_is_said(self, database: Database) -> None:
        rows = [1, 2, 2, 2, 3]
        fill(database, [f"c/{i}" for i in range(5)], lambda i: {"n": rows[i]})
        up, down, by_path = Query.of("c").ordered("n"), Query.of("c").ordered("n", descending=True), Query.of("c")
        for query, wanted in [
            (up.start_after(2), "4"),
            (up.start_at(2), "1234"),
            (up.start_after(2, "c/2"), "34"),
            (up.start_at(2.0, "2").end_before(3), "23"),
            (up.end_at(2), "0123"),
            (down.start_after(2), "0"),
            (down.start_at(2, "c/2"), "210"),
            (down.first(2), "43"),
            (up.start_after(1).first(2), "12"),
            (by_path.start_after("c/1").first(2), "23"),
            (by_path.start_at("1").end_at("3"), "123"),
            (by_path.start_at("c/1x").first(1), "2"),
            (by_path.first(0), ""),
        ]:
            assert "".join(p[2:] for p in paths(database, query)) == wanted, query

    def test_a_place_is_one_of_the_collection(self, database: Database) -> None:
        for query in (Query.of("c"), Query.of("c").ordered("n"), Query.of("c", group=True)):
            places: list[Any] = ["d/1", "c/1/d", 7, Reference("x/1/d/2")]
            for place in places:
                values = (1, place) if query.order else (place,)
                with pytest.raises(UsageError):
                    list(database.query(query.start_after(*values)))

    def test_pages_are_the_whole(self, database: Database) -> None:
        for at in range(0, 1200, 400):
            fill(database, [f"c/{i:04}" for i in range(at, at + 400)], lambda i: {"n": i % 7})
        for query in (Query.of("c"), Query.of("c").ordered("n", descending=True)):
            found: list[Snapshot] = []
            page = list(database.query(query.first(250)))
            while page:
                found += page
                last = page[-1]
                values = [last.path] if not query.order else [(last.fields or {})["n"], last.path]
                page = list(database.query(query.first(250).start_after(*values)))
            assert [s.path for s in found] == paths(database, query)
            assert len(found) == 1200

    def test_an_answer_is_as_of_one_commit(self, database: Database) -> None:
        for at in range(0, 1200, 400):
            fill(database, [f"c/{i:04}" for i in range(at, at + 400)], lambda i: {"n": 0})
        answer = database.query(Query.of("c"))
        first = next(answer)
        database.commit([Write.update("c/1199", {"n": 1}), Write.delete("c/1198"), Write.create("c/1197x", {})])
        found = {s.path: s for s in [first, *answer]}
        assert len(found) == 1200 and "c/1198" in found and found["c/1199"].fields == {"n": 0}


def paths(database: Database, query: Query) -> list[str]:
    """The paths of an answer."""
    return [s.path for s in database.query(query)]


def fill(database: Database, paths: list[str], fields: Callable[[int], dict[str, Any]] = lambda i: {"i": i}) -> None:
    """Writes documents at some paths."""
    database.commit([Write.set(path, fields(i)) for i, path in enumerate(paths)])


_ORDERED: list[Any] = [
    None,
    False,
    True,
    math.nan,
    -math.inf,
    -2,
    -0.5,
    0,
    1,
    1.5,
    2**53 + 1,
    1e300,
    math.inf,
    datetime(1, 1, 1, tzinfo=timezone.utc),
    datetime(2024, 5, 1, tzinfo=timezone.utc),
    "",
    "A",
    "a",
    "aa",
    "é",
    "\uffff",
    "\U0001f600",
    b"",
    b"\x00",
    b"\xff",
    Reference("a/b"),
    Reference("a/b/c/d"),
    Reference("b/a"),
    GeoPoint(-1.0, 5.0),
    GeoPoint(1.0, -5.0),
    [],
    [None],
    [1],
    [1, 0],
    ["a"],
    Vector((1.0, 2.0)),
    Vector((0.0, 0.0, 0.0)),
    {},
    {"a": 1},
    {"a": 1, "b": 0},
    {"a": 2},
    {"b": 0},
]
