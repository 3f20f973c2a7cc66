"""The meeting room: one document per meeting and one per organization, from an export, kept right from a feed.

python -m jobs.meeting_room backfill --source EXPORT --sink parquet:tables
python -m jobs.meeting_room maintain --source EXPORT --feed FEED --sink parquet:tables [--engine beam]
"""

from __future__ import annotations

import sys

from .command import job

VIEWS = "onto_flow.demo.meeting_room"


def run(*arguments: str) -> int:
    """Runs the job; returns the exit code."""
    return job(VIEWS, arguments)


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
