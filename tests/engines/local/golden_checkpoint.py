"""The bytes of a checkpoint of this release, which later releases must read.

    .venv/bin/python tests/engines/local/golden_checkpoint.py

makes those of this format again: once per release, and before it when a form of state changes. After a release a form that
changes gets a new `STATE_VERSION` or is read in both forms, and the folder of the release stays.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[3]
sys.path[:0] = [str(PROJECT), str(Path(__file__).parent)]

from meeting_job import meeting_room, run  # noqa: E402

from onto_flow import plan_views  # noqa: E402
from onto_flow.demo.meeting_room import MeetingSession  # noqa: E402
from onto_flow.engines.local.store import FORMAT  # noqa: E402

GOLDEN = PROJECT / "tests" / "golden"
FOLDER = GOLDEN / f"checkpoint-{FORMAT}"
CODE = {"MeetingSession": {"structure": "as of the golden bytes"}}
"""Pinned, as the plan's own text grows with the project."""


def run_to(directory, changes):
    """Runs the job over some changes."""
    return run(directory, changes=changes, plan=plan_views(MeetingSession), fingerprints=CODE)


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    run_to(FOLDER, meeting_room().changes[:-5])
    (FOLDER / "lock").unlink()
