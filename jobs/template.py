"""What a flex template of Dataflow starts: the views that its parameters name, computed from an export.

python -m jobs.template --views=udfs.stocks --source=EXPORT --sink=URI [OPTIONS]

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
    given, rest = parser.parse_known_args(arguments)
    return main(["backfill", given.views, "--engine=beam", *rest])


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
