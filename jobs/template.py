"""What a flex template of Dataflow starts: the views that its parameters name, kept right or computed once.

python -m jobs.template --views=udfs.stocks --source=EXPORT --sink=URI [--feed=URI] [OPTIONS]

`jobs/template.json` says what each parameter is. The launcher adds Beam's own options; they go to the engine as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from onto_flow.cli import main


def run(arguments: Sequence[str]) -> int:
    """Runs the job; returns the exit code.

    Args:
        arguments: `--name=value`, as the launcher gives them.
    """
    parser = argparse.ArgumentParser(prog="jobs.template", allow_abbrev=False)
    parser.add_argument("--views", required=True)
    parser.add_argument("--feed")
    given, rest = parser.parse_known_args(arguments)
    command = ["backfill"] if given.feed is None else ["run", f"--feed={given.feed}"]
    return main([*command, given.views, "--engine=beam", *rest])


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
