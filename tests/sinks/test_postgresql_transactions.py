"""Publications in PostgreSQL beside readers, other writers, lost connections and kills."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import traceback
from itertools import count

import psycopg
import pytest
from postgresql_place import ROWS, TABLE, change, gone, place_on, write

from onto_flow.core.change import DeadLetter
from onto_flow.core.errors import EngineError
from onto_flow.core.types import Type
from onto_flow.sinks.base import Table
from onto_flow.sinks.postgresql import PostgresSink, connection, publication, tables


@pytest.fixture
def place(postgresql, tmp_path):
    with place_on(postgresql, tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(connection, "RECONNECT_SECONDS", 0)


def disconnect(place, sink):
    """Ends a sink's connection at the server."""
    place.reader.execute("SELECT pg_terminate_backend(%s, 10000)", [sink._database._connection.info.backend_pid])


READER = """
import sys
import psycopg

with psycopg.connect(sys.argv[1], autocommit=True) as connected:
    connected.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    stop, seen = False, set()
    while not stop:
        stop = connected.execute(f"SELECT to_regclass('{sys.argv[2]}.stop') IS NOT NULL").fetchone()[0]
        with connected.transaction():
            found = [connected.execute(f"SELECT n FROM {sys.argv[2]}.{t}").fetchall() for t in ("rooms", "others")]
        for rows in found:
            assert len(set(rows)) == 1 and len(rows) == 10 + 7 * rows[0][0], (len(rows), sorted(set(rows)))
        assert found[0] == found[1]
        if not seen:
            print("reading", flush=True)
        seen.add(found[0][0])
print(len(seen))
"""


