"""One step on an engine that keeps state as bytes: what it sends is held until the step has ended well."""

from __future__ import annotations

import time
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Protocol

from ..core.change import DeadLetter
from ..operators.base import Key, Output
from ..operators.ingest import failure
from ..operators.messages import Message
from ..plan.nodes import OperatorNode, TimerKind
from .coding import decode, encode_message


class ValueCell(Protocol):
    """One value per key."""

    def get(self) -> Any:
        """What was last put, or the decoded bytes."""

    def put(self, value: Any) -> None:
        """Keeps a value for the end of the step."""


class KeyedCells(Protocol):
    """The cells of the key whose step runs."""

    @property
    def values(self) -> Mapping[str, ValueCell]:
        """Value cells by name."""

    @property
    def maps(self) -> Mapping[str, MutableMapping[Any, Any]]:
        """Map cells by name."""


class HeldStep:
    """The context of one step (`operators.base.Context`).

    Attributes:
        generation: The first part of view versions.
        moment: Declared time: these engines stand at one moment.
        emitted: View changes, dead letters and gaps.
    """

    epoch = 0
    silent = False

    def __init__(self, cells: KeyedCells, generation: int, moment: int = 0) -> None:
        self._cells = cells
        self.generation, self.moment = generation, moment
        self._sent: list[tuple[str, Key, Message]] = []
        self.emitted: list[Output] = []

    @property
    def now(self) -> int:
        """Processing time in microseconds."""
        return time.time_ns() // 1000

    def get(self, cell: str) -> Any:
        """What a value cell holds."""
        return self._cells.values[cell].get()

    def put(self, cell: str, value: Any) -> None:
        """Sets a value cell at the end of the step."""
        self._cells.values[cell].put(value)

    def map(self, cell: str) -> MutableMapping[Any, Any]:
        """A map cell."""
        return self._cells.maps[cell]

    def send(self, operator: str, key: Key, message: Message) -> None:
        """Keeps a message for the end of the step."""
        self._sent.append((operator, key, message))

    def sent(self, prefix: bytes = b"") -> list[tuple[str, Key, bytes]]:
        """(operator, key, bytes of the message, behind others) in the order of the step.

        One message to many keys is encoded once.
        """
        encoded: dict[int, bytes] = {}
        found: list[tuple[str, Key, bytes]] = []
        for operator, key, message in self._sent:
            raw = encoded.get(id(message))
            if raw is None:
                raw = encoded[id(message)] = encode_message(message, prefix)
            found.append((operator, key, raw))
        return found

    def emit(self, output: Output) -> None:
        """Keeps an output for the end of the step."""
        self.emitted.append(output)

    def set_timer(self, kind: TimerKind, at: int) -> None:
        """Does nothing: on bounded input the state goes when it ends, and no step of these profiles goes on by pages."""


def step_letter(node: OperatorNode, key: Key, waiting: Sequence[bytes], error: Exception) -> DeadLetter:
    """The dead letter of a step that failed, with the messages that it took."""
    text = f"s{key}" if isinstance(key, str) else f"b{key.hex()}"
    name = f"view:{node.view}:{node.id}:{text}" if node.view else f"document:{key!s}"
    return failure(name, error)._replace(payload=[_plain(decode(data)) for data in waiting])


def _plain(value: Any) -> Any:
    """A message as a value of a document, so that dead letters can redact its fields."""
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else value
