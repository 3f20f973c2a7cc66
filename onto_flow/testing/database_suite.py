"""What every document database must do, as tests to subclass.

```python
class TestEmbedded(DatabaseSuite):
    def create_database(self, folder):
        return EmbeddedDatabase(folder / "test.sqlite")
```
"""

from __future__ import annotations

import math
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ..core.equality import same
from ..core.errors import DataError, UsageError
from ..core.transforms import DELETE, SERVER_TIME, ArrayRemove, ArrayUnion, Increment
from ..core.values import GeoPoint, Reference, Vector
from ..core.writes import Precondition, Write
from ..database.base import Database, PreconditionFailed
from ..database.query import Query
from . import database_model
from .database_feeds import FeedSuite, take, take_until
from .database_queries import QuerySuite, fill, paths
from .database_transactions import TransactionSuite
from .source_suite import VALUES


class DatabaseSuite(QuerySuite, TransactionSuite, FeedSuite):
    """Subclass it, name the class `Test...` and say how a database is made: empty, of its own.

    Attributes:
        several_writes: Whether several writes of a commit to one document may each have a condition.
        tells_every_change: Whether the feed tells each change, and not only where documents are at rising moments.
        examples: How many random histories are tried.
    """

    several_writes = True
    tells_every_change = True
    examples = 60

    def may_ask(self, query: Query) -> bool:
        """Whether the database has an answer to a query."""
        return True

    def create_database(self, folder: Path) -> Database:
        """An empty database; it may keep its files in the folder."""
        raise NotImplementedError

    @pytest.fixture
    def database(self, tmp_path: Path) -> Any:
        """An empty database for one test."""
        database = self.create_database(tmp_path)
        yield database
        database.close()

    # Documents

    def test_a_document_that_is_not_there_is_an_answer(self, database: Database) -> None:
        found = database.get("users/u1")
        assert (found.exists, found.fields, found.create_time, found.update_time) == (False, None, None, None)

    def test_values_keep_their_types(self, database: Database) -> None:
        documents = {f"values/v{i}": {"v": value} for i, value in enumerate(VALUES.values())} | {"values/all": VALUES}
        database.commit([Write.set(path, fields) for path, fields in documents.items()])
        for snapshot in database.get_many(list(documents)):
            assert same(snapshot.fields, documents[snapshot.path]), snapshot.path

    def test_a_time_without_a_zone_is_utc_and_a_tuple_is_an_array(self, database: Database) -> None:
        database.commit([Write.set("a/b", {"t": datetime(2024, 5, 1), "l": (1, 2)})])
        assert database.get("a/b").fields == {"t": datetime(2024, 5, 1, tzinfo=timezone.utc), "l": [1, 2]}

    def test_what_was_read_is_the_readers_own(self, database: Database) -> None:
        database.commit([Write.set("a/b", {"l": [1]})])
        fields: Any = database.get("a/b").fields
        fields["l"].append(2)
        assert database.get("a/b").fields == {"l": [1]}

    def test_documents_come_in_the_order_of_their_paths_as_asked(self, database: Database) -> None:
        database.commit([Write.set("a/1", {"n": 1}), Write.set("a/2", {"n": 2})])
        found = database.get_many(["a/2", "a/3", "a/1", "a/2"])
        assert [s.path for s in found] == ["a/2", "a/3", "a/1", "a/2"]
        assert [s.fields and s.fields["n"] for s in found] == [2, None, 1, 2]
        assert len({s.read_time for s in found}) == 1

    # Writes

    def test_each_kind_of_write(self, database: Database) -> None:
        fields = {"name": "Ada", "home": {"city": "Oslo", "zip": "1"}, "n": 1}
        steps: list[tuple[Write, Any]] = [
            (Write.create("u/1", fields), fields),
            (
                Write.merge("u/1", {"home": {"city": "Rome"}, "n": DELETE}),
                {"name": "Ada", "home": {"city": "Rome", "zip": "1"}},
            ),
            (Write.update("u/1", {"home.zip": DELETE, "name": "Bo"}), {"name": "Bo", "home": {"city": "Rome"}}),
            (Write.update("u/1", {"home": {}}), {"name": "Bo", "home": {}}),
            (Write.set("u/1", {"x": 1}), {"x": 1}),
            (Write.delete("u/1"), None),
            (Write.delete("u/1"), None),
            (Write.merge("u/1", {"a": {"b": 1}}), {"a": {"b": 1}}),
        ]
        for write, expected in steps:
            database.commit([write])
            assert database.get("u/1").fields == expected, write

    def test_transforms_are_made_at_the_commit(self, database: Database) -> None:
        database.commit([Write.set("u/1", {"n": 1, "tags": ["a", 1]})])
        changes = {"n": Increment(2), "at.first": SERVER_TIME, "second": SERVER_TIME, "tags": ArrayUnion(1.0, "b")}
        database.commit([Write.update("u/1", changes), Write.set("u/2", {"at": SERVER_TIME})])
        one, two = (s.fields for s in database.get_many(["u/1", "u/2"]))
        assert one and two and one["n"] == 3 and one["tags"] == ["a", 1, "b"]
        assert one["at"]["first"] == one["second"] == two["at"]
        database.commit([Write.update("u/1", {"tags": ArrayRemove("a", 1)})])
        assert (database.get("u/1").fields or {})["tags"] == ["b"]

    def test_several_writes_to_one_document_are_made_in_turn(self, database: Database) -> None:
        done = database.commit(
            [Write.create("u/1", {"n": 1}), Write.update("u/1", {"n": Increment(1)}), Write.merge("u/1", {"m": 1})]
        )
        assert database.get("u/1").fields == {"n": 2, "m": 1}
        assert done.update_times == (done.time,) * 3

    @pytest.mark.parametrize(
        "write",
        [
            Write.create("u/there", {}),
            Write.update("u/missing", {"a": 1}),
            Write.update("u/there", {"a": 1}, update_time=datetime(2001, 1, 1, tzinfo=timezone.utc)),
            Write.delete("u/missing", precondition=Precondition(exists=True)),
            Write.set(
                "u/missing", {}, precondition=Precondition(update_time=datetime(2001, 1, 1, tzinfo=timezone.utc))
            ),
        ],
        ids=lambda write: f"{write.path} {write.precondition}",
    )
    def test_a_precondition_that_does_not_hold_stops_all(self, database: Database, write: Write) -> None:
        database.commit([Write.set("u/there", {"n": 1})])
        with pytest.raises(PreconditionFailed) as caught:
            database.commit([Write.set("u/other", {"n": 1}), write])
        assert caught.value.code == "precondition-failed" and write.path in caught.value.what
        assert [s.fields for s in database.get_many(["u/other", "u/there"])] == [None, {"n": 1}]

    def test_an_update_time_is_a_precondition(self, database: Database) -> None:
        database.commit([Write.set("u/1", {"n": 1})])
        seen = database.get("u/1").update_time
        database.commit([Write.update("u/1", {"n": 2}, update_time=seen)])
        with pytest.raises(PreconditionFailed):
            database.commit([Write.update("u/1", {"n": 3}, update_time=seen)])
        assert database.get("u/1").fields == {"n": 2}

    def test_each_write_for_itself(self, database: Database) -> None:
        database.commit([Write.set(f"u/{n}", {"n": 0, "m": 0}) for n in range(4)])
        seen = database.get("u/0").update_time
        database.commit([Write.update("u/1", {"n": 1})])
        long_ago = datetime(2001, 1, 1, tzinfo=timezone.utc)
        done = database.commit_each(
            [
                Write.update("u/0", {"n": 1}, update_time=seen),
                Write.update("u/1", {"n": 2}, update_time=seen),
                Write.update("u/9", {"n": 2}),
                Write.create("u/2", {}),
                Write.delete("u/3", precondition=Precondition(update_time=seen)),
                Write.delete("u/8", precondition=Precondition(update_time=long_ago)),
                Write.set("u/4", {"n": 4}),
            ]
        )
        refused = [isinstance(written.error, PreconditionFailed) for written in done]
        assert refused == [False, True, True, True, False, True, False]
        found = {s.path: s for s in database.query(Query.of("u"))}
        fields = {path: s.fields for path, s in found.items()}
        assert fields == {
            "u/0": {"n": 1, "m": 0},
            "u/1": {"n": 1, "m": 0},
            "u/2": {"n": 0, "m": 0},
            "u/4": {"n": 4},
        }
        assert [w.update_time for w in done if w.error is None] == [
            found["u/0"].update_time,
            None,
            found["u/4"].update_time,
        ]
        with pytest.raises(UsageError):
            database.commit_each([Write.delete("u/1"), Write.set("u/1", {})])

    # Times

    def test_times_of_commits_rise_and_are_those_of_their_documents(self, database: Database) -> None:
        times = [database.commit([Write.set("u/1", {"n": n}), Write.set(f"v/{n}", {})]).time for n in range(5)]
        assert times == sorted(set(times))
        one, two = database.get_many(["u/1", "v/2"])
        assert (one.create_time, one.update_time) == (times[0], times[-1])
        assert (two.create_time, two.update_time) == (times[2], times[2])
        assert one.read_time >= times[-1]

    def test_a_document_that_is_created_again_has_a_new_create_time(self, database: Database) -> None:
        first = database.commit([Write.set("u/1", {})]).time
        database.commit([Write.delete("u/1")])
        again = database.commit([Write.set("u/1", {})]).time
        assert database.get("u/1").create_time == again > first

    def test_a_write_that_changes_nothing_is_no_change(self, database: Database) -> None:
        first = database.commit([Write.set("u/1", {"n": 1})]).time
        done = database.commit([Write.merge("u/1", {"n": 1}), Write.delete("u/2")])
        assert done.update_times == (first, None) and database.get("u/1").update_time == first
        assert database.commit([Write.set("u/1", {"n": 1.0})]).update_times != (first,)

    # Limits

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

    # Parents

    def test_a_document_that_is_missing_may_have_documents_below_it(self, database: Database) -> None:
        fill(database, ["a/1/b/1", "a/2", "a/2/b/1", "a/3/b/1/c/1", "z/1"])
        assert database.collections() == ["a", "z"]
        assert database.collections("a/1") == ["b"] and database.collections("a/3/b/1") == ["c"]
        assert database.collections("a/2/b/1") == []
        assert database.missing("a") == ["a/1", "a/3"]
        assert database.missing("a/3/b") == ["a/3/b/1"]
        database.commit([Write.delete("a/1/b/1")])
        assert database.missing("a") == ["a/3"] and database.collections("a/1") == []

    # Everything at once

    def test_random_operations_are_those_of_a_dict(self, tmp_path: Path) -> None:
        @settings(max_examples=self.examples, deadline=None)
        @given(database_model.commits, st.lists(database_model.queries, min_size=1, max_size=6))
        def law(commits: Any, queries: Any) -> None:
            with TemporaryDirectory(dir=tmp_path) as folder:
                self.judge(self.create_database(Path(folder)), commits, queries)

        law()

    def judge(self, database: Database, commits: Any, queries: Any) -> None:
        """Fails where a database answers otherwise than a dict; some queries are asked again after every commit."""
        model = database_model.DictDatabase()
        feed = database.changes(database.commit([]).time)
        queries = [asked for asked in queries if self.may_ask(database_model.query_of(asked))] or [("c", [], [], None)]
        for commit in commits if self.several_writes else map(_one_to_a_document, commits):
            try:
                model.commit(commit)
            except database_model.Refused:
                with pytest.raises(PreconditionFailed):
                    database.commit([database_model.write_of(o) for o in commit])
                continue
            database.commit([database_model.write_of(o) for o in commit])
            assert paths(database, database_model.query_of(queries[0])) == model.query(queries[0]), queries[0]
        found = database.get_many(database_model.PATHS)
        assert {s.path: s.fields for s in found if s.exists} == model.documents
        for asked in queries:
            assert paths(database, database_model.query_of(asked)) == model.query(asked), asked
        self.judge_feed(feed, model)
        database.close()

    def judge_feed(self, feed: Any, model: database_model.DictDatabase) -> None:
        """Fails where a feed tells other changes than a dict had."""
        key = database_model.repr_of
        if not self.tells_every_change:
            wanted = {path: key(fields) for path, fields in model.documents.items()}
            told = take_until(feed, lambda last: {p: key(f) for p, f in last.items() if f is not None} == wanted)
            assert {p: key(f) for p, f in told.items() if f is not None} == wanted
            return
        every = [(c.path, key(c.after)) for c in (take(feed, len(model.changes)) if model.changes else [])]
        for path in database_model.PATHS:
            of_path = [(p, key(fields)) for p, fields in model.changes if p == path]
            assert [told for told in every if told[0] == path] == of_path

    def test_a_closed_database_says_so(self, tmp_path: Path) -> None:
        database = self.create_database(tmp_path)
        database.close()
        with pytest.raises(UsageError):
            database.get("a/b")


def _one_to_a_document(commit: Any) -> Any:
    """The first operation of each document."""
    return list({path: (kind, path, fields) for kind, path, fields in reversed(commit)}.values())


def _nested(levels: int) -> dict[str, Any]:
    """A document whose innermost value lies in so many maps and arrays."""
    value: Any = 1
    for level in range(levels):
        value = {"m": value} if level % 2 == 0 else [value]
    return {"v": value}
