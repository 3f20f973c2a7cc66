"""The small shop's whole set-up: a job from Firestore, by Firestore's listeners; stopped, killed, away for too long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from contextlib import suppress
from random import Random

import pytest
from meeting_job import PLAN
from test_processes import PROJECT, VIEWS
from test_sqlite import documents

from onto_flow.core.errors import OntoFlowError
from onto_flow.core.writes import Write
from onto_flow.database.firestore import FirestoreDatabase
from onto_flow.demo import data
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.run import start
from onto_flow.testing.firestore import firestore_server
from onto_flow.testing.firestore_emulator import firestore_emulator
from onto_flow.testing.oracle import recompute

PATIENCE = 60.0
"""Seconds after which a test fails that waits."""


@pytest.fixture(scope="module")
def server():
    with firestore_server() as server:
        yield server


class Shop:
    """A database of Firestore, and a job over it.

    Args:
        folder: For the checkpoint, and the tables.
        server: The double that it is on, if it is.
    """

    def __init__(self, folder, server=None):
        self.project = f"demo-{uuid.uuid4().hex[:12]}"
        self.uri = f"firestore://{self.project}"
        self.folder, self.server = folder, server
        self.database = FirestoreDatabase(f"//{self.project}")
        self.documents = dict(data.documents())
        self.database.commit([Write(path, fields) for path, fields in self.documents.items()])
        self.random = Random(1)
        self.database.commit([Write("unread/u1", {})])

    def change(self, count):
        """Changes, deletions, and documents that come back."""
        known = data.documents()
        for n in range(count):
            path = self.random.choice([p for p in known if p.startswith(("tickets/", "users/"))])
            if path in self.documents and n % 4 == 3:
                del self.documents[path]
                self.database.commit([Write.delete(path)])
                continue
            field = "attendance" if path.startswith("tickets/") else "lastName"
            value = n % 2 == 0 if field == "attendance" else f"N{self.random.random()}"
            self.documents[path] = {**known[path], field: value}
            self.database.commit([Write(path, self.documents[path])])

    def delete(self, count):
        paths = sorted(p for p in self.documents if p.startswith("tickets/"))[:count]
        for path in paths:
            del self.documents[path]
        self.database.commit([Write.delete(path) for path in paths])

    def table(self):
        with suppress(OntoFlowError):
            return {view.name: documents(self.folder / "out.sqlite", view.collection) for view in PLAN.views}

    def until_right(self, still=lambda: None):
        """Waits until the tables are those of the documents."""
        expected = recompute(PLAN, self.documents)
        end = time.monotonic() + PATIENCE
        while (found := self.table()) != expected:
            still()
            assert time.monotonic() < end, (found, expected)
            time.sleep(0.02)

    def running(self):
        return Running(self)

    def process(self):
        line = [sys.executable, "-m", "onto_flow.cli", "run", VIEWS, "--source", self.uri, "--feed", self.uri]
        line += ["--sink", "sqlite:out.sqlite?synchronous=off", "--checkpoint", "state", "--checkpoint-every", "20ms"]
        paths = os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": paths}
        return subprocess.Popen(
            [*line, "--publish-every", "0.1"], cwd=self.folder, env=environment, text=True, stderr=subprocess.PIPE
        )

    @property
    def held(self):
        return self.server.held(self.project)


class Running:
    """The job, while it runs."""

    def __init__(self, shop):
        self.runs, self.errors = [], []
        self.thread = threading.Thread(target=self._run, args=(shop,))

    def _run(self, shop):
        options = {"checkpoint": str(shop.folder / "state"), "checkpoint_every": "20ms"}
        sink = f"sqlite:{shop.folder / 'out.sqlite'}?synchronous=off"
        views = [MeetingSession, OrganizationLoad]
        try:
            start(
                views,
                source=shop.uri,
                feed=shop.uri,
                sink=sink,
                publish_every=0.05,
                on_sink=self.runs.append,
                options=options,
            )
        except BaseException as error:
            self.errors.append(error)

    def __enter__(self):
        self.thread.start()
        return self

    def look(self):
        assert not self.errors, self.errors

    def __exit__(self, *error):
        for run in self.runs:
            run.stop.set()
        self.thread.join(PATIENCE)
        assert not self.errors, self.errors


def lives(shop, forget):
    """From nothing to a table; changes; stopped, and changed meanwhile; away for so long that no token is known."""
    with shop.running() as job:
        shop.until_right(job.look)
        shop.change(12)
        shop.until_right(job.look)
    shop.change(12)
    shop.delete(2)
    with shop.running() as job:
        shop.until_right(job.look)
        shop.change(8)
        shop.until_right(job.look)
    shop.change(8)
    shop.delete(2)
    forget()
    with shop.running() as job:
        shop.until_right(job.look)
        shop.change(8)
        shop.until_right(job.look)
    shop.database.close()


def test_a_job_from_firestore_by_its_listeners(tmp_path, server, monkeypatch):
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
    shop = Shop(tmp_path, server)
    lives(shop, lambda: setattr(shop.held, "epoch", 1))


def test_a_job_from_firestore_on_the_emulator(tmp_path, emulator_jar, monkeypatch):
    with firestore_emulator() as address:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", address)
        lives(Shop(tmp_path), lambda: None)


def test_a_restart_in_time_reads_what_has_changed_alone(tmp_path, server, monkeypatch):
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
    shop = Shop(tmp_path, server)
    with shop.running() as job:
        shop.until_right(job.look)
        shop.change(4)
        shop.until_right(job.look)
    read = server.faults.documents
    shop.change(3)
    with shop.running() as job:
        shop.until_right(job.look)
    assert server.faults.documents - read <= 3 + 1, "three documents, and the one that tells the time"
    shop.database.close()


def test_listeners_that_break_lose_changes_or_their_place(tmp_path, server, monkeypatch):
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
    shop = Shop(tmp_path, server)
    with shop.running() as job:
        shop.until_right(job.look)
        for number in range(6):
            if number % 3 == 0:
                server.break_streams()
            elif number % 3 == 1:
                shop.held.miss(*(p for p in shop.documents if p.startswith("tickets/")))
            else:
                shop.held.epoch += 1
                server.break_streams()
            shop.change(5)
            shop.delete(1)
            shop.until_right(job.look)
    shop.database.close()


def test_a_job_that_is_killed_goes_on_where_its_checkpoint_is(tmp_path, server, monkeypatch):
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
    shop = Shop(tmp_path, server)
    for way in (signal.SIGKILL, signal.SIGTERM):
        process = shop.process()

        def alive(process=process):
            assert process.poll() is None, process.communicate()[1]

        shop.until_right(alive)
        shop.change(10)
        if way == signal.SIGTERM:
            shop.until_right(alive)
        process.send_signal(way)
        _, errors = process.communicate(timeout=PATIENCE)
        shop.change(3 if way == signal.SIGKILL else 0)
    assert process.returncode == 0, errors
    shop.database.close()
