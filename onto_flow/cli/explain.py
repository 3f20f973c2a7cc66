"""`explain`: what a view reads and writes, and what has to be done where a job runs an older version of it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import UsageError
from .command import DONE, VIEWS, Command

if TYPE_CHECKING:
    from ..plan.nodes import Plan


def _arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("views", help=VIEWS)
    command.add_argument("--format", choices=("text", "json", "mermaid"), default="text")
    command.add_argument(
        "--engine", choices=("beam",), help="what the jobs of the views need of a runner, and which has it"
    )
    command.add_argument(
        "--against", metavar="OLD.json", help="what explain --format json said of the version that a job runs"
    )


def _explain(arguments: argparse.Namespace) -> int:
    from ..deploy.versions import explained
    from ..model.compile import plan_views
    from ..plan.explain import explain_text
    from ..plan.mermaid import explain_mermaid
    from ..views import load_views

    views = load_views(arguments.views)
    if arguments.against is not None:
        said = _against(Path(arguments.against), views, arguments.format)
    elif arguments.format == "mermaid":
        said = explain_mermaid(plan_views(*views))
    elif arguments.format == "text":
        plan = plan_views(*views)
        said = explain_text(plan) + _backfilled(plan)
        if arguments.engine == "beam":
            said += _on_beam(views)
    else:
        said = explained(views)
    print(said, end="")
    return DONE


def _backfilled(plan: Plan) -> str:
    """How a job without a feed computes the tables, on the embedded engine and on Beam."""
    from ..engines.bulk import unknown

    found = unknown(plan)
    why = f"through the operators, with state: {', '.join(found)}" if found else "at once, without state"
    return f"\nbackfill: {why}\n"


def _on_beam(views: Sequence[type]) -> str:
    """What a backfill and a stream of the views need of a runner of Beam, and what each runner can do of it."""
    from ..streams import beam_needs

    needs, runners = beam_needs(views)
    said = [f"on Beam, a {job} needs {', '.join(what) or 'nothing special'}\n" for job, what in needs.items()]
    return "".join(["\n", *said, "\n", runners])


def _against(old: Path, views: Sequence[type], form: str) -> str:
    from ..deploy.versions import differences

    if form == "mermaid":
        raise UsageError("wrong-usage", "a comparison is not drawn", fix="Use --format text or json.")
    found = differences(old, views)
    if form == "text":
        return found.text()
    said = {"answer": found.answer, "reasons": found.reasons, "names": found.names}
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


EXPLAIN = Command(
    "explain", "what a view reads, where it writes, and the operators that maintain it", _arguments, _explain
)
