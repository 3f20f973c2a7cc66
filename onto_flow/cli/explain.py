"""`explain`: what a view reads and writes."""

from __future__ import annotations

import argparse

from .command import DONE, VIEWS, Command


def _arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("views", help=VIEWS)
    command.add_argument("--format", choices=("text", "json"), default="text")


def _explain(arguments: argparse.Namespace) -> int:
    from ..model.compile import plan_views
    from ..plan.explain import explain_json, explain_text
    from ..views import load_views

    plan = plan_views(*load_views(arguments.views))
    print(explain_json(plan) if arguments.format == "json" else explain_text(plan), end="")
    return DONE


EXPLAIN = Command(
    "explain", "what a view reads, where it writes, and the operators that maintain it", _arguments, _explain
)
