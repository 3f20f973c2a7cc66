"""One operator of the plan as one keyed, stateful DoFn of a pipeline that does not end.

Every message is a step. Timers are processing time, and no result may depend on them: pages of a change with many
subscribers go on by one, and garbage is dropped by one. A garbage timer looks at the clock before it acts and is set
again when it came too early, as it does at the end of the input or in a drain. Beam keeps one time per timer, the last
that was set; so what an operator asked for is kept beside it, and the earliest counts.

The wrapper does the accounts of a load (`engines.credit`) around the operator's step, which knows nothing of them: the
weight of what a step took is split among what it sends; where it goes on by pages, it keeps a part until the last page;
what is left goes back to the fence, with how many view changes went to each shard of the gate.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from ...core.change import ViewChange
from ...operators.base import Key, Output, Profile
from ...operators.build import build_seeded
from ...operators.seeded import EPOCH
from ...plan.nodes import OperatorNode, TimerKind
from ...plan.wire import from_json
from ..carried import encode_carried
from ..coding import decode_message, decode_state, encode, encode_state
from ..credit import NOTHING, Credit, Weight, split, total, unwrap, wrap
from ..held import HeldStep, step_letter
from . import clock
from .cells import Cells
from .gate import CAUSED, SHOWN
from .keys import KeyedMessage, decode_key, encode_key
from .live import Held, Live
from .steps import LETTERS, OperatorFn

CREDIT = "credit"
"""The output of what goes back to the fence."""

_WAITS = "waits"


class Waits(NamedTuple):
    """What a key waits for.

    Attributes:
        garbage: When its garbage timer is to act, in microseconds; 0: never.
        pages: Whether it goes on by pages.
        weight: What it keeps until the last page.
    """

    garbage: int = 0
    pages: bool = False
    weight: Weight = NOTHING


class _Waiting:
    """The state of `Waits`, read when it is asked for, written where it differs."""

    def __init__(self, state: Any) -> None:
        self._state = state
        self._held: Waits | None = None

    def get(self) -> Waits:
        if self._held is None:
            raw = self._state.read()
            garbage, pages, weight = (0, False, NOTHING) if raw is None else decode_state(raw)
            self._held = Waits(garbage, pages, Weight(*weight))
        return self._held

    def put(self, waits: Waits) -> None:
        if waits == self.get():
            return
        self._held = waits
        if waits == Waits():
            self._state.clear()
        else:
            self._state.write(encode_state((waits.garbage, waits.pages, tuple(waits.weight))))


class TimedStep(HeldStep):
    """The context of a step that may set timers.

    Attributes:
        asked: Kind of timer -> the earliest time asked for.
    """

    def __init__(self, cells: Cells, generation: int, moment: int) -> None:
        super().__init__(cells, generation, moment)
        self.asked: dict[TimerKind, int] = {}
        self._now = clock.micros()

    @property
    def now(self) -> int:
        """Processing time in microseconds: one moment for the whole step."""
        return self._now

    def set_timer(self, kind: TimerKind, at: int) -> None:
        """Keeps the earliest time of a kind for the end of the step."""
        self.asked[kind] = min(at, self.asked.get(kind, at))


def shard_of(path: str, shards: int) -> int:
    """The shard of the gate that a view document goes through; the same in every release, for its state is there."""
    return zlib.crc32(path.encode("utf-8", "surrogatepass")) % shards


class StreamFn(OperatorFn):
    """Runs one operator, each message as a step.

    Args:
        plan: The plan as JSON.
        node: Which operator.
        profile: What this engine promises.
        generation: The first part of view versions.
        shards: Of the gate.
        seeded: Whether it begins with seeds.
    """

    def __init__(
        self, plan: str, node: OperatorNode, profile: Profile, generation: int, shards: int, *, seeded: bool = False
    ) -> None:
        super().__init__(plan, node, profile, generation)
        self.shards, self.seeded = shards, seeded
        self.waits = ReadModifyWriteStateSpec(_WAITS, BytesCoder())
        # Timers are found by their name alone where operators are fused: they must not share one.
        self.garbage_timer = TimerSpec(f"{node.id}.garbage", TimeDomain.REAL_TIME)
        self.pages_timer = TimerSpec(f"{node.id}.pages", TimeDomain.REAL_TIME)
        on_timer(self.garbage_timer)(StreamFn.garbage)
        on_timer(self.pages_timer)(StreamFn.pages)

    def setup(self) -> None:
        """Builds the operator; nothing is remembered."""
        super().setup()
        self.live = Live()
        if self.seeded:
            plan = from_json(self.plan)
            self.operator = build_seeded(next(n for n in plan.operators if n.id == self.node.id), plan, self.profile)

    def _inspect_process(self) -> tuple[list[str], list[Any]]:
        return ["element", *self._names()], self._defaults()

    def _inspect_garbage(self) -> tuple[list[str], list[Any]]:
        return ["key", *self._names()], [beam.DoFn.KeyParam, *self._defaults()]

    _inspect_pages = _inspect_garbage

    def _names(self) -> list[str]:
        return [*self.specs, _WAITS, "garbage_timer", "pages_timer"]

    def _defaults(self) -> list[Any]:
        states = [beam.DoFn.StateParam(spec) for spec in (*self.specs.values(), self.waits)]
        return [*states, beam.DoFn.TimerParam(self.garbage_timer), beam.DoFn.TimerParam(self.pages_timer)]

    def process(self, element: KeyedMessage, *given: Any) -> Sequence[Any]:
        """A message came."""
        key, envelope = element
        weight, message = unwrap(envelope)
        turn = self._turn(key, given)
        turn.weight = weight
        return self._run(turn, lambda step: self.operator.step(turn.key, [decode_message(message)], step), [message])

    def garbage(self, key: bytes, **given: Any) -> Sequence[Any]:
        """The garbage timer came, perhaps too early."""
        turn = self._turn(key, given.values())
        waits = turn.waiting.get()
        if waits.garbage > clock.micros():
            turn.garbage_timer.set(Timestamp(micros=waits.garbage))
        if not 0 < waits.garbage <= clock.micros():
            return ()
        turn.waiting.put(waits._replace(garbage=0))
        return self._run(turn, lambda step: self.operator.on_timer(turn.key, "garbage", step), [])

    def pages(self, key: bytes, **given: Any) -> Sequence[Any]:
        """The next page."""
        turn = self._turn(key, given.values())
        waits = turn.waiting.get()
        if not waits.pages:
            return ()
        turn.weight = waits.weight
        turn.waiting.put(waits._replace(pages=False, weight=NOTHING))
        return self._run(turn, lambda step: self.operator.on_timer(turn.key, "coalesce", step), [])

    def _turn(self, raw_key: bytes, given: Iterable[Any]) -> _Turn:
        *states, waits, garbage, pages = given
        live = self.live.take(raw_key)
        cells = Cells(self.node.cells, dict(zip(self.specs, states)), wide=True, live=live)
        return _Turn(raw_key, live, cells, _Waiting(waits), garbage, pages)

    def _run(self, turn: _Turn, act: Callable[[TimedStep], None], waiting: Sequence[bytes]) -> Sequence[Any]:
        """A step; its state, messages and timers come to be together, or a dead letter instead of them."""
        step = TimedStep(turn.cells, self.generation, self.profile.moment)
        step.epoch = EPOCH if self.seeded else 0
        try:
            act(step)
            sent, outputs = list(step.sent()), [_carried(o, self.shards) for o in step.emitted]
            writes = turn.cells.writes()
        except Exception as error:
            letter = encode_carried(step_letter(self.node, turn.key, waiting, error))
            return [*self._accounts(turn, [], []), beam.pvalue.TaggedOutput(LETTERS, letter)]
        for write in writes:
            write()
        self.live.give(turn.raw_key, turn.live)
        turn.set_timers(step.asked)
        return self._accounts(turn, sent, outputs)

    def _accounts(self, turn: _Turn, sent: Sequence[tuple[str, Key, bytes]], outputs: Sequence[Any]) -> list[Any]:
        """What Beam is to carry, with the weight of what the step took split among it."""
        if not turn.weight.mantissa:
            return [*_messages(sent, [NOTHING] * len(sent)), *(o.tagged(SHOWN) for o in outputs)]
        shown: dict[int, int] = {}
        for shard in (o.shard for o in outputs if o.shard is not None):
            shown[shard] = shown.get(shard, 0) + 1
        pages = turn.waiting.get().pages
        returns = bool(shown) or not (sent or pages)
        parts = split(turn.weight, len(sent) + pages + returns)
        found = [*_messages(sent, parts), *(o.tagged(CAUSED) for o in outputs)]
        if pages:
            turn.keep(parts[len(sent)])
        if returns:
            found.append(beam.pvalue.TaggedOutput(CREDIT, Credit(parts[-1], shown).encoded()))
        return found


class _Turn:
    """One step's key, state, timers and weight."""

    def __init__(
        self, raw_key: bytes, live: Held, cells: Cells, waiting: _Waiting, garbage_timer: Any, pages_timer: Any
    ) -> None:
        self.raw_key, self.live = raw_key, live
        self.key, self.cells, self.waiting = decode_key(raw_key), cells, waiting
        self.garbage_timer, self.pages_timer = garbage_timer, pages_timer
        self.weight = NOTHING

    def set_timers(self, asked: dict[TimerKind, int]) -> None:
        """Sets the timers that the step asked for, the earliest of each."""
        garbage = asked.get("garbage")
        if garbage is not None and not 0 < self.waiting.get().garbage <= garbage:
            self.waiting.put(self.waiting.get()._replace(garbage=garbage))
            self.garbage_timer.set(Timestamp(micros=garbage))
        if "coalesce" in asked:
            self.waiting.put(self.waiting.get()._replace(pages=True))
            self.pages_timer.set(Timestamp(micros=asked["coalesce"]))

    def keep(self, weight: Weight) -> None:
        """Keeps a weight until the last page."""
        waits = self.waiting.get()
        self.waiting.put(waits._replace(weight=total((waits.weight, weight))))


class _Outlet(NamedTuple):
    """An output as bytes, and the shard of the gate that it goes to; `None`: it is no view change."""

    raw: bytes
    shard: int | None

    def tagged(self, cause: bytes) -> Any:
        if self.shard is None:
            return beam.pvalue.TaggedOutput(LETTERS, self.raw)
        return (encode(self.shard), cause + self.raw)


def _carried(output: Output, shards: int) -> _Outlet:
    shard = shard_of(output.path, shards) if isinstance(output, ViewChange) else None
    return _Outlet(encode_carried(output), shard)


def _messages(sent: Iterable[tuple[str, Key, bytes]], weights: Iterable[Weight]) -> list[Any]:
    return [
        beam.pvalue.TaggedOutput(operator, (encode_key(key), wrap(raw, weight)))
        for (operator, key, raw), weight in zip(sent, weights)
    ]
