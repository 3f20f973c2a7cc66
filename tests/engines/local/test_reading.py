"""A checkpoint that is looked into is what the job would go on from."""

from __future__ import annotations

import pytest

from onto_flow.core.change import Change
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.core.values import Reference, from_micros
from onto_flow.engines.local.checkpoint import Checkpoint
from onto_flow.engines.local.derived import is_derived
from onto_flow.engines.local.layout import LARGE, Layout
from onto_flow.engines.local.reading import CheckpointReading
from onto_flow.testing.named_cases import VIA
from onto_flow.testing.shapes import Shape, plan_of
from tests.audit.jobs import LossyJob

BY = Shape("W", "outW", (("root", "a", -1, ()), ("by", "c", 0, ("s",)), ("on", "b", 1, ("k", "k"))))
PLAN = plan_of(VIA, BY)


@pytest.fixture
def job(tmp_path):
    """With a map that is kept entry by entry, and with a log that the table does not have yet."""
    many = 2 * LARGE
    seeds = [Change(f"c/{n}", None, {"s": Reference("a/1"), "k": n % 3}, (0, 1)) for n in range(many)]
    seeds += [Change(f"a/{n}", None, {"r": [Reference("b/1")], "n": n}, (0, 1)) for n in range(many)]
    seeds += [Change(f"b/{n}", None, {"k": n, "n": n}, (0, 1)) for n in range(4)]
    made = LossyJob(tmp_path / "state", PLAN, seeds, 1000)
    made.feed([change("a/7", None, 2000), change("a/é", {"n": 1}, 2001), change("b/1", {"k": 2, "n": 9}, 2002)], 3000)
    made.feed([change("a/8", {"n": 8}, 4000), change("c/5", None, 4001)], 5000)
    return made


def change(path, fields, at):
    return Change(path, None, fields, (at, 0) if fields is not None else (at, 1), from_micros(at))


def test_every_key_is_given_with_its_cells_in_order(job):
    with CheckpointReading(job.folder, PLAN, {}) as reading:
        found = {node.id: list(reading.every(node.id)) for node in PLAN.operators}
        assert (reading.snapshot, reading.running) == (1000, False)
    kept = Checkpoint(job.folder, PLAN, {}, began=0, generation=0, snapshot=None)
    try:
        for node in PLAN.operators:
            if not is_derived(node, PLAN):
                layout = Layout(node)
                expected = {key: layout.whole(cells) for key, cells in kept.state.every(node.id)}
                assert {key: layout.whole(cells) for key, cells in found[node.id]} == expected, node.id
        paths = [key.encode() for key, _ in found["ingest"]]
        assert paths == sorted(paths) and "a/é".encode() in paths
    finally:
        kept.close()


def test_it_is_read_while_the_job_goes_on_as_of_its_last_commit(job):
    with CheckpointReading(job.folder, PLAN, {}) as reading:
        before = dict(reading.every("ingest"))["b/2"]["document"]
        job.feed([change("b/2", {"n": 100}, 6000)], 7000)
        assert dict(reading.every("ingest"))["b/2"]["document"] == before
    with CheckpointReading(job.folder, PLAN, {}) as reading:
        assert dict(reading.every("ingest"))["b/2"]["document"][1] == {"n": 100}


def test_what_cannot_be_read_is_told(job, tmp_path):
    with pytest.raises(UsageError, match="there is no checkpoint at"):
        CheckpointReading(tmp_path / "none", PLAN, {})
    with pytest.raises(EngineError, match="W is gone"):
        CheckpointReading(job.folder, plan_of(VIA), {})
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "state.sqlite3").write_bytes(b"no database at all" * 100)
    with pytest.raises(EngineError, match="checkpoint-failed"):
        CheckpointReading(tmp_path / "odd", PLAN, {})
