"""The contract between operators and engines: a step is (key, messages, state) -> messages, and knows no engine.

An engine gives, to one step at a time per key: the messages that wait for it (any number, in any order), its declared
cells, the time, and ways to send, to emit and to set timers. It makes state and messages of a step permanent together,
and delivers every message exactly once. Nothing else is promised: no order between stages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..core.change import DeadLetter, ViewChange
from ..core.gaps import Gap
from ..core.values import Document
from ..plan.nodes import OperatorNode, TimerKind
from .messages import Message

Key = str | bytes
"""A document path, or canonical bytes of values."""

Output = ViewChange | DeadLetter | Gap
"""What leaves the flow: a change of a view document, something that failed, a gap of the feed."""

HOUR = 3_600_000_000
DAY = 24 * HOUR


@dataclass(frozen=True)
class Profile:
    """What an engine promises, and the times that follow from it (microseconds; `protocol` section 7).

    Attributes:
        drained: Every micro-batch runs through all stages, in stage order, each key once per stage.
        young: L: the longest time from a change leaving ingest to the last message it caused being processed.
        keep_uncovered: G > 3 L: how long assemble keeps registers that nothing asks for.
        keep_left: K > 3 L + G: how long match remembers documents that left.
        horizon: How long ingest keeps tombstones: longer than any replay of the source.
        page: How many subscribers one step of match tells of a change before it goes on by timer; 0 for all.
        snapshot: The time of the export that the first load came from, for the rule on old events; `None` without one.
        moment: Declared time of an engine on which it stands still.
        born: When the state began; no tombstone can have been dropped before `born + horizon`.
        remembers: Whether a cell may give back the very object that was put, with what is kept beside its bytes.
    """

    drained: bool
    young: int = 6 * HOUR
    keep_uncovered: int = DAY
    keep_left: int = 3 * DAY
    horizon: int = 8 * DAY
    page: int = 0
    snapshot: int | None = None
    born: int = 0
    moment: int = 0
    remembers: bool = False

    def __post_init__(self) -> None:
        if not self.drained and not (
            self.keep_uncovered > self.young and self.keep_left > self.young + self.keep_uncovered
        ):
            raise ValueError("a profile must have keep_uncovered > young and keep_left > young + keep_uncovered")


class Context(Protocol):
    """One step: its state and its outlets."""

    @property
    def now(self) -> int:
        """Processing time in microseconds; steers garbage and too-late events only."""

    @property
    def moment(self) -> int:
        """Declared time in microseconds: what `until` is compared with. It never goes back."""

    @property
    def generation(self) -> int:
        """The first part of view versions."""

    @property
    def epoch(self) -> int:
        """The second part: raised when state went back in time."""

    @property
    def silent(self) -> bool:
        """Whether views may not be published yet: until the stage's `CaughtUp`."""

    def get(self, cell: str) -> Any:
        """What a value cell holds, as a form of `core.codec` or as the object last put there; `None` when empty."""

    def put(self, cell: str, value: Any) -> None:
        """Sets a value cell; `None` empties it."""

    def map(self, cell: str) -> MutableMapping[Any, Any]:
        """A map cell; entries are written one by one, and read as forms of `core.codec` or as objects last put there."""

    def send(self, operator: str, key: Key, message: Message) -> None:
        """Sends a message to another operator."""

    def emit(self, output: Output) -> None:
        """Hands an output to the sinks."""

    def set_timer(self, kind: TimerKind, at: int) -> None:
        """Asks for `on_timer` of this key at a time; the earliest one asked for counts, and it may come late."""


class Operator(Protocol):
    """One keyed, stateful step of a plan."""

    node: OperatorNode

    def step(self, key: Key, messages: Sequence[Message], ctx: Context) -> None:
        """Takes all messages that wait for a key as one step."""

    def on_timer(self, key: Key, kind: TimerKind, ctx: Context) -> None:
        """A timer came; the callback looks at the deadlines in its state and asks again where it was too early."""


Cells = Mapping[str, Any]
"""Cell -> what it holds, as a step gets it; empty ones may be missing."""


class Shows(Operator, Protocol):
    """An operator that hands view documents to the sinks: one that sends to no other."""

    def shown(self, key: Key, cells: Cells) -> Iterable[tuple[str, Document, int, bool]]:
        """The view documents that a key shows.

        Returns:
            (path, document, sequence number of its version or of a later one, whether the view's code fails now).
        """
