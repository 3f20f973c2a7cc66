"""What the embedded database promises beyond the suite: kills, processes, what it forgets, and strange files."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest

from onto_flow.core.codec import encode
from onto_flow.core.errors import EngineError, OntoFlowError, UsageError
from onto_flow.core.writes import Write
from onto_flow.database import Query
from onto_flow.database.embedded import EmbeddedDatabase
from onto_flow.testing.database_feeds import take

DAY = 86_400_000_000


class Clock:
    def __init__(self, micros=1_700_000_000_000_000):
        self.micros = micros

    def __call__(self):
        return self.micros


@pytest.fixture
def file(tmp_path):
    return tmp_path / "app.sqlite"


def opened(file, **options):
    return EmbeddedDatabase(file, **{"synchronous": "off", **options})


def test_everything_survives_a_restart(file):
    with opened(file) as database:
        database.commit([Write.set("a/1", {"n": 1}), Write.set("a/1/b/2", {})])
        before = database.get("a/1")
        feed = database.changes()
        take(feed, 2)
        position = feed.position()
        database.commit([Write.delete("a/1")])
    with opened(file) as database:
        assert database.missing("a") == ["a/1"]
        [change] = take(database.changes(position), 1)
        assert (change.path, change.after, change.previous) == ("a/1", None, before.version)


def test_times_rise_whatever_the_clock_says(file):
    clock = Clock()
    with opened(file, clock=clock) as database:
        first = database.commit([Write.set("a/1", {"n": 1})]).time
        second = database.commit([Write.set("a/1", {"n": 2})]).time
    clock.micros -= DAY
    with opened(file, clock=clock) as database:
        third = database.commit([Write.set("a/1", {"n": 3})]).time
    assert (second - first, third - second) == (timedelta(microseconds=1),) * 2


WRITES_UNTIL_KILLED = """
import sys
from onto_flow.core.writes import Write
from onto_flow.database.embedded import EmbeddedDatabase
database = EmbeddedDatabase(sys.argv[1], synchronous="normal")
n = len(list(database.changes().next_batch()))
while True:
    n += 1
    database.commit([Write.set(f"a/{n}", {"n": n}), Write.set(f"b/{n}", {"n": n})])
    print(n, flush=True)
