"""`explain`: what a view reads and writes, and what has to be done where a job runs an older version of it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import UsageError
from .command import DONE, VIEWS, Command

if TYPE_CHECKING:
    from ..plan.against import Comparison
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
    from ..model.compile import plan_views
    from ..model.fingerprint import unnamed
    from ..plan.explain import explain_json, explain_text
    from ..plan.mermaid import explain_mermaid
    from ..views import load_views

    views = load_views(arguments.views)
    plan = plan_views(*views)
    said = explain_json(plan, {view.__name__: unnamed(view) for view in views})
    if arguments.against is not None:
        said = _against(Path(arguments.against), json.loads(said), arguments.format)
    elif arguments.format == "mermaid":
        said = explain_mermaid(plan)
    elif arguments.format == "text":
        said = explain_text(plan) + _backfilled(plan)
        if arguments.engine == "beam":
            said += _on_beam(views)
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


def explained(name: str) -> Mapping[str, object]:
    """What `explain --format json` says of the views of this name."""
    from ..model.compile import plan_views
    from ..model.fingerprint import unnamed
    from ..plan.explain import explain_json
    from ..views import load_views

    views = load_views(name)
    said: Mapping[str, object] = json.loads(explain_json(plan_views(*views), {v.__name__: unnamed(v) for v in views}))
    return said


def against(old: Path, now: Mapping[str, object]) -> Comparison:
    """How views differ from what `explain --format json` said of the version that a job runs.

    Raises:
        UsageError: `wrong-usage`: the file says nothing of views.
    """
    from ..plan.against import compare

    return compare(_read(old), now)


def _against(old: Path, now: Mapping[str, object], form: str) -> str:
    if form == "mermaid":
        raise UsageError("wrong-usage", "a comparison is not drawn", fix="Use --format text or json.")
    found = against(old, now)
    if form == "text":
        return found.text()
    said = {"answer": found.answer, "reasons": found.reasons, "names": found.names}
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def _read(old: Path) -> Mapping[str, object]:
    try:
        said = json.loads(old.read_text())
        if {view["name"] for view in said["views"]} and all(operator["id"] for operator in said["operators"]):
            return said  # type: ignore[no-any-return]
        raise ValueError("no view in it")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "wrong-usage", f"{old} cannot be compared: {error}", fix="Give what explain --format json printed."
        ) from error


EXPLAIN = Command(
    "explain", "what a view reads, where it writes, and the operators that maintain it", _arguments, _explain
)
