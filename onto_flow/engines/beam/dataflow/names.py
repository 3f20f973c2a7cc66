"""The names of transforms of a running job and of its new version: Dataflow finds state by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

STEP = "step"
"""What the DoFn of an operator is called (`steps.OperatorFn.default_label`)."""


def mapping(graph: Any, names: Mapping[str, str]) -> dict[str, str]:
    """Old name -> new name of all transforms of operators that have another name now.

    Args:
        graph: The new pipeline, as Beam's proto.
        names: Operator of the running job -> its name now, `""` where it is gone (`plan.against.Comparison.names`).

    Returns:
        Full names as Dataflow has them; `""` for state that goes.
    """
    was = {new: old for old, new in names.items() if new}
    now = [transform.unique_name for transform in graph.components.transforms.values()]
    found = dict(renamed for name in now for renamed in _renamed(name, was))
    prefixes = {prefix for name in now if (prefix := _before(name)) is not None}
    gone = [old for old, new in names.items() if not new]
    return found | {f"{prefix}{old}/ParDo({STEP})": "" for prefix in sorted(prefixes) for old in gone}


def _renamed(name: str, was: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    parts = name.split("/")
    old = [_of(part, was) for part in parts]
    if old != parts:
        yield "/".join(old), name


def _of(part: str, was: Mapping[str, str]) -> str:
    """A part of a name: an operator's, or that of the `Flatten` before it."""
    operator = part.removesuffix(".in")
    return was[operator] + part[len(operator) :] if operator in was else part


def _before(name: str) -> str | None:
    """What stands before the operators of a graph: every plan has `ingest`."""
    before, found, _ = name.partition("ingest/")
    return before if found else None
