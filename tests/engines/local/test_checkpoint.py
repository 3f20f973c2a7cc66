"""A checkpoint directory: one writer, one code, one format; full disks, torn commits, copies."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing

import golden_checkpoint
import pytest
from meeting_job import PLAN, meeting_room, run
from test_restarts import TestVersionedSink as Versioned
from test_restarts import VersionedSink

from onto_flow import plan_views
from onto_flow.core.change import DeadLetter, ViewChange
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.local.checkpoint import Checkpoint
from onto_flow.engines.local.copying import copy_checkpoint, summary
from onto_flow.engines.local.store import FILE, FORMAT, READS, Store
from onto_flow.sinks.memory import MemorySink


def opened(directory, *, fingerprints=None, plan=PLAN, generation=1, sink=""):
    return Checkpoint(directory, plan, fingerprints or {}, began=5, generation=generation, snapshot=7, sink=sink)


def tables(sink):
    return {view: sink.documents(view) for view in sink.views()}


def expected():
    return dict(meeting_room().expected)


def test_a_second_process_is_refused_and_told_who_is_there(tmp_path):
    first = opened(tmp_path)
    with pytest.raises(EngineError, match=r"process \d+ on .*, which began at 20.*, is using this checkpoint") as told:
        opened(tmp_path)
    assert told.value.code == "checkpoint-locked" and str(tmp_path) in told.value.where
    first.close()
    opened(tmp_path).close()


def test_a_process_that_was_taken_over_writes_nothing_any_more(tmp_path):
    stale = opened(tmp_path)
    (tmp_path / "lock").unlink()
    other = opened(tmp_path)
    stale.take(ViewChange("V", "v/1", None, {"n": 1}, (1, 0, 1)))
    with pytest.raises(EngineError, match="took this checkpoint over") as told:
        stale.commit({"p": b"9"}, loaded=True)
    assert told.value.code == "checkpoint-fenced"
    with pytest.raises(EngineError, match="took this checkpoint over"):
        stale.store.verify()
    other.commit({}, loaded=True)
    assert other.points() == {} and other.outbox() == []
    stale.close()
    other.close()


def test_a_job_that_was_taken_over_publishes_nothing(tmp_path):
    """The other process starts between two publications; the first one's table must not replace a newer one."""

    class Interrupted(MemorySink):
        published = 0

        def write(self, changes):
            super().write(changes)
            if self.published and not taken:
                (tmp_path / "lock").unlink()
                taken.append(opened(tmp_path))

        def publish(self):
            self.published += 1
            return super().publish()

    taken, sink = [], Interrupted()
    with pytest.raises(EngineError, match="took this checkpoint over"):
        run(tmp_path, sink=sink)
    taken[0].close()
    assert sink.published == 1


def test_a_checkpoint_of_other_code_is_refused_with_what_changed(tmp_path):
    made = {"MeetingSession": {"structure": "a", "attending": "b", "User": "c"}, "Gone": {"structure": "x"}}
    checkpoint = opened(tmp_path, fingerprints=made)
    checkpoint.commit({}, loaded=True)
    checkpoint.close()
    now = {"MeetingSession": {"structure": "a", "attending": "B", "User": "C"}, "New": {"structure": "x"}}
    with pytest.raises(EngineError) as told:
        opened(tmp_path, fingerprints=now)
    assert told.value.code == "checkpoint-differs"
    assert "Gone is gone; MeetingSession changed in attending, User; New is new" in told.value.what
    opened(tmp_path, fingerprints=made).close()


def test_without_fingerprints_the_structure_of_the_plan_is_compared(tmp_path):
    run(tmp_path)
    with pytest.raises(EngineError, match="OrganizationLoad is gone"):
        run(tmp_path, plan=plan_views(MeetingSession))


