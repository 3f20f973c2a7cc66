"""What a run of the shuffling engine leaves for its judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..core.change import DeadLetter, ViewChange
from ..core.gaps import Gap
from ..operators.base import Key, Output
from ..operators.messages import Claim, Message, Rows
from .judge import Shown
from .judge_changes import Ledger


class Emitted(NamedTuple):
    """A view change, the key that made it, and whether it was asked for again after a restore."""

    change: ViewChange
    operator: str
    key: Key
    again: bool


@dataclass
class Trace:
    """What the judge needs: everything shown and emitted, in order, and complaints met on the way."""

    ledger: Ledger
    shown: dict[tuple[str, str], list[Shown]] = field(default_factory=dict)
    emitted: list[Emitted] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def take(self, view: str, key: Key, messages: Sequence[Message]) -> None:
        """What a group or an owner is told."""
        for message in messages:
            if isinstance(message, Rows):
                self.ledger.take(view, key, message.root, message.seq, message.new)
            elif isinstance(message, Claim):
                self.ledger.take(view, key, message.root, message.seq, message.document)

    def emit(self, output: Output, operator: str, key: Key, *, again: bool) -> None:
        """An output of a step."""
        if isinstance(output, DeadLetter):
            self.letters.append(output)
        elif isinstance(output, Gap):
            self.gaps.append(output)
        else:
            self.emitted.append(Emitted(output, operator, key, again))
