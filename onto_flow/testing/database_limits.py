"""What no document database may take: paths, ids and values that Firestore does not have. Tests to subclass."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ..core.errors import DataError
from ..core.values import GeoPoint, Reference, Vector
from ..core.writes import Write
from ..database.base import Database


class LimitSuite:
    """A part of `DatabaseSuite`."""

    @pytest.mark.parametrize(
        "path",
        ["users", "users/", "/a", "a//b/c", "a/.", "a/..", "a/__x__", "a/__id07__", "__a__/b", "a/" + "x" * 1501],
    )
    def test_what_is_no_path_is_refused(self, database: Database, path: str) -> None:
        for ask in (
            database.get,
            lambda p: database.commit([Write.set(p, {})]),
            lambda p: database.commit([Write.delete(p)]),
        ):
            with pytest.raises(DataError) as caught:
                ask(path)
            assert caught.value.code == "bad-key"

    def test_ids_may_be_long_and_odd(self, database: Database) -> None:
        odd = [
            "a/" + "x" * 1500,
            "a/é %?#'\"",
            "a/__id7__",
            "a/__id7__/b/__id-7__",
            "a/\x01\x7f",
            "A/a",
            "a/A",
        ]
        database.commit([Write.set(path, {"p": path}) for path in odd])
        assert [s.fields for s in database.get_many(odd)] == [{"p": path} for path in odd]

    @pytest.mark.parametrize(
        "value",
        [
            {1, 2},
            object(),
            2**63,
            [[1]],
            {"": 1},
            {"__a__": 1},
            {"x" * 1501: 1},
            {1: 2},
            "\ud800",
            GeoPoint(91.0, 0.0),
            GeoPoint(0.0, math.nan),
            Vector((0.0,) * 2049),
            Reference("users"),
        ],
        ids=lambda value: f"{type(value).__name__} {value!r:.30}".partition(" at 0x")[0],
    )
    def test_what_is_no_value_is_refused_and_named(self, database: Database, value: Any) -> None:
        with pytest.raises(DataError) as caught:
            database.commit([Write.set("u/0", {}), Write("u/1", {"a": {"b": value}})])
        assert "a.b" in caught.value.what
        assert caught.value.where == "u/1"
        assert not database.get("u/0").exists

    def test_documents_nest_20_levels(self, database: Database) -> None:
        deepest, deeper = _nested(20), _nested(21)
        database.commit([Write("u/1", deepest)])
        assert database.get("u/1").fields == deepest
        with pytest.raises(DataError) as caught:
            database.commit([Write("u/1", deeper)])
        assert caught.value.code == "too-deep"

    def test_documents_have_up_to_1_mib(self, database: Database) -> None:
        field = (1 << 20) - 89
        room = (1 << 20) - 32 - (16 + len("u/1") + 1) - 2 * len("t0") - 1 - field - 1
        database.commit([Write("u/1", {"t": "x" * field, "s": "x" * room})])
        for fields in (
            {"t": "x" * field, "s": "x" * (room + 1)},
            {"t": b"x" * field, "s": b"x" * (room + 3)},
            {"t": "x" * (field + 1)},
        ):
            with pytest.raises(DataError) as caught:
                database.commit([Write("u/1", fields)])
            assert caught.value.code == "too-deep"


def _nested(levels: int) -> dict[str, Any]:
    """A document whose innermost value lies in so many maps and arrays."""
    value: Any = 1
    for level in range(levels):
        value = {"m": value} if level % 2 == 0 else [value]
    return {"v": value}
