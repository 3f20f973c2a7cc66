"""What every document database must do, as tests to subclass.

```python
class TestEmbedded(DatabaseSuite):
    def create_database(self, folder):
        return EmbeddedDatabase(folder / "test.sqlite")
```
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ..core.equality import same
from ..core.errors import UsageError
from ..core.writes import Write
from ..database.base import Database, PreconditionFailed
from ..database.query import Query
from . import database_model
from .database_feeds import FeedSuite, take, take_until
from .database_limits import LimitSuite
from .database_queries import QuerySuite, fill, paths
from .database_transactions import TransactionSuite
from .database_writes import WriteSuite
from .source_suite import VALUES


class DatabaseSuite(WriteSuite, LimitSuite, QuerySuite, TransactionSuite, FeedSuite):
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
