"""The judge of the changes that a flow emits: what groups and owners show, the chain of old and new, versions, and tables.

Law: a group or an owner shows what its members said last; every change takes up what was shown before, with a higher
version; and the changes, in any order and however often, make the expected tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..core.change import ViewChange
from ..core.equality import same
from ..core.values import Document, path_order
from ..plan.nodes import Plan
from .oracle import fold


class Ledger:
    """Judges what groups and owners show: exactly what they took of their roots, the highest number per root."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.taken: dict[tuple[str, str | bytes], dict[str, tuple[int, Any]]] = {}

    def copy(self) -> Ledger:
        """The ledger as it is now."""
        other = Ledger(self.plan)
        other.taken = {owner: dict(roots) for owner, roots in self.taken.items()}
        return other

    def take(self, view: str, key: str | bytes, root: str, number: int, value: Any) -> None:
        """A group or owner takes the value of a root."""
        roots = self.taken.setdefault((view, key), {})
        if root not in roots or roots[root][0] < number:
            roots[root] = (number, value)

    def judge(self, key: str | bytes, change: ViewChange) -> str | None:
        """What is wrong with what a group or owner shows now."""
        view = self.plan.view(change.view)
        values = {r: v for r, (_, v) in self.taken.get((change.view, key), {}).items() if v is not None}
        if isinstance(key, bytes):
            document = fold(view, key, values)
            expected = None if document is None else document[1]
        else:
            expected = values[min(values, key=path_order)] if values else None
        return None if same(expected, change.new) else f"{change} is not what its members say: {expected}"


def judge_chain(changes: Iterable[tuple[ViewChange, bool]]) -> Iterator[str]:
    """Complaints about the order of view changes: old as shown before, no repetition, versions that rise.

    Args:
        changes: What was emitted, in order, and whether it was asked for again after a restore.
    """
    before: dict[tuple[str, str], ViewChange] = {}
    for change, again in changes:
        last = before.get((change.view, change.path))
        before[change.view, change.path] = change
        if last is not None and last.version >= change.version:
            yield f"the version does not rise from {last} to {change}"
        if again:
            continue
        restored = last is not None and last.version[:2] < change.version[:2]
        if not restored and not same(last.new if last else None, change.old):
            yield f"old is not what was shown before: {last}, then {change}"
        if same(change.old, change.new) and change.failed == (last.failed if last else False):
            yield f"shown again unchanged: {change}"


def applied(changes: Iterable[ViewChange]) -> dict[str, dict[str, Document]]:
    """The tables that an idempotent sink holds after some view changes, in any order and however often."""
    newest: dict[tuple[str, str], ViewChange] = {}
    for change in changes:
        held = newest.get((change.view, change.path))
        if held is None or held.version < change.version:
            newest[change.view, change.path] = change
    tables: dict[str, dict[str, Document]] = {}
    for (view, path), change in newest.items():
        if change.new is not None:
            tables.setdefault(view, {})[path] = change.new
    return tables


def judge_tables(expected: Mapping[str, Mapping[str, Any]], tables: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Complaints about tables that differ from the expected ones."""
    for view, table in expected.items():
        found = tables.get(view, {})
        for path in sorted({*table, *found}):
            if not same(table.get(path), found.get(path)):
                yield f"{view} at {path} should be {table.get(path)} and is {found.get(path)}"
