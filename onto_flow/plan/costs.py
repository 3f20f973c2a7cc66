"""What a change costs per attribute of a view, and what is kept for it, as `explain` says it.

`n` is the number of rows of the group, or of documents in the slot; `k` a limit that the view declares. A cost of O(n) is
that of an attribute which shows or reads all of them: it is evaluated anew, in proportion to its input.
"""

from __future__ import annotations

from typing import NamedTuple

from .nodes import Accumulator, View
from .places import FieldPath


class Cost(NamedTuple):
    """A cost in O notation.

    Attributes:
        change: Work per change.
        state: What is kept per group or root, beside the documents themselves; empty for nothing.
        why: What it grows with; may be empty.
        whole: What changes of documents cost that all rows are evaluated with; may be empty.
    """

    change: str
    state: str
    why: str = ""
    whole: str = ""

    def __str__(self) -> str:
        state = f", {self.state} state" if self.state else ""
        return (
            f"{self.change} per change{state}"
            + (f": {self.why}" if self.why else "")
            + (f"; {self.whole}" if self.whole else "")
        )


_ORDERED = {"min": "different value", "max": "different value", "first": "row", "last": "row"}


def accumulator_cost(accumulator: Accumulator) -> Cost:
    """The cost of an accumulator.

    Example:
        >>> str(accumulator_cost(Accumulator("names", "collect", limit=5)))
        'O(log n + k) per change, O(n) state: an entry per row, k = 5'
    """
    kind, limit = accumulator.kind, accumulator.limit
    if kind in _ORDERED:
        return Cost("O(log n)", "O(n)", f"an entry per {_ORDERED[kind]}")
    if kind in ("collect", "top_k"):
        if limit is None:
            return Cost("O(n)", "O(n)", "it shows every row")
        return Cost("O(log n + k)", "O(n)", f"an entry per row, k = {limit}")
    if kind == "count_distinct":
        return Cost("O(1)", "O(n)", "an entry per different value")
    if kind == "histogram":
        return Cost("O(k)", "O(k)", f"an integer per bin, k = {len(accumulator.bounds) + 1}")
    return Cost("O(1)", "O(1)", "the user's own state" if kind == "own" else "")


def _in(view: View, accumulator: Accumulator) -> Cost:
    """The cost of an accumulator with what is said of the slots that it reads as a whole."""
    if view.sessions is not None:
        cost = accumulator_cost(accumulator)
        parts = "sessions that are parted or joined cost the rows of the smaller"
        return cost._replace(state="O(n)", why=f"the rows of a group; {parts}")
    cost = accumulator_cost(accumulator)
    if not accumulator.whole or cost.change == "O(n)":
        return cost
    slots = ", ".join(view.slots[i].name for i in accumulator.whole)
    return cost._replace(whole=f"O(n) per change of {slots}")


def attribute_costs(view: View) -> dict[str, Cost]:
    """The cost of each attribute of a view's documents that is not a part of the key."""
    accumulators = {a.name: _in(view, a) for a in view.accumulators}
    costs: dict[str, Cost] = {}
    for attribute, name, reads in view.reads:
        if name in accumulators:
            costs[attribute] = accumulators[name]
        else:
            large = [r for r in reads if r not in accumulators or accumulators[r].change == "O(n)"]
            costs[attribute] = (
                Cost("O(n)", "", f"evaluated anew over {', '.join(large)}") if large else Cost("O(1)", "")
            )
    return costs


ROWS = "O(n) per change of a root with n rows: all are evaluated; what differs goes out page by page on the embedded engine"
"""What rows of a root cost."""


def moved_whole(view: View) -> dict[str, str]:
    """Many slots -> what makes all their documents come or go, as they are parts of one view document, and how.

    It costs O(n); other changes of a slot cost what comes and goes. What a list of references brings comes in one step: as
    many as a document can hold. What names the root itself is there before it, and is evaluated in one step.
    """
    found = {}
    for slot in view.slots:
        if slot.many and slot.kind != "root" and slot.always is None:
            above = view.slots[slot.parent]
            parent = f"a document of {above.name}" if above.many else above.name
            fields = [str(g) for g, _ in slot.pairs if isinstance(g, FieldPath)]
            how = "" if slot.kind == "via" or slot.fused else ", page by page on the embedded engine"
            found[slot.name] = f"{parent} comes or goes" + (f", or changes {', '.join(fields)}" if fields else "") + how
    return found
