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
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pyflink.common import Row
from pyflink.datastream import KeyedProcessFunction, OutputTag, RuntimeContext

from ...operators.base import Key, Operator, Profile
from ...operators.build import build_operator
from ...plan.nodes import OperatorNode
from ...plan.wire import from_json
from ..carried import encode_carried
from ..coding import decode_message
from ..held import HeldStep, step_letter
from .cells import Cells
from .keys import key_of, key_text

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
        step = HeldStep(self.cells, self.generation, self.profile.moment)
        try:
            self.operator.step(key, [decode_message(data) for data in waiting], step)
            outputs, writes = list(_outputs(step, self.tags)), self.cells.writes()
        except Exception as error:
            outputs, writes = [encode_carried(step_letter(self.node, key, waiting, error))], []
        for write in writes:
            write()
        yield from outputs


def _outputs(step: HeldStep, tags: dict[str, OutputTag]) -> Iterator[Any]:
    """What Flink is to carry: messages to their side outputs, the rest to the main one."""
    for operator, key, message in step.sent():
        yield tags[operator], Row(key_text(key), message)
    for output in step.emitted:
        yield encode_carried(output)


def measure_state_cheaply() -> None:
    """Replaces the size probe of the worker's state cache: it walks all module globals, milliseconds per key.

    Only process mode has that cache; there it is loaded before any function is opened.
    """
    cache: Any = sys.modules.get("apache_beam.runners.worker.statecache")
    if cache is not None:
        estimate: Callable[..., int] = lambda *objects: sum(sys.getsizeof(o) for o in objects)  # noqa: E731
        cache.get_deep_size = estimate
