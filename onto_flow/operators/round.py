"""A round: a change that has more subscribers than one step may tell, told page by page.

It remembers paths, never documents: each page says what an answer would say at that moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Round:
    """The cursor of a paged fan-out.

    Args:
        paths: The documents that are told of.
        todo: The roots that are to be told.
        later: The documents of the next round.

    Example:
        >>> round_ = Round(("users/u1",), ["m1", "m2", "m3"])
        >>> round_.page(2), round_.pack(), round_.page(2), round_.over
        (['m1', 'm2'], (('users/u1',), ('m3',), ()), ['m3'], True)
    """

    __slots__ = ("_at", "_todo", "later", "paths")

    def __init__(self, paths: tuple[str, ...], todo: list[str], later: tuple[str, ...] = ()) -> None:
        self.paths, self.later = paths, later
        self._todo, self._at = todo, 0

    @classmethod
    def of(cls, held: Any) -> Round | None:
        """The round that a value cell holds."""
        if held is None or isinstance(held, Round):
            return held
        paths, todo, later = held
        return cls(paths, list(todo), later)

    def pack(self) -> tuple[Any, ...]:
        """The round as a form of `core.codec`."""
        return (self.paths, tuple(self._todo[self._at :]), self.later)

    def join(self, paths: list[str]) -> None:
        """Documents that changed meanwhile wait for the next round."""
        self.later = tuple(dict.fromkeys((*self.later, *paths)))

    def page(self, size: int) -> list[str]:
        """Takes the next roots."""
        found = self._todo[self._at : self._at + size]
        self._at += len(found)
        return found

    @property
    def over(self) -> bool:
        """Whether every root has been told."""
        return self._at >= len(self._todo)

    def next(self, active: Callable[[], list[str]]) -> Round | None:
        """This round, or the one after it, or none."""
        if not self.over:
            return self
        return Round(self.later, active()) if self.later else None

    def unheard(self, root: str) -> tuple[str, ...]:
        """What a root has not been told yet."""
        waits = root in self._waiting()
        return tuple(dict.fromkeys((*(self.paths if waits else ()), *self.later)))

    def _waiting(self) -> frozenset[str]:
        return frozenset(self._todo[self._at :])
