"""What every document database must make of writes, their conditions and times: tests to subclass."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from ..core.errors import UsageError
from ..core.transforms import DELETE, SERVER_TIME, ArrayRemove, ArrayUnion, Increment
from ..core.writes import Precondition, Write
from ..database.base import Database, PreconditionFailed
from ..database.query import Query


class WriteSuite:
    """A part of `DatabaseSuite`."""

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
