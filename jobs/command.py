"""The command line of a job: `backfill`, or `maintain` from a feed too; everything else is the tool's, `--engine` too.

python -m jobs.swapi backfill --source EXPORT --sink parquet:tables
python -m jobs.swapi maintain --source EXPORT --feed pubsub://PROJECT/SUBSCRIPTION --sink firestore://PROJECT --engine beam
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from onto_flow.cli import main
from onto_flow.cli.command import WRONG_USAGE

_COMMANDS = {"backfill": "backfill", "maintain": "run"}


def job(views: str, arguments: Sequence[str]) -> int:
    """Runs the job of some views; returns the exit code.

    Args:
        views: As the tool takes them.
        arguments: `backfill` or `maintain`, then the options of `onto-flow backfill` or `onto-flow run`.
    """
    word, *options = arguments or ("",)
    if word not in _COMMANDS:
        print(f"say what to do with {views}: backfill or maintain, then options (--help shows them)", file=sys.stderr)
        return WRONG_USAGE
    return main([_COMMANDS[word], views, *options])
