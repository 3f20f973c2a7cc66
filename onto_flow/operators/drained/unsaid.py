"""What a root shows that does not fit a page: rows of `expand`, or groups that it has rows in, told a page a batch.

Law: what a root was last told to show, and what is kept here of it, are together what the evaluator showed last. It is found
anew from the record, so it is in no cell: after a restart the next page finds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..kept_members import Shown


class Unsaid:
    """Of one view.

    Args:
        page: How many outputs of a root are told in one batch; 0 for all.

    Example:
        >>> unsaid = Unsaid(2)
        >>> unsaid.part("a/1", {}, {"r/1": 1, "r/2": 1, "r/3": 1}, ["r/1", "r/2", "r/3"])
        ({'r/1': 1, 'r/2': 1}, ['r/1', 'r/2'])
        >>> unsaid.rest("a/1"), "a/1" in unsaid
        (({'r/1': 1, 'r/2': 1, 'r/3': 1}, ['r/3']), False)
    """

    def __init__(self, page: int) -> None:
        self._page = page
        self._rest: dict[str, Shown] = {}

    def __contains__(self, root: object) -> bool:
        return root in self._rest

    def part(self, root: str, last: Mapping[Any, Any], shown: Mapping[Any, Any], changed: Sequence[Any]) -> Shown:
        """As much of what has changed as a batch may tell, as if that were all; the rest is kept."""
        self._rest.pop(root, None)
        if not self._page or len(changed) <= self._page:
            return shown, changed
        told, now = dict(last), changed[: self._page]
        for output in now:
            if output in shown:
                told[output] = shown[output]
            else:
                told.pop(output, None)
        self._rest[root] = shown, changed[self._page :]
        return told, now

    def rest(self, root: str) -> Shown | None:
        """Takes what was kept."""
        return self._rest.pop(root, None)

    def keep(self, root: str, rest: Shown) -> None:
        """Keeps what was taken."""
        self._rest[root] = rest
