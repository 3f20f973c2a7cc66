"""Indexes of fields: the same answers as without them, whatever happens, at every commit; and what they are for."""

from __future__ import annotations

import math
import sqlite3
from datetime import datetime, timezone
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from onto_flow import Reference
from onto_flow.core.predicate import query_key
from onto_flow.core.values import GeoPoint, Vector
from onto_flow.core.writes import Write
from onto_flow.database import Query
from onto_flow.database.embedded import EmbeddedDatabase
from onto_flow.database.embedded import indexes as index_module
from onto_flow.database.embedded.index_keys import key_of, keys_of, parts_of
from onto_flow.database.embedded.reading import Reading
from onto_flow.database.embedded.schema import INDEX_TABLES

LONG = "long " * 300
VALUES = (
    *(None, True, False, 0, -0.0, 1, 1.0, 2**53 + 1, float(2**53), math.nan, math.inf, -math.inf, -7, 2.5),
    *("", "a", "b", "aé", LONG, LONG + "a", LONG + "b", b"", b"\xff", b"x" * 1001, b"x" * 1002),
    *(Reference("u/a"), Reference("u/b"), Reference("u/a", "projects/p/databases/d"), Reference("u/__id7__")),
    *(GeoPoint(1.0, 2.0), Vector((1.0,)), {"a": 1}, {}, [], [1], [1.0, "a", None], [[1]][0]),
    *(datetime(2024, 1, 1, tzinfo=timezone.utc), datetime(1900, 1, 1, tzinfo=timezone.utc)),
)
values = st.sampled_from(VALUES)


@given(values, values)
def test_keys_are_in_the_order_of_values(one, other):
    def sorts(key):
        kind = {float: 0, int: 0, bytes: 1}[type(key[1])]
        return key[0], kind, key[1]

    if query_key(one) < query_key(other):
        assert sorts(key_of(one)) <= sorts(key_of(other))
    elif query_key(one) == query_key(other):
        assert sorts(key_of(one)) == sorts(key_of(other))


PATHS = ("u/a", "u/b", "u/c", "u/__id2__", "x/1/u/a", "x/2/u/b")
few = st.one_of(st.sampled_from((1, 2, 2.0, 3)), st.sampled_from((1, 2, 3, [1, 2])), values)
documents = st.dictionaries(st.sampled_from(("f", "f", "g")), few, max_size=2)
commits = st.lists(
    st.tuples(st.sampled_from(PATHS), st.one_of(documents, documents, st.none())), min_size=1, max_size=3
)
conditions = st.tuples(
    st.sampled_from(("f", "g")), st.sampled_from(("==", "<", "<=", ">", ">=", "contains", "!=")), few
) | st.tuples(st.sampled_from(("f", "g")), st.just("in"), st.lists(few, max_size=3))


@st.composite
def queries(draw):
    group = draw(st.booleans())
    query = Query.of("u", group=group)
    for field, operator, value in draw(st.lists(conditions, max_size=2)):
        query = query.matching(field, operator, value)
    for field in draw(st.lists(st.sampled_from(("f", "g")), max_size=2, unique=True)):
        query = query.ordered(field, descending=draw(st.booleans()))
    if draw(st.booleans()):
        query = query.first(draw(st.integers(1, 3)))
    if query.full_order[0].path != ("__name__",) and draw(st.integers(0, 3)) == 0:
        query = draw(st.sampled_from((query.start_at, query.start_after, query.end_at)))(draw(values))
    return query


