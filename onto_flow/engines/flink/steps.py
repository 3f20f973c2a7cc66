"""One operator of the plan as one keyed process function.

Messages wait in the `inbox` bag until an event-time timer takes all of a key as one step. Event time is used for
nothing else: a bounded job has no watermark before the end of its input, and the one that ends it comes to a stage
after everything that the stages before it sent, since they fire their own timers before they pass it on. So a bounded
job runs stage by stage, each key once per stage. Processing-time timers would not do: those that are pending when the
input ends never fire. No result may depend on this: the operators are built for unordered delivery, and with
`coalesce=False` every message is a step of its own, as soon as it comes.

Ingest has no inbox: it takes every event as it comes, and what it sends is netted by the next stage.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any

from pyflink.common import Row
from pyflink.datastream import KeyedProcessFunction, OutputTag, RuntimeContext

from ...core.change import DeadLetter, ViewChange
from ...core.codec import decode
from ...operators.base import Key, Operator, Profile
from ...operators.build import build_operator
from ...operators.ingest import failure
from ...operators.messages import Message, decode_message, encode_message
from ...plan.nodes import OperatorNode, TimerKind
from ...plan.wire import from_json
from .carried import encode_output, key_of, key_text
from .cells import Cells

INBOX = "inbox"
_NEXT_WATERMARK = 0
"""A timer of any time that is past fires with the next watermark."""


class OperatorFunction(KeyedProcessFunction):  # type: ignore[misc]
    """Runs one operator.

    Args:
        plan: The plan as JSON; the operator is built from it on the worker.
        node: Which operator.
        profile: What this engine promises.
        generation: The first part of view versions.
        coalesce: Whether messages wait to be taken as one step per key.
        tags: The side output of each operator that this one sends to.
    """

    def __init__(
        self,
        plan: str,
        node: OperatorNode,
        profile: Profile,
        *,
        generation: int,
        coalesce: bool,
        tags: dict[str, OutputTag],
    ) -> None:
        self.plan, self.node, self.profile, self.tags = plan, node, profile, tags
        self.generation = generation
        self.coalesce = coalesce and any(c.name == INBOX for c in node.cells)

    def open(self, runtime_context: RuntimeContext) -> None:
        """Builds the operator and finds its state."""
        measure_state_cheaply()
        self.operator: Operator = build_operator(self.node, from_json(self.plan), self.profile)
        self.cells = Cells(self.node.cells, runtime_context)

    def process_element(self, value: bytes, ctx: KeyedProcessFunction.Context) -> Iterator[Any]:
        """A message came: it waits, or is a step of its own."""
        if self.coalesce:
            self.cells.bags[INBOX].add(value)
            ctx.timer_service().register_event_time_timer(_NEXT_WATERMARK)
        else:
            yield from self._step(key_of(ctx.get_current_key()), [value])

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Any]:
        """All that waits for the key is one step."""
        waiting = self.cells.bags[INBOX].take()
        if waiting:
            yield from self._step(key_of(ctx.get_current_key()), waiting)

    def _step(self, key: Key, waiting: Sequence[bytes]) -> Iterator[Any]:
        """Runs a step; its state and messages come to be together, or a dead letter instead of both."""
        self.cells.begin()
        step = StepContext(self.cells, self.generation)
        try:
            self.operator.step(key, [decode_message(data) for data in waiting], step)
            outputs, writes = list(step.outputs(self.tags)), self.cells.writes()
        except Exception as error:
            outputs, writes = [encode_output(self._letter(key, waiting, error))], []
        for write in writes:
            write()
        yield from outputs

    def _letter(self, key: Key, waiting: Sequence[bytes], error: Exception) -> DeadLetter:
        name = f"view:{self.node.view}:{self.node.id}:{key_text(key)}" if self.node.view else f"document:{key!s}"
        return failure(name, error)._replace(payload=[_plain(decode(data)) for data in waiting])


def _plain(value: Any) -> Any:
    """A message as a value of a document, so that dead letters can redact its fields."""
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else value


class StepContext:
    """The context of one step (`operators.base.Context`); what it sends is held until the step has ended well."""

    epoch = 0
    silent = False

    def __init__(self, cells: Cells, generation: int) -> None:
        self._cells = cells
        self.generation = generation
        self._sent: list[tuple[str, Key, Message]] = []
        self._emitted: list[ViewChange | DeadLetter] = []

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

    def emit(self, output: ViewChange | DeadLetter) -> None:
        """Keeps an output for the end of the step."""
        self._emitted.append(output)

    def set_timer(self, kind: TimerKind, at: int) -> None:
        """Does nothing: garbage is not collected on bounded input, whose state goes when it ends."""

    def outputs(self, tags: dict[str, OutputTag]) -> Iterator[Any]:
        """What Flink is to carry: messages to their side outputs, the rest to the main one."""
        encoded: dict[int, bytes] = {}
        for operator, key, message in self._sent:
            raw = encoded.get(id(message))
            if raw is None:
                raw = encoded[id(message)] = encode_message(message)
            yield tags[operator], Row(key_text(key), raw)
        for output in self._emitted:
            yield encode_output(output)


def measure_state_cheaply() -> None:
    """Replaces the size probe of the worker's state cache: it walks all module globals, milliseconds per key.

    Only process mode has that cache; there it is loaded before any function is opened.
    """
    cache: Any = sys.modules.get("apache_beam.runners.worker.statecache")
    if cache is not None:
        estimate: Callable[..., int] = lambda *objects: sum(sys.getsizeof(o) for o in objects)  # noqa: E731
        cache.get_deep_size = estimate
