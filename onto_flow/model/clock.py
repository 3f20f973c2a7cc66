"""Clocks as slots: declared time, which a view sees as a document."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ..core.errors import DeclarationError, SourceLine
from ..plan.clocks import CLOCKS, clock_path
from .attrs import attrs
from .domain import DomainModel
from .meta import refuse_options
from .slot import Root

_MICROSECOND = timedelta(microseconds=1)
SHORTEST = timedelta(seconds=1)
"""Every tick evaluates every document of the view again."""


class Clock(DomainModel):
    """What a clock slot holds.

    Attributes:
        now: The last tick: declared time, rounded down to `every`.
    """

    class Meta:
        collection_name = CLOCKS

    now: datetime = attrs.timestamp


def clock(*, every: timedelta, **unknown: Any) -> Root[Clock]:
    """A slot that holds the time, which a getter reads as `self.store.clock.now`.

    A tick is a change of every view document that has the clock, so each of them is evaluated again; where a document only
    ceases to count at a moment of its own, `until=` on its slot costs nothing before that moment.

    Args:
        every: The time between two ticks, at least a second; ticks are multiples of it since 1970, UTC.

    Raises:
        DeclarationError: `bad-slot`, `unknown-name`.
    """
    line = SourceLine.of_caller()
    refuse_options("clock(...)", unknown, ("every",), line)
    if not isinstance(every, timedelta) or every < SHORTEST:
        what = f"a clock ticks every second at most, not every={every!r}"
        raise DeclarationError("bad-slot", what, where=line, fix="Write clock(every=timedelta(minutes=1)).")
    return Root(Clock, line, kind="via", required=True, always=clock_path(every // _MICROSECOND))
