"""The movielens tables: one document per genre and one per year, from an export, kept right from a feed when there is one.

python -m jobs.movielens EXPORT OUT [FEED]
"""

from __future__ import annotations

import sys

from onto_flow.cli import main

VIEWS = "udfs.movielens"


def run(export: str, out: str, feed: str | None = None) -> int:
    """Runs the job on the embedded engine; returns the exit code.

    Args:
        export: The folder of a Firestore export.
        out: The folder of the Parquet tables.
        feed: A file of CloudEvents, one a line.
    """
    if feed is None:
        return main(["backfill", VIEWS, "--source", export, "--sink", f"parquet:{out}"])
    return main(["run", VIEWS, "--source", export, "--feed", feed, "--sink", f"parquet:{out}"])


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
