"""One step's key, state, timers and weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import apache_beam as beam
from apache_beam.utils.timestamp import Timestamp

from ...operators.base import Key
from ...plan.nodes import TimerKind
from ..coding import decode
from ..credit import NOTHING, Credit, Weight, split, total
from .cells import Cells
from .keys import decode_key
from .live import Held
from .outlet import CAUSED, CREDIT, messages, weightless
from .waits import Waiting, set_garbage


class Turn:
    """What one step is of.

    Args:
        raw_key: Its key.
        live: What is kept of it.
        cells: Its cells.
        given: The state of what it waits for, then the timers.
        timers: By kind, in the order in which they are given.
    """

    def __init__(
        self, raw_key: bytes, live: Held, cells: Cells, given: Sequence[Any], timers: Mapping[str, Any]
    ) -> None:
        self.raw_key, self.live, self.cells = raw_key, live, cells
        self.key, self.weight = decode_key(raw_key), NOTHING
        self._given, self._timers = given, timers

    @cached_property
    def waiting(self) -> Waiting:
        """What it waits for."""
        return Waiting(self._given[0])

    @cached_property
    def timers(self) -> Mapping[str, Any]:
        """Its timers."""
        return dict(zip(self._timers, self._given[1:]))

    def set_timers(self, asked: dict[TimerKind, int]) -> None:
        """Sets the timers that the step asked for, the earliest of each."""
        if "garbage" in asked:
            set_garbage(self.waiting, self.timers["garbage"], asked["garbage"])
        if "coalesce" in asked:
            self.waiting.put(self.waiting.get()._replace(pages=True))
            self.timers["pages"].set(Timestamp(micros=asked["coalesce"]))

    def keep(self, weight: Weight) -> None:
        """Keeps a weight until the last page."""
        waits = self.waiting.get()
        self.waiting.put(waits._replace(weight=total((waits.weight, weight))))


def accounts(turn: Turn, sent: Sequence[tuple[str, Key, bytes]], outputs: Sequence[Any]) -> list[Any]:
    """What Beam is to carry, with the weight of what the step took split among it."""
    if not turn.weight.mantissa:
        return weightless(sent, outputs)
    shown: dict[int, int] = {}
    for shard in (decode(o.key) for o in outputs if o.key is not None):
        shown[shard] = shown.get(shard, 0) + 1
    pages = turn.waiting.get().pages
    returns = bool(shown) or not (sent or pages)
    parts = split(turn.weight, len(sent) + pages + returns)
    found = [*messages(sent, parts), *(o.tagged(CAUSED) for o in outputs)]
    if pages:
        turn.keep(parts[len(sent)])
    if returns:
        found.append(beam.pvalue.TaggedOutput(CREDIT, Credit(parts[-1], shown).encoded()))
    return found
