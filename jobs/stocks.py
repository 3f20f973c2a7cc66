"""The tables of stocks: one document per stock and one per sector, from an export, kept right from a feed.

python -m jobs.stocks backfill --source EXPORT --sink parquet:tables
python -m jobs.stocks maintain --source EXPORT --feed FEED --sink parquet:tables [--engine beam]
"""

from __future__ import annotations

import sys

from .command import job

VIEWS = "udfs.stocks"


def run(*arguments: str) -> int:
    """Runs the job; returns the exit code."""
    return job(VIEWS, arguments)


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
