"""The Star Wars tables: one document per film and one per person, from an export, kept right from a feed.

python -m jobs.swapi backfill --source EXPORT --sink parquet:tables
python -m jobs.swapi maintain --source EXPORT --feed FEED --sink parquet:tables [--engine beam]
"""

from __future__ import annotations

import sys

from .command import job

VIEWS = "udfs.swapi"


def run(*arguments: str) -> int:
    """Runs the job; returns the exit code."""
    return job(VIEWS, arguments)


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
