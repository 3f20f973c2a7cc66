"""What need not be written as something else says it: the document of a match of a `via` slot is ingest's.

Law: between two batches a match of a `via` slot holds, at the path of a document, what ingest tells of the version that it
holds. So its document is not written down, and a change of it alone is no change of the key. It is made again when the key
is read: what is not in memory has not changed since the state was written, and neither has ingest's document.

A version without new content is told to nobody: what is made again has it, and what was in memory had the one before.
"""

from __future__ import annotations

from typing import Any

from ...core.compact import unseen
from ...operators.base import Key
from ...operators.expiry import version_of
from ...operators.joins import joins_of
from ...operators.messages import Doc
from ...plan.nodes import OperatorNode, Plan

DOCUMENTS = "docs"
"""The cell of match that has them."""


def is_derived(node: OperatorNode, plan: Plan) -> bool:
    """Whether the documents of an operator's keys are those that ingest holds: not where another view writes them."""
    if node.kind != "match":
        return False
    slot = plan.view(node.view).slots[node.slot]
    return slot.kind == "via" and not any(slot.collection.matches(f"{v.collection}/x") for v in plan.views)


class Derived:
    """The documents of one match.

    Args:
        node: Of which `is_derived` is true.
        plan: Its plan.
    """

    def __init__(self, node: OperatorNode, plan: Plan) -> None:
        self._joins = joins_of(plan, node.view)
        self._collection = plan.view(node.view).slots[node.slot].collection

    def of(self, path: Key, held: Any) -> Doc | None:
        """What it holds at a path.

        Args:
            path: Of a document.
            held: Ingest's cell `document` there, if it has any.
        """
        if held is None or held[1] is None or not isinstance(path, str) or not self._collection.matches(path):
            return None
        version, fields = held[0], held[1]
        return unseen(Doc(version_of(tuple(version), fields), fields, self._joins.own_keys(path, fields)))
