"""`explain`: what a view reads and writes."""

from __future__ import annotations

import argparse

from .command import DONE, VIEWS, Command


def _arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("views", help=VIEWS)
    command.add_argument("--format", choices=("text", "json", "mermaid"), default="text")


def _explain(arguments: argparse.Namespace) -> int:
    from ..model.compile import plan_views
    from ..plan.explain import explain_json, explain_text
    from ..plan.mermaid import explain_mermaid
    from ..views import load_views

    explain = {"text": explain_text, "json": explain_json, "mermaid": explain_mermaid}[arguments.format]
    print(explain(plan_views(*load_views(arguments.views))), end="")
    return DONE


EXPLAIN = Command(
    "explain", "what a view reads, where it writes, and the operators that maintain it", _arguments, _explain
)