"""


def test_what_was_committed_survives_a_kill(file):
    """Killed between and inside commits: those that were told are there, whole, and others as a whole or not at all."""
    for rounds in (1, 3, 10):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITES_UNTIL_KILLED, str(file)], stdout=subprocess.PIPE, text=True
        )
        told = 0
        for line in process.stdout:
            told = int(line)
            rounds -= 1
            if not rounds:
                process.send_signal(signal.SIGKILL)
                break
        told = max([told, *map(int, process.stdout.read().split())])
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        with opened(file) as database:
            kept = {c: {s.path[2:] for s in database.query(Query.of(c))} for c in "ab"}
            assert kept["a"] == kept["b"]
            assert {s.fields["n"] for s in database.query(Query.of("a"))} >= {told}
            fed = database.changes().next_batch()
            assert len(fed) == 2 * len(kept["a"])
            database.commit([Write.delete(f"b/{told}"), Write.set(f"b/{told}", {"n": told})])


def count(file, times):
    with opened(file) as database:

        def body(transaction):
            n = transaction.get("n/1").fields["n"]
            transaction.write(Write.set("n/1", {"n": n + 1}))

        for _ in range(times):
            database.transact(body)


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_counters_of_processes_add_up(file, method):
    with opened(file) as database:
        database.commit([Write.set("n/1", {"n": 0})])
        context = multiprocessing.get_context(method)
        processes = [context.Process(target=count, args=(file, 25)) for _ in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert [p.exitcode for p in processes] == [0, 0]
        assert database.get("n/1").fields == {"n": 50}


def test_a_listener_hears_another_process(file):
    with opened(file) as database:
        listener = database.listen("n/1")
        listener.next(1)
        done = subprocess.run(
            [sys.executable, "-c", WRITES_UNTIL_KILLED.replace("while True:", "for _ in '1':"), str(file)],
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
        database.commit([Write.set("n/1", {})])
        assert listener.next(20).added
        listener.close()


def test_a_child_takes_no_connection_of_its_parent(file):
    with opened(file) as database:
        database.commit([Write.set("a/1", {"n": 1})])
        with database.file.reading() as mine:
            pass
        child = os.fork()
        if not child:
            with database.file.reading() as own:
                apart = own is not mine
            os._exit(0 if apart and database.get("a/1").exists and database.commit([Write.set("a/2", {})]) else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert database.get("a/2").exists


# What it forgets


def test_replaced_versions_and_deletions_are_forgotten_in_time(file):
    clock = Clock()
    with opened(file, clock=clock, keep_days=2) as database:
        start = database.commit([Write.set("a/1", {"n": 1}), Write.set("a/2", {"n": 1})]).time
        clock.micros += DAY
        deleted = database.commit([Write.set("a/1", {"n": 2}), Write.delete("a/2")]).time
        clock.micros += DAY + 1
        database.forget()
        assert [(c.path, c.after) for c in database.changes(start).next_batch()] == [("a/1", {"n": 2}), ("a/2", None)]
        assert [c.path for c in database.changes().next_batch()] == ["a/1", "a/2"]
        with pytest.raises(EngineError) as caught:
            database.changes(start - timedelta(microseconds=1))
        assert caught.value.code == "feed-expired"
        clock.micros += DAY
        database.forget()
        feed = database.changes(deleted)
        assert not feed.next_batch()
        database.changes(feed.position()).close()
        with pytest.raises(EngineError):
            database.changes(encode(3))
        assert [s.fields for s in database.get_many(["a/1", "a/2"])] == [{"n": 2}, None]
    rows = sqlite3.connect(file)
    assert rows.execute("SELECT count(*) FROM versions").fetchone() == (1,)
    assert rows.execute("SELECT count(*) FROM documents").fetchone() == (1,)
    rows.close()


def test_commits_forget_by_and_by(file):
    clock = Clock()
    with opened(file, clock=clock, keep_days=1) as database:
        for n in range(50):
            clock.micros += DAY // 4
            database.commit([Write.set("a/1", {"n": n})])
        assert len(database.changes().next_batch()) <= 6
        database.commit([Write.delete("a/1")])
        clock.micros += 2 * DAY
        database.commit([Write.set("b/1", {})])
    rows = sqlite3.connect(file)
    assert rows.execute("SELECT count(*) FROM versions").fetchone() == (1,)
    rows.close()


def test_a_document_that_came_again_is_not_forgotten(file):
    clock = Clock()
    with opened(file, clock=clock, keep_days=1) as database:
        for fields in ({"n": 1}, None, {"n": 2}):
            clock.micros += DAY
            database.commit([Write.delete("a/1") if fields is None else Write.set("a/1", fields)])
        clock.micros += 5 * DAY
        database.forget()
        assert database.get("a/1").fields == {"n": 2}
        assert [s.path for s in database.query(Query.of("a"))] == ["a/1"]


def test_a_reading_whose_versions_are_forgotten_says_so(file):
    clock = Clock()
    with opened(file, clock=clock, keep_days=1) as database:
        for at in range(0, 1200, 400):
            database.commit([Write.set(f"a/{n:04}", {"n": 1}) for n in range(at, at + 400)])
        answer = database.query(Query.of("a"))
        next(answer)
        clock.micros += DAY
        database.commit([Write.set("a/1199", {"n": 2}), Write.delete("a/1198")])
        clock.micros += 2 * DAY
        database.forget()
        with pytest.raises(EngineError) as caught:
            list(answer)
        assert caught.value.code == "feed-expired"


def test_a_feed_that_was_away_too_long_says_so(file):
    clock = Clock()
    with opened(file, clock=clock, keep_days=1) as database:
        database.commit([Write.set("a/1", {"n": 1})])
        feed = database.changes()
        take(feed, 1)
        position = feed.position()
        for n in (2, 3):
            clock.micros += DAY
            database.commit([Write.set("a/1", {"n": n})])
        clock.micros += 2 * DAY
        database.forget()
        for ask in (lambda: database.changes(position), feed.next_batch):
            with pytest.raises(EngineError) as caught:
                ask()
            assert caught.value.code == "feed-expired"


# Strange files


def test_a_file_is_its_owners_alone(file):
    opened(file).close()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_not_there_is_only_made_where_it_may(file, tmp_path):
    with pytest.raises(UsageError) as caught:
        opened(file, create=False)
    assert caught.value.code == "not-found" and not file.exists()
    opened(tmp_path / "new" / "folder" / "a.sqlite").close()


def test_what_is_no_database_is_left_alone(file):
    file.write_bytes(b"something else, and long enough to be looked at" * 20)
    before = file.read_bytes()
    with pytest.raises(UsageError, match="no database"):
        opened(file)
    assert file.read_bytes() == before


def test_another_programs_database_is_left_alone(file):
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE versions (id)")
    other.close()
    before = file.read_bytes()
    with pytest.raises(UsageError, match="another program"):
        opened(file)
    assert file.read_bytes() == before


def test_a_newer_format_is_refused(file):
    opened(file).close()
    rows = sqlite3.connect(file)
    rows.execute("PRAGMA user_version = 3")
    rows.close()
    with pytest.raises(UsageError, match="format 3; this release reads 2"):
        opened(file)


def test_a_damaged_file_is_told(file):
    with opened(file) as database:
        database.commit([Write.set(f"a/{n}", {"t": "x" * 900}) for n in range(200)])
    rows = sqlite3.connect(file)
    rows.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    rows.close()
    raw = bytearray(file.read_bytes())
    raw[8192:] = b"\xaa" * (len(raw) - 8192)
    file.write_bytes(raw)
    with pytest.raises(OntoFlowError) as caught, opened(file) as database:
        list(database.query(Query.of("a")))
    assert caught.value.code in ("database-failed", "wrong-usage") and str(file) in caught.value.where


@pytest.mark.parametrize(
    "options", [{"keep_days": "x"}, {"keep_days": -1}, {"keep_days": "nan"}, {"synchronous": "extra; DROP"}]
)
def test_wrong_options_are_refused(file, options):
    with pytest.raises(UsageError):
        EmbeddedDatabase(file, **options)


def test_a_place_of_another_database_is_refused(file, tmp_path):
    with opened(file) as database, opened(tmp_path / "other") as other:
        database.commit([Write.set("a/1", {})])
        feed = database.changes()
        take(feed, 1)
        with pytest.raises(UsageError, match="no such place"):
            other.changes(feed.position())
        with pytest.raises(OntoFlowError):
            database.changes(b"\x05\x01a")


def test_contention_is_told_when_one_attempt_is_all(file):
    with opened(file) as database:

        def body(transaction):
            transaction.get("a/1")
            with opened(file) as other:
                other.commit([Write.set("a/1", {"at": datetime.now(timezone.utc)})])
            transaction.write(Write.set("b/1", {}))

        with pytest.raises(EngineError) as caught:
            database.transact(body, attempts=1)
        assert caught.value.code == "contention"
        assert not database.get("b/1").exists


def test_the_last_attempt_cannot_lose(file):
    with opened(file) as database:
        tries = []

        def body(transaction):
            transaction.get("a/1")
            tries.append(1)
            if len(tries) < 3:
                with opened(file) as other:
                    other.commit([Write.set("a/1", {"n": len(tries)})])
            transaction.write(Write.set("b/1", {"tries": len(tries)}))

        database.transact(body, attempts=3)
        assert database.get("b/1").fields == {"tries": 3}


def test_a_commit_has_a_size(file):
    with opened(file) as database, pytest.raises(OntoFlowError) as caught:
        database.commit([Write.set(f"a/{n}", {"t": "x" * 1_000_000}) for n in range(11)])
    assert caught.value.code == "too-deep"
