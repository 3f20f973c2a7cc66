"""The movielens tables: one document per genre and one per year, from an export, kept right from a feed.

python -m jobs.movielens backfill --source EXPORT --sink parquet:tables
python -m jobs.movielens maintain --source EXPORT --feed FEED --sink parquet:tables [--engine beam]
"""

from __future__ import annotations

import sys

from .command import job

VIEWS = "udfs.movielens"


def run(*arguments: str) -> int:
    """Runs the job; returns the exit code."""
    return job(VIEWS, arguments)


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
