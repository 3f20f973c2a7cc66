"""Jobs with Firestore as their sink: killed, the tables are the same in the end, and nothing was written twice."""

from __future__ import annotations

import json
import subprocess
from random import Random

import pytest
from meeting_job import PLAN
from test_processes import flips, room, start  # noqa: F401 - a fixture

from onto_flow.core.collection import Collection
from onto_flow.core.fence import FENCE, without_fence
from onto_flow.database import Query
from onto_flow.database.firestore import FirestoreDatabase
from onto_flow.formats import encode_change
from onto_flow.testing.firestore import firestore_server
from onto_flow.testing.oracle import recompute

PATIENCE = 120.0


def tables():
    with FirestoreDatabase("//p") as place:
        found = {v.name: list(place.query(Query.of(Collection(v.collection)))) for v in PLAN.views}
    return {name: {s.path: without_fence(s.fields) for s in snapshots} for name, snapshots in found.items()}


def killed(folder, server, rounds, count, seed):
    random = Random(seed)
    changes, final = flips(count, random)
    (folder / "feed.jsonl").write_text("".join(json.dumps(encode_change(c)) + "\n" for c in changes))
    for last in [False] * rounds + [True]:
        process = start(folder, sink="firestore://p")
        try:
            process.wait(timeout=PATIENCE if last else random.uniform(0.5, 3.0))
        except subprocess.TimeoutExpired:
            process.kill()
        _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert tables() == recompute(PLAN, final)
    return written(server)


def written(server):
    """(path, fence) of every view document that the database ever held."""
    held = server.held("p").database
    found = []
    feed = held.changes()
    while batch := feed.next_batch():
        found += [(c.path, tuple(c.after[FENCE].values())) for c in batch if c.after and FENCE in c.after]
    return found


def test_a_job_that_is_killed_writes_nothing_twice(room, monkeypatch):  # noqa: F811
    with firestore_server() as server:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
        found = killed(room, server, 2, 1000, 1)
    assert len(found) == len(set(found)), "each version was written once at most"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 5))
def test_a_job_that_is_killed_ten_times(room, monkeypatch, seed):  # noqa: F811
    with firestore_server() as server:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
        found = killed(room, server, 10, 10_000, seed)
    assert len(found) == len(set(found))