@settings(max_examples=120, deadline=None)
@given(
    st.lists(few, min_size=6, max_size=6),
    st.lists(commits | queries() | st.just("forget"), min_size=3, max_size=14),
    queries(),
)
def test_answers_are_those_of_a_scan_at_every_commit_and_after_forgetting(first, steps, last):
    start = [(path, {"f": value}) for path, value in zip(PATHS, first)]
    now = [1000]

    def clock():
        now[0] += 1
        return now[0]

    with TemporaryDirectory() as folder:
        kept = [
            EmbeddedDatabase(f"{folder}/{name}", synchronous="off", clock=clock, keep_days=0, index_from=least)
            for name, least in (("indexed", -1), ("scanned", 10**9))
        ]
        asked, before = [], []
        for step in [start, *steps, last]:
            if isinstance(step, Query):
                asked.append(step)
                assert answers(*(database.query(step) for database in kept)), step
            elif step == "forget":
                for database in kept:
                    database.forget()
                before = []
            else:
                before.append([Reading(d.file) for d in kept])
                time = clock()
                for database in kept:
                    database._clock = lambda time=time: time
                    database.commit([Write(path, fields) for path, fields in step])
        for readings in before:
            for query in asked:
                assert answers(*(reading.query(query) for reading in readings)), query
        check_entries(kept[0])
        for database in kept:
            database.close()


def answers(indexed, scanned):
    return [repr(s) for s in indexed] == [repr(s) for s in scanned]


def check_entries(database):
    """What is in the indexes is what all kept versions have."""
    with database.file.reading() as connection:
        fields = [field for _, field in index_module.Indexes(connection).of("u")]
        counted = entries(connection)
        connection.execute("BEGIN")
        connection.execute("DELETE FROM entries")
        connection.execute("DELETE FROM indexes")
        again = index_module.Indexes(connection)
        assert all(again.make("u", field) for field in fields)
        fresh = entries(connection)
        connection.execute("ROLLBACK")
    assert counted == fresh


def entries(connection):
    rows = connection.execute("SELECT i.field, e.* FROM entries e JOIN indexes i ON i.id = e.indexed")
    return {(field, *row[1:-1]): row[-1] for field, *row in rows}


@pytest.fixture
def people(tmp_path):
    with EmbeddedDatabase(tmp_path / "app.sqlite", synchronous="off", index_from=100) as database:
        rows = [Write(f"people/p{n:03}", {"age": n % 90, "tags": [f"t{n % 7}"], "name": f"n{n}"}) for n in range(300)]
        database.commit(rows)
        yield database


def looked_at(database, query, monkeypatch):
    """(paths of the answer, how many documents were looked at)."""
    seen = []
    real = index_module.decode_document
    from onto_flow.database.embedded import reading

    monkeypatch.setattr(reading, "decode_document", lambda data: seen.append(1) or real(data))
    found = [s.path for s in database.query(query)]
    monkeypatch.undo()
    return found, len(seen)


@pytest.mark.parametrize(
    ("query", "most"),
    [
        (Query.of("people").matching("age", "==", 7), 4),
        (Query.of("people").matching("age", "in", [7, 8]), 8),
        (Query.of("people").matching("tags", "contains", "t3"), 43),
        (Query.of("people").matching("age", ">=", 88), 7),
        (Query.of("people").matching("age", ">", 10).first(5), 20),
        (Query.of("people").ordered("age", descending=True).first(3), 6),
        (Query.of("people", group=True).matching("age", "==", 7), 4),
    ],
)
def test_a_query_looks_at_little_more_than_its_answer(people, query, most, monkeypatch):
    first = [s.path for s in people.query(query)]
    found, looked = looked_at(people, query, monkeypatch)
    assert found == first and looked <= most


@pytest.mark.parametrize(
    ("query", "most"),
    [
        (Query.of("people").matching("kind", "!=", "usual"), 12),
        (Query.of("people").matching("kind", "!=", "usual").ordered("kind", descending=True).first(2), 4),
        (Query.of("people").matching("age", "!=", 0).first(3), 6),
        (Query.of("people").matching("kind", "!=", None).matching("age", "==", 7), 5),
        (Query.of("people").matching("kind", "==", "usual").ordered("age").first(5), 20),
        (Query.of("people").matching("kind", "==", "rare").ordered("age").first(5), 12),
        (Query.of("people").matching("kind", "==", "usual").matching("age", "==", 7), 5),
        (Query.of("people").matching("kind", "in", ["rare", "none"]).ordered("age").first(5), 12),
    ],
)
def test_of_several_indexes_the_one_with_the_least_reading_is_taken(tmp_path, query, most, monkeypatch):
    with EmbeddedDatabase(tmp_path / "app.sqlite", synchronous="off", index_from=100) as database:
        kinds = ["rare" if n % 30 == 5 else None if n % 100 == 99 else "usual" for n in range(300)]
        database.commit([Write(f"people/p{n:03}", {"age": n % 90, "kind": kind}) for n, kind in enumerate(kinds)])
        scanned = [s.path for s in database.query(query)]
        for field in ("age", "kind"):
            database.index("people", field)
        found, looked = looked_at(database, query, monkeypatch)
        assert found == scanned and looked <= most


