"""The tool with a checkpoint, as processes: killed in a loop, stopped by SIGTERM, started a second time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest
from meeting_job import PLAN
from test_sqlite import documents

from onto_flow.core.change import Change, ViewChange
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.core.values import from_micros, to_micros
from onto_flow.demo import data
from onto_flow.engines.local.copying import summary
from onto_flow.formats import encode_change
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.typed_json import decode_fields
from onto_flow.testing.judge_changes import applied
from onto_flow.testing.oracle import recompute

PROJECT = Path(__file__).parents[3]
VIEWS = "onto_flow.demo.meeting_room"


def flips(count, random):
    """Tickets whose attendance changes, users who get other names: (changes, the documents in the end)."""
    documents = dict(data.documents())
    changes = []
    for n in range(count):
        path = random.choice([p for p in documents if p.startswith(("tickets/", "users/"))])
        field = "attendance" if path.startswith("tickets/") else "lastName"
        documents[path] = {**documents[path], field: n % 2 == 0 if field == "attendance" else f"N{n}"}
        micros = to_micros(data.EXPORTED_AT) + 1000 * (n + 1)
        changes.append(Change(path, None, documents[path], (micros, 0), from_micros(micros)))
    return changes, documents


@pytest.fixture
def room(tmp_path):
    write_export(tmp_path / "export", sorted(data.documents().items()), snapshot_time=data.EXPORTED_AT)
    return tmp_path


def start(folder, feed="jsonl:feed.jsonl?batch_lines=10", sink="parquet:out?grace=0", **pipes):
    line = [sys.executable, "-m", "onto_flow.cli", "run", VIEWS, "--source", "export", "--feed", feed]
    line += ["--sink", sink, "--checkpoint", "state", "--checkpoint-every", "20ms"]
    paths = os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths}
    return subprocess.Popen(
        [*line, "--publish-every", "0.1"], cwd=folder, env=environment, text=True, stderr=subprocess.PIPE, **pipes
    )


def tables(folder):
    found = {}
    for view in PLAN.views:
        rows = pq.read_table(folder / "out" / view.collection).to_pylist()
        found[view.name] = {row.pop("__path__"): row for row in rows}
    return found


def lines(folder):
    """What a consumer has that keeps the highest version of each path; a line that was cut off is none."""
    changes = []
    for text in (folder / "out.jsonl").read_bytes().split(b"\n"):
        with suppress(ValueError):
            line = json.loads(text)
            fields = None if line["new"] is None else decode_fields(line["new"])
            changes.append(ViewChange(line["view"], line["path"], None, fields, tuple(line["version"])))
    return applied(changes)


def collections(folder):
    return {view.name: documents(folder / "out.sqlite", view.collection) for view in PLAN.views}


SINKS = {
    "parquet": ("parquet:out?grace=0", tables),
    "jsonl": ("jsonl:out.jsonl", lines),
    "sqlite": ("sqlite:out.sqlite?synchronous=off", collections),
}


def killed(folder, rounds, count, seed, sink="parquet"):
    """Kills a job at random moments, then lets it end."""
    sink, read_back = SINKS[sink]
    random = Random(seed)
    changes, final = flips(count, random)
    (folder / "feed.jsonl").write_text("".join(json.dumps(encode_change(c)) + "\n" for c in changes))
    for _ in range(rounds):
        process = start(folder, sink=sink)
        try:
            process.wait(timeout=random.uniform(0.3, 2.5))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
    process = start(folder, sink=sink)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert f"16 documents, {count} changes" in errors
    assert read_back(folder) == recompute(PLAN, final)


def test_a_job_that_is_killed_in_a_loop_ends_in_the_same_tables(room):
    killed(room, 3, 3000, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("seed", range(10, 15))
def test_a_job_that_is_killed_many_times_ends_in_the_same_tables(room, seed, sink):
    killed(room, 15, 20_000, seed, sink)


def shown(folder):
    try:
        return tables(folder)
    except (FileNotFoundError, OSError):
        return {}


def test_sigterm_ends_a_job_within_ten_seconds_with_a_checkpoint_and_a_second_one_is_refused(room):
    changes, documents = flips(50, Random(2))
    process = start(room, feed="-", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write("".join(json.dumps(encode_change(c)) + "\n" for c in changes))
    process.stdin.flush()
    deadline, expected = time.monotonic() + 60, recompute(PLAN, documents)
    while shown(room) != expected:
        assert time.monotonic() < deadline, "the quiet feed was not published"
        time.sleep(0.05)

    second = start(room, feed="-", stdin=subprocess.DEVNULL)
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 1 and f"process {process.pid} on" in errors and "[checkpoint-locked]" in errors

    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert time.monotonic() - began < 10 and "50 changes" in errors

    third = start(room, feed="-", stdin=subprocess.DEVNULL)
    _, errors = third.communicate(timeout=60)
    assert third.returncode == 0 and "16 documents, 50 changes" in errors
    assert tables(room) == expected


def committed(folder):
    """How many changes the checkpoint has: none while its file is being made."""
    with suppress(EngineError, UsageError):
        return summary(folder / "state").counts.get("changes", 0)
    return 0


def test_sigterm_ends_a_job_within_ten_seconds_with_much_of_its_feed_left_to_read(room):
    changes, _ = flips(2000, Random(3))
    text = "".join(json.dumps(encode_change(c)) + "\n" for c in changes)
    (room / "feed.jsonl").write_text(text * 100)
    process = start(room, feed="jsonl:feed.jsonl?batch_lines=1000")
    deadline = time.monotonic() + 60
    while not committed(room):
        assert time.monotonic() < deadline, "no change was committed"
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert time.monotonic() - began < 10
    left = summary(room / "state").counts["changes"]
    assert 0 < left < 200_000 and f"{left} changes" in errors.replace(",", "")


def test_a_checkpoint_is_copied_and_shown_by_the_tool(room):
    (room / "feed.jsonl").write_text("")
    process = start(room)
    process.communicate(timeout=60)
    assert process.returncode == 0

    def tool(*words):
        line = [sys.executable, "-m", "onto_flow.cli", "checkpoint", *words]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        return subprocess.run(line, cwd=room, env=environment, capture_output=True, text=True)

    assert tool("copy", "state", "copy").returncode == 0
    shown = tool("show", "copy").stdout
    assert "MeetingSession, OrganizationLoad" in shown and "documents\t16" in shown and "loaded\tyes" in shown
    assert "say where to" in tool("copy", "state").stderr
    assert tool("show", "nowhere").returncode == 2
