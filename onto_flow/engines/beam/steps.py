"""One operator of the plan as one keyed, stateful DoFn.

Messages wait in the `inbox` bag until an event-time timer at the end of the global window takes all of a key as one
step. A bounded pipeline has no watermark before the end of its input, and the timers of a stage hold back the watermark
of those behind it: so a stage's timers fire after all of its input has come, and the job runs stage by stage, each key
once per stage. That is the bulk build of the protocol. With a feed in the same pipeline, ingest nets the documents of
the first load and the changes by their versions, and each view document is evaluated once, over what is final.
Processing-time timers would not do: some local runners fire them at the end of the input in no order, others lose them.
No result may depend on when timers fire: the operators are built for unordered delivery (`Profile(drained=False)`), and
a runner that fires early only makes more steps of the same messages. With `coalesce=False` there are no timers at all.

Ingest has no inbox: it takes every event as it comes, and what it sends is netted by the next stage.
Garbage timers are never set: on bounded input the state goes when the input ends, and they must not act there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import TimerSpec, on_timer
from apache_beam.transforms.window import GlobalWindow

from ...core.change import ViewChange
from ...operators.base import Key, Operator, Profile
from ...operators.build import build_operator, build_seeded
from ...operators.seeded.taking import seed_of
from ...plan.nodes import OperatorNode
from ...plan.wire import from_json
from ..carried import encode_carried
from ..coding import decode_message
from ..held import HeldStep, step_letter
from .cells import Cells, NeedsWide, state_specs
from .keys import KeyedMessage, decode_key, encode_key
from .seeds import SeedRecord

INBOX = "inbox"
LETTERS = "letters"
"""The output of dead letters and gaps; view changes are the main output, and every operator that is sent to has its own."""

_END_OF_INPUT = GlobalWindow().max_timestamp()


def operator_fn(
    plan: str, node: OperatorNode, profile: Profile, generation: int, *, coalesce: bool, seeds: int = 0
) -> OperatorFn:
    """The DoFn of one operator of a plan as JSON; without `coalesce`, or without an inbox, every message is a step."""
    waits = coalesce and any(c.name == INBOX for c in node.cells)
    kind = CoalescedOperatorFn if waits else OperatorFn
    return kind(plan, node, profile, generation, seeds)


class OperatorFn(beam.DoFn):
    """Runs one operator, each message as a step.

    Beam learns the states of a method from the default values of its parameters; as the cells of an operator are data
    of the plan, the `_inspect_...` methods say instead what the parameters are (Beam's own hook for wrapped functions).

    Args:
        plan: The plan as JSON; the operator is built from it on the worker.
        node: Which operator.
        profile: What this engine promises.
        generation: The first part of view versions.
        seeds: Over how many files the seeds go that its steps give; 0: it gives none.
    """

    def __init__(self, plan: str, node: OperatorNode, profile: Profile, generation: int, seeds: int = 0) -> None:
        super().__init__()
        self.plan, self.node, self.profile, self.generation, self.seeds = plan, node, profile, generation, seeds
        # One object per state in all methods: within a bundle, Beam keeps what was written by the object.
        self.specs = state_specs(node.cells, wide=True)
        self.narrow = {name: self.specs[name] for name in state_specs(node.cells, wide=False)}

    def default_label(self) -> str:
        """A name that does not follow the names of classes: state is found by it."""
        return "step"

    def setup(self) -> None:
        """Builds the operator."""
        plan = from_json(self.plan)
        node = next(n for n in plan.operators if n.id == self.node.id)
        self.seeding = build_seeded(node, plan, self.profile) if self.seeds else None
        self.operator: Operator = self.seeding or build_operator(node, plan, self.profile)

    @property
    def _has_maps(self) -> bool:
        return len(self.narrow) < len(self.specs)

    def _inspect_process(self) -> tuple[list[str], list[Any]]:
        return ["element", *self.specs], _states(self.specs)

    def process(self, element: KeyedMessage, *states: Any) -> Sequence[Any]:
        """A message came."""
        key, message = element
        return self._step(decode_key(key), [message], Cells(self.node.cells, dict(zip(self.specs, states)), wide=True))

    def _step(self, key: Key, waiting: Sequence[bytes], cells: Cells) -> Sequence[Any]:
        """Runs a step; its state and messages come to be together, or a dead letter instead of both.

        Raises:
            NeedsWide: Nothing of the step counts; it must be run again with the shards.
        """
        step = HeldStep(cells, self.generation, self.profile.moment)
        try:
            self.operator.step(key, [decode_message(data) for data in waiting], step)
            outputs, writes = list(_outputs(step)), cells.writes()
            if writes:
                outputs += self._seed(key, cells)
        except NeedsWide:
            raise
        except Exception as error:
            outputs, writes = [_tagged(LETTERS, encode_carried(step_letter(self.node, key, waiting, error)))], []
        if cells.needs_wide:
            raise NeedsWide
        for write in writes:
            write()
        return outputs

    def _seed(self, key: Key, cells: Cells) -> list[Any]:
        """What the key has now, where seeds are asked for."""
        seed = None if self.seeding is None else seed_of(self.seeding, cells.held())
        return [] if seed is None else [SeedRecord.of(self.node.id, encode_key(key), seed).tagged(self.seeds)]


class CoalescedOperatorFn(OperatorFn):
    """Runs one operator, all messages that wait for a key as one step."""

    def __init__(self, plan: str, node: OperatorNode, profile: Profile, generation: int, seeds: int = 0) -> None:
        super().__init__(plan, node, profile, generation, seeds)
        # FnApiRunner buffers the timers of a stage by their name alone: fused operators must not share one.
        self.coalesce_timer = TimerSpec(f"{node.id}.coalesce", TimeDomain.WATERMARK)
        self.shards_timer = TimerSpec(f"{node.id}.shards", TimeDomain.WATERMARK)
        on_timer(self.coalesce_timer)(CoalescedOperatorFn.coalesce)
        on_timer(self.shards_timer)(CoalescedOperatorFn.shards)

    def _inspect_process(self) -> tuple[list[str], list[Any]]:
        defaults = [beam.DoFn.StateParam(self.specs[INBOX]), beam.DoFn.TimerParam(self.coalesce_timer)]
        return ["element", INBOX, "timer"], defaults

    def process(self, element: KeyedMessage, *states: Any) -> Sequence[Any]:
        """A message came: it waits."""
        inbox, timer = states
        inbox.add(element[1])
        timer.set(_END_OF_INPUT)
        return ()

    def _inspect_coalesce(self) -> tuple[list[str], list[Any]]:
        names, defaults = ["key", *self.narrow], [beam.DoFn.KeyParam, *_states(self.narrow)]
        if self._has_maps:
            return [*names, "again"], [*defaults, beam.DoFn.TimerParam(self.shards_timer)]
        return names, defaults

    def coalesce(self, key: bytes, again: Any = None, **states: Any) -> Sequence[Any]:
        """All that waits for a key is one step; with the shards only if it must be."""
        try:
            return self._take(key, states, wide=False)
        except NeedsWide:
            again.set(_END_OF_INPUT)
            return ()

    def _inspect_shards(self) -> tuple[list[str], list[Any]]:
        if self._has_maps:
            return ["key", *self.specs], [beam.DoFn.KeyParam, *_states(self.specs)]
        return ["key"], [beam.DoFn.KeyParam]

    def shards(self, key: bytes, **states: Any) -> Sequence[Any]:
        """The same for a key with a large map."""
        return self._take(key, states, wide=True)

    def _take(self, key: bytes, states: dict[str, Any], *, wide: bool) -> Sequence[Any]:
        inbox = states[INBOX]
        waiting = list(inbox.read())
        if not waiting:
            return ()
        outputs = self._step(decode_key(key), waiting, Cells(self.node.cells, states, wide=wide))
        inbox.clear()
        return outputs


def _outputs(step: HeldStep) -> Iterator[Any]:
    """What Beam is to carry: messages to their operators' outputs, dead letters and gaps to theirs, view changes."""
    for operator, key, message in step.sent():
        yield _tagged(operator, (encode_key(key), message))
    for output in step.emitted:
        raw = encode_carried(output)
        yield raw if isinstance(output, ViewChange) else _tagged(LETTERS, raw)


def _tagged(tag: str, value: Any) -> Any:
    return beam.pvalue.TaggedOutput(tag, value)


def _states(specs: dict[str, Any]) -> list[Any]:
    return [beam.DoFn.StateParam(spec) for spec in specs.values()]