def test_most_of_a_collection_is_read_without_an_index(people, monkeypatch):
    people.index("people", "age")
    found, looked = looked_at(people, Query.of("people").matching("age", "!=", 0), monkeypatch)
    assert len(found) == 296 and looked == 300


def test_small_collections_and_queries_by_path_have_none(people, monkeypatch):
    people.commit([Write(f"small/{n}", {"age": n}) for n in range(100)])
    list(people.query(Query.of("small").matching("age", "==", 7)))
    list(people.query(Query.of("people").first(3)))
    list(people.query(Query.of("people").matching("age", "!=", 7)))
    list(people.query(Query.of("people").matching("age", "==", 7).first(2)))
    with people.file.reading() as connection:
        assert connection.execute("SELECT COUNT(*) FROM indexes").fetchone() == (0,)


def test_a_collection_has_so_many_indexes_at_most(people, monkeypatch):
    monkeypatch.setattr(index_module, "MAX_INDEXES", 2)
    for name in ("age", "name", "tags"):
        found = list(people.query(Query.of("people").matching(name, "==", 7)))
        assert len(found) == (4 if name == "age" else 0)
    with people.file.reading() as connection:
        assert len(index_module.Indexes(connection).of("people")) == 2


def test_a_transaction_makes_and_uses_them(people):
    query = Query.of("people").matching("age", "==", 7)

    def older(transaction):
        found = transaction.query(query)
        transaction.write(*(Write.update(s.path, {"age": 1000}) for s in found))
        return len(found)

    assert people.transact(older) == 4 and people.transact(older) == 0
    assert people.transact(older, attempts=1) == 0
    assert len(list(people.query(Query.of("people").matching("age", "==", 1000)))) == 4


def test_a_file_of_the_format_before_has_them_from_then_on(tmp_path):
    with EmbeddedDatabase(tmp_path / "app.sqlite", index_from=-1) as database:
        database.commit([Write("u/a", {"f": 1})])
    rows = sqlite3.connect(tmp_path / "app.sqlite")
    for table in ("indexes", "entries"):
        assert f"CREATE TABLE {table}" in INDEX_TABLES
        rows.execute(f"DROP TABLE {table}")
    rows.execute("PRAGMA user_version = 1")
    rows.commit()
    rows.close()
    with EmbeddedDatabase(tmp_path / "app.sqlite", index_from=-1) as database:
        assert [s.path for s in database.query(Query.of("u").matching("f", "==", 1.0))] == ["u/a"]
        database.commit([Write("u/b", {"f": 1})])
        assert [s.path for s in database.query(Query.of("u").matching("f", "==", 1.0))] == ["u/a", "u/b"]


def test_numbers_beyond_64_bits_and_broken_text_are_asked_for(people):
    for operator, wanted in ((">=", 0), ("<=", 300)):
        for value in (2**70, 10**400):
            assert len(list(people.query(Query.of("people").matching("age", operator, value)))) == wanted
    assert not list(people.query(Query.of("people").matching("name", "==", "\ud800")))


def test_the_best_condition_is_used():
    query = Query.of("people").matching("age", ">", 7).matching("tags", "contains", "t1").matching("name", "==", "n")
    assert [p.field for p in parts_of(query)] == [("name",), ("tags",), ("age",)]
    assert keys_of({}, ("age",)) == set()


