"""Sinks that are wrong on purpose: what shows that `sink_suite` finds what it is there to find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.change import ViewChange
from ..sinks.base import Table


def broken_sinks(sink: type[Any]) -> Sequence[type[Any]]:
    """Sinks that are wrong on purpose, each in one way; the suite must find every one.

    Args:
        sink: A class of sinks that is right.
    """

    class LastWriteWins(sink):
        """Trusts the order of writes."""

        clock = 0

        def write(self, changes: Sequence[ViewChange]) -> None:
            for change in changes:
                type(self).clock += 1
                super().write([change._replace(version=(change.version[0], 1, type(self).clock))])

    class ForgetsDeletions(sink):
        """Ignores that documents go."""

        def write(self, changes: Sequence[ViewChange]) -> None:
            super().write([c for c in changes if c.new is not None])

    class KeepsOldGenerations(sink):
        """Never lets a document of an older generation go."""

        def complete(self) -> None:
            pass

    class TakesOlderGenerations(sink):
        """Lets a late write of an older generation pass for one of its own."""

        newest = 0

        def open(self, tables: Sequence[Table], generation: int) -> None:
            self.newest = generation
            super().open(tables, generation)

        def write(self, changes: Sequence[ViewChange]) -> None:
            super().write([c._replace(version=(self.newest, *c.version[1:])) for c in changes])

    class CompletesWhenItOpens(sink):
        """Lets the older table go before the newer one is there."""

        def open(self, tables: Sequence[Table], generation: int) -> None:
            super().open(tables, generation)
            super().complete()

    class PublishesAtOnce(sink):
        """Shows what was written before it is published."""

        def write(self, changes: Sequence[ViewChange]) -> None:
            super().write(changes)
            self.publish()  # the letters are nobody's: this sink is wrong

    class LosesTypes(sink):
        """Makes doubles of integers."""

        def write(self, changes: Sequence[ViewChange]) -> None:
            super().write([c._replace(new=c.new and {n: _blurred(v) for n, v in c.new.items()}) for c in changes])

    wrong_order = (LastWriteWins, ForgetsDeletions)
    wrong_generation = (KeepsOldGenerations, TakesOlderGenerations, CompletesWhenItOpens)
    return (*wrong_order, *wrong_generation, PublishesAtOnce, LosesTypes)


def _blurred(value: Any) -> Any:
    return value + 1 if isinstance(value, int) and not isinstance(value, bool) else value
