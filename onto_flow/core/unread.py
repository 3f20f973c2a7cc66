"""Maps of which a part was not read yet: an engine may give one as a map cell after a restart.

What is asked for by its key is read at once; whoever goes through all of it, or asks how long it is, reads the rest. Those
that may meet a very large one ask here before, and go through it page by page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeGuard


class Unread(Protocol):
    """The part of such a map that others have not.

    Attributes:
        known: What was read of it, or put there.
    """

    @property
    def known(self) -> Mapping[Any, Any]:
        """See above."""

    @property
    def unread(self) -> bool:
        """Whether there may be more."""

    def read_on(self, most: int) -> list[Any]:
        """Reads the next entries.

        Returns:
            The keys of at most so many; of all that were there at first, each in one of these lists, if it is there still.
        """


def is_unread(held: Any) -> TypeGuard[Unread]:
    """Whether a map has a part that was not read.

    Example:
        >>> is_unread({"a": 1})
        False
    """
    return bool(getattr(held, "unread", False))
