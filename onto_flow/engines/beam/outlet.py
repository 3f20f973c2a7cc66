"""What a step of a stream hands on: messages in their envelopes, view changes on their way to the gate, the rest."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import apache_beam as beam

from ...core.change import ViewChange
from ...operators.base import Key, Output
from ...plan.nodes import TimerKind
from ..carried import encode_carried
from ..coding import encode
from ..credit import Credit, Weight, split, wrap
from ..held import HeldStep, KeyedCells, ValueCell
from . import clock
from .keys import encode_key
from .steps import LETTERS

SHOWN, CAUSED = b"\x00", b"\x01"
"""Before a view change on its way to the gate: whether the load caused it; behind it: whether the fence let it out."""

CREDIT = "credit"
"""The output of what goes back to the fence."""


_WEIGHTLESS = wrap(b"")


class _NoCells(NamedTuple):
    values: Mapping[str, ValueCell] = MappingProxyType({})
    maps: Mapping[str, MutableMapping[Any, Any]] = MappingProxyType({})


NO_CELLS = _NoCells()
"""The cells of a step that needs none."""


class TimedStep(HeldStep):
    """The context of a step that may set timers.

    Attributes:
        asked: Kind of timer -> the earliest time asked for.
    """

    def __init__(self, cells: KeyedCells, generation: int, moment: int) -> None:
        super().__init__(cells, generation, moment)
        self.asked: dict[TimerKind, int] = {}
        self._now = 0

    @property
    def now(self) -> int:
        """Processing time in microseconds: one moment for the whole step."""
        self._now = self._now or clock.micros()
        return self._now

    @property
    def shown(self) -> ViewChange | None:
        """The change of a view document that is all that it gave."""
        output = self.emitted[0] if len(self.emitted) == 1 and not self._sent else None
        return output if isinstance(output, ViewChange) else None

    def enveloped(self) -> list[tuple[str, Key, bytes]]:
        """What it sent, each message in an envelope that weighs nothing."""
        return self.sent(_WEIGHTLESS)

    def set_timer(self, kind: TimerKind, at: int) -> None:
        """Keeps the earliest time of a kind for the end of the step."""
        self.asked[kind] = min(at, self.asked.get(kind, at))


@lru_cache(maxsize=10_000)
def gate_key(path: str, shards: int) -> bytes:
    """The key of the gate's shard that a view document goes through."""
    return encode(shard_of(path, shards))


def shard_of(path: str, shards: int) -> int:
    """The shard of the gate that a view document goes through; the same in every release, for its state is there."""
    return zlib.crc32(path.encode("utf-8", "surrogatepass")) % shards


class Outlet(NamedTuple):
    """An output as bytes, and the key of the gate's shard that it goes to; `None`: it is no view change."""

    raw: bytes
    key: bytes | None

    @classmethod
    def of(cls, output: Output, shards: int) -> Outlet:
        """An output, for a gate of so many shards."""
        key = gate_key(output.path, shards) if isinstance(output, ViewChange) else None
        return cls(encode_carried(output), key)

    def tagged(self, cause: bytes) -> Any:
        """The output as Beam carries it."""
        if self.key is None:
            return beam.pvalue.TaggedOutput(LETTERS, self.raw)
        return (self.key, cause + self.raw)


def messages(sent: Iterable[tuple[str, Key, bytes]], weights: Iterable[Weight]) -> list[Any]:
    """Messages to operators as Beam carries them, each with its weight."""
    return [
        beam.pvalue.TaggedOutput(operator, (encode_key(key), wrap(raw, weight)))
        for (operator, key, raw), weight in zip(sent, weights)
    ]


def as_they_are(sent: Iterable[tuple[str, bytes, bytes]]) -> list[Any]:
    """Messages by the bytes of their keys, which weigh nothing."""
    return [beam.pvalue.TaggedOutput(operator, (key, _WEIGHTLESS + raw)) for operator, key, raw in sent]


def weighing(sent: Sequence[tuple[str, bytes, bytes]], weight: Weight) -> list[Any]:
    """Messages by the bytes of their keys, with a weight split among them; it goes back where there are none."""
    if not sent:
        return [beam.pvalue.TaggedOutput(CREDIT, Credit(weight).encoded())]
    parts = split(weight, len(sent))
    return [beam.pvalue.TaggedOutput(to, (key, wrap(raw, part))) for (to, key, raw), part in zip(sent, parts)]


def weightless(enveloped: Iterable[tuple[str, Key, bytes]], outputs: Iterable[Outlet]) -> list[Any]:
    """All that a step gave which no load caused; its messages are in their envelopes."""
    found = [beam.pvalue.TaggedOutput(operator, (encode_key(key), raw)) for operator, key, raw in enveloped]
    found += [o.tagged(SHOWN) for o in outputs]
    return found