@pytest.mark.parametrize("publishes", [30, pytest.param(200, marks=pytest.mark.long)])
def test_a_reader_in_another_process_never_sees_a_mix(place, postgresql, publishes):
    sink = place.sink()
    others = Table("Other", "others", TABLE.schema)
    sink.open([TABLE, others], 1)
    sizes = [10 + 7 * n for n in random.Random(1).sample(range(publishes + 1), publishes + 1)]

    def publish(seq, size, before):
        rooms = [change(f"rooms/{i}", (size - 10) // 7, seq) for i in range(size)]
        rooms += [gone(f"rooms/{i}", seq) for i in range(size, before)]
        sink.write(rooms)
        sink.write([c._replace(view="Other") for c in rooms])
        sink.publish()

    publish(1, sizes[0], 0)
    line = [sys.executable, "-c", READER, postgresql, place.schema]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reader:
        assert reader.stdout.readline() == "reading\n"
        for seq, (before, size) in enumerate(zip(sizes, sizes[1:]), 2):
            publish(seq, size, before)
        place.run("CREATE TABLE {s}.stop ()")
        said, wrong = reader.communicate(timeout=60)
    assert wrong == "" and int(said) > 1


def while_another_waits(place, first, second):
    """Lets `second` publish while the transaction of `first` is open, and `first` commit when `second` waits for it."""
    failed = []
    merge = first._merge

    def publish():
        try:
            second.publish()
        except EngineError as error:
            failed.append(error)

    other = threading.Thread(target=publish)

    def merge_slowly(*arguments):
        done = merge(*arguments)
        other.start()
        pid = second._database._connection.info.backend_pid
        waits = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
        while not place.reader.execute(waits, [pid]).fetchone()[0]:
            assert other.is_alive()
        return done

    first._merge = merge_slowly
    first.publish()
    other.join()
    first._merge = merge
    return failed


def test_two_writers_take_turns_and_the_newer_generation_stays(place):
    older, newer = place.sink(1), place.sink(2)
    older.write([change("rooms/a", 1), change("rooms/b", 1)])
    newer.write([change("rooms/a", 2, generation=2)])
    newer.complete()
    assert while_another_waits(place, older, newer) == []
    assert place.rooms() == [("rooms/a", 2, None)]
    older.write([change("rooms/b", 3, 3)])
    with pytest.raises(EngineError, match="generation 2, which is newer than 1"):
        older.publish()
    assert place.rooms() == [("rooms/a", 2, None)]


def test_an_older_generation_that_waited_for_a_newer_one_is_refused(place):
    older, newer = place.sink(1), place.sink(2)
    older.write([change("rooms/a", 1), change("rooms/b", 1)])
    newer.write([change("rooms/a", 2, generation=2)])
    newer.complete()
    [refused] = while_another_waits(place, newer, older)
    assert "which is newer than 1" in refused.what
    assert place.rooms() == [("rooms/a", 2, None)]


def test_an_older_generation_goes_on_while_a_newer_one_builds_up(place):
    older = place.sink(1)
    write(older, 1)
    older.complete()
    older.publish()
    newer = place.sink(2)
    newer.write([change("rooms/new", 5, generation=2)])
    newer.publish()
    write(older, 2)
    older.publish()
    assert {row[1:] for row in place.rooms()} == {(2, "2")} and len(place.rooms()) == ROWS
    newer.complete()
    newer.publish()
    assert place.rooms() == [("rooms/new", 5, None)]


def test_two_writers_of_one_generation_end_in_the_highest_versions(place):
    chance = random.Random(7)
    now, history = {}, []
    for seq in range(1, 200):
        path = f"rooms/{chance.choice('abcdef')}"
        now[path] = None if chance.random() < 0.3 else seq
        history.append(gone(path, seq) if now[path] is None else change(path, seq, seq))
    failed = []

    def deliver(sink, changes):
        try:
            for at in range(0, len(changes), 20):
                sink.write(changes[at : at + 20])
                sink.publish()
        except EngineError as error:
            failed.append(error)

    writers = []
    for _ in range(2):
        chance.shuffle(history)
        writers.append(threading.Thread(target=deliver, args=(place.sink(), list(history))))
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failed == []
    assert place.rooms() == sorted((path, n, None) for path, n in now.items() if n is not None)


def beginning(place):
    """A table with a row that lacks a value, and a publication that changes everything."""
    sink = place.sink()
    sink.write([change("rooms/a", 1), change("rooms/b", "odd"), change("rooms/c", 1)])
    sink.publish()
    sink.write([change("rooms/a", 2, 2), change("rooms/b", 2, 2), gone("rooms/c", 2), change("rooms/d", "odd", 2)])
    sink.complete()
    return sink


BEFORE = [("rooms/a", 1, None), ("rooms/b", None, None), ("rooms/c", 1, None)]
AFTER = [("rooms/a", 2, None), ("rooms/b", 2, None), ("rooms/d", None, None)]
LETTERS = [
    DeadLetter("table:Room:rooms/d", "sink-failed: Room.n is declared as int and holds 'odd'", payload={"n": "odd"}),
    DeadLetter("table:Room:rooms/b", "", cleared=True),
]
STATEMENTS = 9
"""Of that publication, COPY not counted."""


@pytest.mark.parametrize("at", range(STATEMENTS))
def test_a_connection_that_is_lost_in_a_publication_is_made_again(place, monkeypatch, at):
    sink, run, calls = beginning(place), publication.run, count()

    def losing(cursor, statement, **parts):
        if next(calls) == at:
            disconnect(place, sink)
            assert place.rooms() == BEFORE
        return run(cursor, statement, **parts)

    monkeypatch.setattr(publication, "run", losing)
    assert sink.publish() == LETTERS
    assert place.rooms() == AFTER
    assert next(calls) == STATEMENTS + at + 1


def test_a_connection_that_is_lost_again_is_one_clear_error_and_nothing_is_half_done(place, monkeypatch):
    sink, run = beginning(place), publication.run

    def losing(cursor, statement, **parts):
        if statement == publication._RESOLVE:
            disconnect(place, sink)
        return run(cursor, statement, **parts)

    with monkeypatch.context() as broken:
        broken.setattr(publication, "run", losing)
        with pytest.raises(EngineError, match=r"\[sink-failed\] PostgreSQL: terminating connection"):
            sink.publish()
    assert place.rooms() == BEFORE
    assert sink.publish() == LETTERS
    assert place.rooms() == AFTER


def test_an_answer_that_is_lost_after_the_commit_changes_nothing(place, monkeypatch):
    sink = beginning(place)
    once, calls = connection.Database._once, count()

    def lost(self, work):
        done = once(self, work)
        if next(calls):
            return done
        self._connection.close()
        raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(connection.Database, "_once", lost)
    assert sink.publish() == LETTERS
    assert place.rooms() == AFTER and next(calls) == 2


def test_a_connection_that_was_lost_between_publications_is_made_again(place):
    sink = beginning(place)
    disconnect(place, sink)
    assert sink.publish() == LETTERS
    assert place.rooms() == AFTER


def test_an_error_that_does_not_pass_is_not_tried_again(place, monkeypatch):
    sink = beginning(place)
    place.run("ALTER TABLE {s}.rooms ADD CONSTRAINT small CHECK (n < 2)")
    monkeypatch.setattr(connection.time, "sleep", lambda _: pytest.fail("waited"))
    with pytest.raises(EngineError, match='violates check constraint "small"') as caught:
        sink.publish()
    assert "rooms/a" not in str(caught.value)
    assert place.rooms() == BEFORE


def test_what_a_document_holds_is_not_in_an_error(place):
    sink = place.sink()
    place.run("ALTER TABLE {s}.rooms ADD COLUMN number int GENERATED ALWAYS AS (name::int) STORED")
    sink.write([change("rooms/a", 1, name="confidential")])
    with pytest.raises(EngineError, match=r"PostgreSQL: InvalidTextRepresentation \(SQLSTATE 22P02\)") as caught:
        sink.publish()
    assert "confidential" not in "".join(traceback.format_exception(caught.value))


KILLED = """
import os, signal, sys
from onto_flow.sinks.postgresql import PostgresSink, tables
from postgresql_place import TABLE, write

sink = PostgresSink(sys.argv[1])
sink.open([TABLE], 2)
write(sink, 2, rows=7, generation=2)
sink.complete()
tables.Relations.record = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
sink.publish()
"""


def test_a_writer_that_is_killed_before_it_commits_has_done_nothing(place):
    first = place.sink()
    write(first, 1)
    first.publish()
    folders = os.pathsep.join(sys.path)
    done = subprocess.run([sys.executable, "-c", KILLED, place.uri], env={**os.environ, "PYTHONPATH": folders})
    assert done.returncode == -signal.SIGKILL
    assert {row[1:] for row in place.rooms()} == {(1, "1")} and len(place.rooms()) == ROWS
    third = place.sink(3)
    write(third, 3, rows=7, generation=3)
    third.complete()
    third.publish()
    assert {row[1:] for row in place.rooms()} == {(3, "3")} and len(place.rooms()) == 7


def test_tables_that_somebody_has_dropped_are_one_clear_error(place):
    sink = beginning(place)
    place.run("DELETE FROM {s}.__onto_flow_tables__")
    with pytest.raises(EngineError, match="somebody has dropped our tables"):
        sink.publish()


def test_a_table_that_somebody_has_dropped_is_made_again_by_the_next_job(place):
    first = place.sink()
    write(first, 1)
    first.publish()
    place.run("DROP TABLE {s}.rooms")
    second = place.sink(2)
    second.write([change("rooms/a", 1, generation=2)])
    second.complete()
    second.publish()
    assert place.rooms() == [("rooms/a", 1, None)]


def test_a_job_that_waits_too_long_for_a_lock_says_so(place, monkeypatch):
    monkeypatch.setattr("onto_flow.sinks.postgresql.tables.LOCK_SECONDS", 0.05)
    place.sink()
    with place.reader.transaction():
        place.rooms()
        with pytest.raises(EngineError, match="lock timeout"):
            place.sink(2, Table("Room", "rooms", (*TABLE.schema, ("more", Type("int")))))


def test_two_jobs_that_begin_together_make_the_same_tables(place, postgresql):
    second = PostgresSink(place.uri)
    begun = threading.Thread(target=second.open, args=([TABLE], 1))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(postgresql) as first, first.cursor() as cursor:
        tables.Relations(place.schema).create(cursor)
        begun.start()
        while not place.reader.execute(waiting).fetchone()[0]:
            assert begun.is_alive()
    begun.join()
    write(second, 1)
    second.publish()
    second.close()
    assert len(place.rooms()) == ROWS


def test_a_job_that_begins_does_not_get_in_the_way_of_a_publication(place, monkeypatch):
    writer, beginner = place.sink(), PostgresSink(place.uri)
    more = Table("Room", "rooms", (*TABLE.schema, ("more", Type("int"))))
    begun = threading.Thread(target=beginner.open, args=([more], 2))
    waited, lock = [], tables.Relations.lock

    def lock_and_wait(relations, cursor, names):
        done = lock(relations, cursor, names)
        if not begun.ident:
            begun.start()
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            while not place.reader.execute(waiting).fetchone()[0]:
                assert begun.is_alive()
        return done

    monkeypatch.setattr(connection.time, "sleep", waited.append)
    monkeypatch.setattr(tables.Relations, "lock", lock_and_wait)
    write(writer, 1)
    writer.publish()
    begun.join()
    beginner.close()
    assert waited == [] and place.run("SELECT count(more), count(*) FROM {s}.rooms") == [(0, ROWS)]


def test_a_sink_that_cannot_begin_lets_go_of_its_connection(place):
    newer = place.sink(2)
    newer.complete()
    newer.publish()
    older = PostgresSink(place.uri)
    with pytest.raises(EngineError, match="newer than 1"):
        older.open([TABLE], 1)
    assert older._database._connection is None