def test_a_first_load_that_was_not_complete_begins_again_with_any_code(tmp_path):
    opened(tmp_path, fingerprints={"A": {"structure": "a"}}).close()
    again = opened(tmp_path, fingerprints={"B": {"structure": "b"}}, generation=9)
    assert not again.loaded and again.generation == 9
    again.close()


def test_a_file_of_a_newer_release_is_refused(tmp_path):
    run(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.close()
    for look in (run, summary):
        with pytest.raises(
            EngineError, match=f"a checkpoint of format {FORMAT + 1}; this release reads 2 to {FORMAT}"
        ) as told:
            look(tmp_path)
        assert told.value.code == "state-version"


@pytest.mark.parametrize(
    "bytes_", [b"not a database, and longer than a header of one" * 9, b"SQLite format 3\0" + b"\xff" * 4000]
)
def test_a_damaged_file_is_told(tmp_path, bytes_):
    (tmp_path / FILE).write_bytes(bytes_)
    with pytest.raises(EngineError) as told:
        run(tmp_path)
    assert told.value.code == "checkpoint-failed" and FILE in told.value.where


def test_another_database_is_not_written_to(tmp_path):
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    with pytest.raises(EngineError, match="not a checkpoint"):
        run(tmp_path)


class Limited:
    """A connection to a file that may not grow any more from some commit on."""

    def __init__(self, connection, commits):
        self.connection, self.commits = connection, commits

    def execute(self, statement, *parameters):
        found = self.connection.execute(statement, *parameters)
        if statement == "COMMIT":
            self.commits -= 1
            if self.commits == 0:
                [pages] = self.connection.execute("PRAGMA page_count").fetchone()
                self.connection.execute(f"PRAGMA max_page_count = {pages}")
        return found

    def __getattr__(self, name):
        return getattr(self.connection, name)


class FailingBehind:
    """A connection whose COMMIT fails the n-th time that another thread makes it than the one that opened the file."""

    def __init__(self, connection, fails, on_failure):
        self.connection, self.left, self.on_failure = connection, fails, on_failure
        self.opener = threading.get_ident()

    def execute(self, statement, *parameters):
        if statement == "COMMIT" and threading.get_ident() != self.opener:
            self.left -= 1
            if self.left == 0:
                self.on_failure()
                raise sqlite3.OperationalError("disk I/O error")
        return self.connection.execute(statement, *parameters)

    def __getattr__(self, name):
        return getattr(self.connection, name)


@pytest.mark.parametrize("fails", [1, 2, 3])
def test_a_commit_that_fails_while_the_feed_goes_on_ends_the_job_and_nobody_is_told_of_it(tmp_path, fails):
    given, given_before = [], []

    class Listening(MemorySink):
        def write(self, changes):
            given.append(len(changes))
            super().write(changes)

    def connect(*arguments, **options):
        return FailingBehind(sqlite3.connect(*arguments, **options), fails, lambda: given_before.append(len(given)))

    with pytest.raises(EngineError, match="disk I/O error") as told:
        run(tmp_path, sink=Listening(), connect=connect, options={"checkpoint_every": "0.000001s"})
    assert told.value.code == "checkpoint-failed" and str(tmp_path) in told.value.where
    assert given_before == [len(given)]
    sink, _ = run(tmp_path)
    assert tables(sink) == expected()


@pytest.mark.parametrize("commits", range(3, 9))
def test_a_full_disk_ends_the_job_and_with_room_it_goes_on(tmp_path, commits, monkeypatch):
    padding = {"padding": "x" * 20_000}
    changes = [c._replace(after=None if c.after is None else {**c.after, **padding}) for c in meeting_room().changes]
    monkeypatch.setattr("onto_flow.engines.local.store._FREE_PAGES", -1)
    wide = PLAN.__class__(
        PLAN.views, PLAN.operators, PLAN.projection.__class__(tuple((c, None) for c, _ in PLAN.projection.collections))
    )
    sink = VersionedSink(tmp_path / "tables")
    options = {"changes": changes, "plan": wide}
    failed = 0
    try:
        run(
            tmp_path / "state", sink=sink, connect=lambda *a, **o: Limited(sqlite3.connect(*a, **o), commits), **options
        )
    except EngineError as error:
        failed = 1
        assert error.code == "checkpoint-failed" and "full" in error.what and "Make room" in error.fix
    run(tmp_path / "state", sink=VersionedSink(tmp_path / "tables"), **options)
    found = {view: dict(sink.held.table(view).documents()) for view in sink.held.views()}
    assert found == expected()
    assert failed or commits > 5, "the disk was never full"


def test_an_outbox_that_grows_long_is_written_anew_with_what_was_shown_first_and_last(tmp_path, monkeypatch):
    def change(n, path="v/1"):
        return ViewChange("V", path, {"n": n - 1} if n else None, {"n": n}, (1, 0, n + 1))

    monkeypatch.setattr("onto_flow.engines.local.checkpoint._LONG", 500)
    checkpoint = opened(tmp_path)
    checkpoint.take(change(0, "v/2"))
    checkpoint.commit({}, loaded=True)
    checkpoint.published(checkpoint.hand_over())
    checkpoint.take(change(5, "v/3"))
    longest = 0
    for n in range(1, 100):
        checkpoint.take(change(n))
        checkpoint.commit({})
        longest = max(longest, checkpoint.store.one("SELECT sum(length(data)) FROM outbox"))
    checkpoint.close()
    assert longest < 1000
    again = opened(tmp_path)
    expected = [change(5, "v/3"), change(99)._replace(old={"n": 0})]
    assert sorted(again.outbox(), key=lambda c: -ord(c.path[-1])) == expected
    again.take(change(100))
    again.commit({})
    assert change(100)._replace(old={"n": 0}) in again.outbox()
    again.published(again.hand_over())
    again.take(change(101))
    again.commit({})
    assert again.outbox() == [change(101)]
    again.close()


class TestTornCommits:
    """The machine stops while a commit is on its way to the disk: some of it is there, then something else."""

    def test_what_is_torn_counts_as_not_written(self, tmp_path):
        suite = Versioned()
        _, passed = suite.restarts(tmp_path / "whole").live()
        commits = [at for at, name in enumerate(passed.names) if name == "after COMMIT"]
        assert len(commits) > 5
        torn = 0
        for at in commits[2::2]:
            before = self.left(suite, tmp_path / f"before-{at}", at - 1)
            for share in (0.0, 0.9):
                job = suite.restarts(tmp_path / f"{at}-{share}")
                job.live(at)
                log = job.state / f"{FILE}-wal"
                if log.exists() and log.stat().st_size > before:
                    written = log.read_bytes()
                    cut = before + int(share * (len(written) - before - 1))
                    log.write_bytes(written[:cut] + b"\x5a" * 9000)
                    torn += 1
                job.live()
                assert job.complaints() == [], (passed.names[at - 1], share)
                job.bury()
        assert torn > 5

    @staticmethod
    def left(suite, folder, at):
        """How long the log was before the commit."""
        job = suite.restarts(folder)
        job.live(at)
        log = job.state / f"{FILE}-wal"
        job.bury()
        return log.stat().st_size if log.exists() else 0


def test_a_copy_that_is_made_while_the_job_runs_goes_on_elsewhere(tmp_path):
    copies = []

    class Copying(MemorySink):
        def publish(self):
            copies.append(tmp_path / f"copy-{len(copies)}")
            copy_checkpoint(tmp_path / "state", copies[-1])
            return super().publish()

    sink, _ = run(tmp_path / "state", sink=Copying())
    assert tables(sink) == expected() and len(copies) > 1
    for copy in copies:
        assert [p.name for p in copy.iterdir()] == [FILE] and (copy / FILE).stat().st_mode & 0o777 == 0o600
        shutil.move(copy, tmp_path / "elsewhere")
        moved, report = run(tmp_path / "elsewhere")
        assert tables(moved) == expected() and report.changes == len(meeting_room().changes)
        shutil.rmtree(tmp_path / "elsewhere")


def test_a_copy_needs_a_checkpoint_and_an_empty_place(tmp_path):
    with pytest.raises(UsageError, match="there is no checkpoint at"):
        copy_checkpoint(tmp_path / "none", tmp_path / "to")
    run(tmp_path / "state")
    with pytest.raises(UsageError, match="is not empty"):
        copy_checkpoint(tmp_path / "state", tmp_path / "state")
    found = summary(tmp_path / "state")
    assert found.loaded and found.views == ["MeetingSession", "OrganizationLoad"] and found.epoch == 1
    assert found.counts["documents"] == 16 and found.partitions == ["all"] and found.bytes > 10_000


def test_another_sink_is_given_the_whole_table(tmp_path):
    first, second = VersionedSink(tmp_path / "a"), VersionedSink(tmp_path / "b")
    run(tmp_path / "state", sink=first, sink_name="sink:a")
    run(tmp_path / "state", sink=second, sink_name="sink:b")
    for sink in (first, second):
        assert {v: dict(sink.held.table(v).documents()) for v in sink.held.views()} == expected()


def test_a_job_that_goes_on_keeps_its_generation_and_its_versions_rise(tmp_path):
    case = meeting_room()
    first, _ = run(tmp_path, changes=case.changes[:4], generation=5)
    second, report = run(tmp_path, generation=6)
    versions = {(c.view, c.path): c.version for c in first.changes}
    assert {c.version[:2] for c in first.changes + second.changes} == {(5, 0)}
    assert all(c.version >= versions.get((c.view, c.path), (0, 0, 0)) for c in second.changes)
    assert report.changes == len(case.changes) and report.documents == 16


def test_dead_letters_of_the_last_commit_are_given_again(tmp_path):
    checkpoint = opened(tmp_path)
    letter = DeadLetter("view:V:v/1", "udf-failed: x", payload={"n": {1, 2}})
    checkpoint.put(letter)
    checkpoint.commit({}, loaded=True)
    checkpoint.close()
    again = opened(tmp_path)
    [found] = again.letters()
    assert found[:3] == letter[:3] and "{1, 2}" in found.payload
    again.commit({})
    assert again.letters() == []
    again.close()


def test_free_pages_go_back_to_the_system(tmp_path, monkeypatch):
    monkeypatch.setattr("onto_flow.engines.local.store._FREE_PAGES", 10)
    store = Store(tmp_path / FILE)
    with store.transaction():
        store.write("INSERT INTO state VALUES (1, ?, x'', ?)", [(n, b"x" * 5000) for n in range(500)])
    full = store.bytes()
    with store.transaction():
        store.write("DELETE FROM state WHERE key >= 20")
    assert store.bytes() < full / 10
    assert store.one("PRAGMA page_count") > 300
    store.compact()
    assert store.one("PRAGMA page_count") < 50
    store.close()


@pytest.mark.parametrize("version", READS)
def test_the_checkpoint_of_every_format_is_read(tmp_path, version):
    """Made by `golden_checkpoint.py`, five changes before the end; it goes on with the others."""
    shutil.copytree(golden_checkpoint.GOLDEN / f"checkpoint-{version}", tmp_path / "state")
    with closing(sqlite3.connect(tmp_path / "state" / FILE)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (version,)
        assert connection.execute("SELECT count(*) FROM log").fetchone() > (0,)
    sink, report = golden_checkpoint.run_to(tmp_path / "state", meeting_room().changes)
    assert tables(sink)["MeetingSession"] == expected()["MeetingSession"] and report.documents == 16
    assert {c.version[0] for c in sink.changes} == {1}
    with closing(sqlite3.connect(tmp_path / "state" / FILE)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT,), "an older release must refuse it now"