numbers = st.lists(st.sampled_from((1, 1.0, 2, 3, 4, None)), min_size=6, max_size=6)


@example([1, 2, 3, 4, 1, 2], [4, 3, None, 1.0, 2, 2], True, "", 2, False)
@example([1, 2, 3, 4, 1, 2], [4, 3, None, 1.0, 2, 2], False, ">", 4, True)
@example([1, 2, 3, 4, 1, 2], [4, 3, None, 1.0, 2, 2], True, "<=", 2, True)
@given(numbers, numbers, st.booleans(), st.sampled_from(("", ">", "<=")), st.integers(1, 4), st.booleans())
def test_reading_in_the_order_of_a_field_ends_at_the_limit_and_not_before(one, other, down, operator, limit, group):
    query = Query.of("u", group=group).ordered("f", descending=down).first(limit)
    query = query.matching("f", operator, 2) if operator else query
    with TemporaryDirectory() as folder:
        kept = [EmbeddedDatabase(f"{folder}/{n}", synchronous="off", index_from=n, clock=lambda: 7) for n in (-1, 99)]
        before = []
        for values in (one, other):
            for database in kept:
                database.commit([Write(path, {"f": value}) for path, value in zip(PATHS, values)])
            assert answers(*(database.query(query) for database in kept))
            before.append([Reading(database.file) for database in kept])
        assert all(answers(*(reading.query(query) for reading in readings)) for readings in before)
        for database in kept:
            database.close()


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize(
    "values",
    [[math.nan, -math.inf], [LONG + "a", LONG + "b"], [[1], [2]], [{"a": 1}, {"a": 2}], [(1, 2), (1, 1)], [1, 1.0]],
)
def test_where_values_share_a_key_the_rest_of_the_order_decides(tmp_path, values, down):
    query = Query.of("u").ordered("f", descending=down)
    query = query.ordered("g", descending=down).first(1) if isinstance(values[0], tuple) else query.first(1)
    for turn in (values, values[::-1]):
        found = []
        for least in (-1, 99):
            with EmbeddedDatabase(tmp_path / f"{least}{turn}"[:60], synchronous="off", index_from=least) as database:
                fields = [{"f": v[0], "g": v[1]} if isinstance(v, tuple) else {"f": v} for v in turn]
                database.commit([Write(f"u/{n}", f) for n, f in enumerate(fields)])
                found.append([s.path for s in database.query(query)])
        assert found[0] == found[1]


def made(database):
    with database.file.reading() as connection:
        return [field for _, field in index_module.Indexes(connection).of("people")]


def test_a_query_does_not_wait_for_a_writer(people):
    query = Query.of("people").matching("age", "==", 7)
    with people.writing() as writer:
        assert len(list(people.query(query))) == 4
        writer.finish()
    assert made(people) == []
    other = sqlite3.connect(people.file.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert len(list(people.query(query))) == 4 and made(people) == []
    other.execute("ROLLBACK")
    other.close()
    assert len(list(people.query(query))) == 4 and made(people) == [("age",)]


def test_a_failure_while_an_index_is_made_leaves_none(people, monkeypatch):
    def fail(*given):
        raise ValueError("no")

    monkeypatch.setattr(index_module, "keys_of", fail)
    with pytest.raises(ValueError, match="no"):
        list(people.query(Query.of("people").matching("age", "==", 7)))
    monkeypatch.undo()
    assert made(people) == []
    people.commit([Write("people/new", {"age": 7})])
    assert len(list(people.query(Query.of("people").matching("age", "==", 7)))) == 5


def test_large_collections_have_one_made_when_that_is_said(people, monkeypatch):
    from onto_flow.database.embedded import reading

    monkeypatch.setattr(reading, "INDEX_UP_TO", 200)
    query = Query.of("people").matching("age", "==", 7)
    assert len(list(people.query(query))) == 4 and made(people) == []
    assert people.index("people", "age") and people.index("people", "age")
    assert len(list(people.query(query))) == 4 and made(people) == [("age",)]
