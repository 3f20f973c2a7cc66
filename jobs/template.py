"""What a flex template of Dataflow starts: the views that its parameters name, from an export, or kept right by a feed.

python -m jobs.template --views=udfs.stocks --source=EXPORT --sink=URI [--feed=pubsub://P/S] [OPTIONS]

`jobs/template.json` says what each parameter is. The launcher adds Beam's own options; they go to the engine as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from onto_flow.cli import main

OPTIONAL = (
    "feed",
    "seeds",
    "format",
    "snapshot_time",
    "dead_letters",
    "max_writes_per_second",
    "write_budget_per_day",
    "generation",
)


def run(arguments: Sequence[str]) -> int:
    """Runs the job; returns the exit code.

    Args:
        arguments: `--name=value`, as the launcher gives them.
    """
    parser = argparse.ArgumentParser(prog="jobs.template", allow_abbrev=False)
    parser.add_argument("--views", required=True)
    for name in OPTIONAL:
        parser.add_argument(f"--{name}")
    given, rest = parser.parse_known_args(arguments)
    said = {name: value for name in OPTIONAL if (value := getattr(given, name))}
    words = [f"--{name.replace('_', '-')}={value}" for name, value in said.items()]
    command = ["run", given.views] if given.feed else ["backfill", given.views, "--no-wait"]
    return main([*command, *words, "--engine=beam", *rest])


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
