"""The tables of stocks: one document per stock and one per sector, from an export, kept right from a feed when there is one.

python -m jobs.stocks EXPORT OUT [FEED [OPTIONS]]
"""

from __future__ import annotations

import sys

from onto_flow.cli import main

VIEWS = "udfs.stocks"


def run(export: str, out: str, feed: str | None = None, *options: str) -> int:
    """Runs the job; returns the exit code.

    Args:
        export: The folder of a Firestore export.
        out: The folder of the Parquet tables.
        feed: A file of CloudEvents, one a line.
        options: Further options of the tool, such as `--snapshot-time` for an export that does not know its own.
    """
    job = [VIEWS, "--source", export, "--sink", f"parquet:{out}", *options]
    return main(["backfill", *job] if feed is None else ["run", *job, "--feed", feed])


if __name__ == "__main__":
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(run(*sys.argv[1:]))
