"""One operator of the plan as one keyed, stateful DoFn of a pipeline that does not end.

Every message is a step. Most are plain changes, or simple: those are taken on their bytes (`plain`, `simple`). A record that
the worker has lately had follows what comes (`followed_assemble`); all others are steps of the operator. Timers are
processing time, and no result may depend on them: pages of a change with many subscribers go on by one, and garbage is
dropped by one. A garbage timer looks at the clock before it acts and is set again when it came too early, as it does at the
end of the input or in a drain. Beam keeps one time per timer, the last that was set; so what an operator asked for is kept
beside it, and the earliest counts.

A message is taken with the first state of each map, and without what is there for pages alone; where a map is in shards,
or a key goes on by pages, it waits in the key's inbox for a timer whose step names all, with what came meanwhile: states and
timers cost whether they are touched or not, and such keys are few.
So does a message wait that may (`patience`): what shows a view document then evaluates it once for all of them.

The wrapper does the accounts of a load (`engines.credit`) around the operator's step, which knows nothing of them: the
weight of what a step took is split among what it sends; where it goes on by pages, it keeps a part until the last page;
what is left goes back to the fence, with how many view changes went to each shard of the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from ...operators.base import Key, Profile
from ...operators.build import build_seeded
from ...operators.seeded import EPOCH
from ...plan.nodes import OperatorNode
from ...plan.wire import from_json
from ..carried import encode_carried
from ..coding import decode_message
from ..credit import NOTHING, total, unwrap
from ..held import KeyedCells, step_letter
from . import clock
from .cells import Cells, NeedsWide
from .followed_assemble import followed_of
from .keys import KeyedMessage
from .live import Live, pool_of_process
from .outlet import (
    NO_CELLS,
    SHOWN,
    Outlet,
    TimedStep,
    as_they_are,
    gate_key,
    weighing,
    weightless,
)
from .plain import plain_of
from .plain_bytes import BEGIN, WEIGHTLESS, Take
from .simple import TakeSimple, simple_of
from .steps import INBOX, LETTERS, OperatorFn
from .turn import Turn, accounts
from .waits import Waiting, goes_on

_WAITS, _ROUND = "waits", "round"
"""What a key waits for; and what is told by pages, which is there exactly while the key waits for the next one."""


_Named = Mapping[str, Any]


class StreamFn(OperatorFn):
    """Runs one operator, each message as a step.

    Args:
        plan: The plan as JSON.
        node: Which operator.
        profile: What this engine promises.
        generation: The first part of view versions.
        shards: Of the gate.
        seeded: Whether it begins with seeds.
        patience: For how many microseconds messages that no load caused wait for others.
        keep: How many bytes of state the process keeps as objects; `None`: for as many as there is `room` for.
    """

    def __init__(
        self,
        plan: str,
        node: OperatorNode,
        profile: Profile,
        generation: int,
        shards: int,
        *,
        seeded: bool = False,
        patience: int = 0,
        keep: int | None = None,
    ) -> None:
        super().__init__(plan, node, profile, generation)
        self.shards, self.seeded, self.patience, self.keep = shards, seeded, patience, keep
        self.waits = ReadModifyWriteStateSpec(_WAITS, BytesCoder())
        # Timers are found by their name alone where operators are fused: they must not share one.
        named = {kind: TimerSpec(f"{node.id}.{kind}", TimeDomain.REAL_TIME) for kind in _TIMERS}
        for kind, timer in named.items():
            on_timer(timer)(_TIMERS[kind])
        waits = self._has_maps or patience > 0
        wanted = {"garbage": True, "pages": any(c.name == _ROUND for c in node.cells), "together": waits}
        self.timers = {kind: timer for kind, timer in named.items() if wanted[kind]}
        self.brief = {kind: timer for kind, timer in self.timers.items() if kind != "pages"}
        for name in (_ROUND,) if waits else (INBOX,):
            self.narrow.pop(name, None)

    def setup(self) -> None:
        """Builds the operator; nothing is remembered."""
        super().setup()
        self.live = Live(pool_of_process(self.keep))
        self.epoch = EPOCH if self.seeded else 0
        if self.seeded:
            self.operator = build_seeded(self.operator.node, from_json(self.plan), self.profile)
        at = {name: place for place, name in enumerate(self.narrow)}
        self._inbox = at.get(INBOX, -1)
        self._inbox_timer = len(at) + 1 + [*self.brief].index("together") if "together" in self.brief else -1
        self.plain: Take = plain_of(self.operator, self.profile, at, self)
        garbage = len(at) + 1 + [*self.brief].index("garbage")
        self.simple: TakeSimple = simple_of(self.operator, self.profile, at, garbage, self)
        self.followed: Take = followed_of(self.operator, at, garbage, self)

    def teardown(self) -> None:
        """What was kept for its next steps goes."""
        self.live.close()

    def _inspect_process(self) -> tuple[list[str], list[Any]]:
        return self._params({"element": None}, self.narrow, self.brief)

    def _inspect_garbage(self) -> tuple[list[str], list[Any]]:
        return self._params({"key": beam.DoFn.KeyParam}, self.specs, self.timers)

    _inspect_pages = _inspect_take_inbox = _inspect_garbage

    def _params(self, of: _Named, states: _Named, timers: _Named) -> tuple[list[str], list[Any]]:
        """The parameters of a method that names some states, and some of the timers that this operator may want."""
        given = [default for default in of.values() if default is not None]
        given += [beam.DoFn.StateParam(spec) for spec in (*states.values(), self.waits)]
        return [*of, *states, _WAITS, *timers], [*given, *map(beam.DoFn.TimerParam, timers.values())]

    def process(self, element: KeyedMessage, *given: Any) -> Sequence[Any]:
        """A message came."""
        key, envelope = element
        if envelope.startswith(WEIGHTLESS):
            if self.patience:
                return self._wait(envelope, given, self.patience)
            taken = self.plain(key, envelope, given)
            if taken is not None:
                return taken
            sent = self.simple(key, envelope, BEGIN, given)
            if sent is not None:
                return as_they_are(sent)
            taken = self.followed(key, envelope, given)
            if taken is not None:
                return taken
        else:
            weight, message = unwrap(envelope)
            sent = self.simple(key, message, 0, given)
            if sent is not None:
                return weighing(sent, weight)
        try:
            return self._take(self._turn(key, given, wide=False), [envelope])
        except NeedsWide:
            return self._wait(envelope, given, 0)

    def _wait(self, envelope: bytes, given: Sequence[Any], patience: int) -> Sequence[Any]:
        """Puts a message into the inbox; the first that waits says until when, unless one cannot."""
        given[self._inbox].add(envelope)
        waiting = Waiting(given[len(self.narrow)])
        if not waiting.get().inbox or not patience:
            waiting.put(waiting.get()._replace(inbox=True))
            given[self._inbox_timer].set(Timestamp(micros=clock.micros() + patience))
        return ()

    def take_inbox(self, key: bytes, **given: Any) -> Sequence[Any]:
        """All that waits is one step; where that fails, each message is one."""
        inbox, waiting = given[INBOX], Waiting(given[_WAITS])
        waiting.put(waiting.get()._replace(inbox=False))
        envelopes = list(inbox.read() or ())
        if not envelopes:
            return ()
        found = self._take_all(key, envelopes, given.values())
        inbox.clear()
        return found

    def _take_all(self, key: bytes, envelopes: Sequence[bytes], given: Iterable[Any]) -> Sequence[Any]:
        try:
            return self._take(self._turn(key, given, wide=True), envelopes)
        except _Together:
            return [out for one in envelopes for out in self._take(self._turn(key, given, wide=True), [one])]

    def _take(self, turn: Turn, envelopes: Sequence[bytes]) -> Sequence[Any]:
        if len(envelopes) == 1:
            turn.weight, message = unwrap(envelopes[0])
            waiting: Sequence[bytes] = [message]
        else:
            weights, waiting = zip(*map(unwrap, envelopes))
            turn.weight = total(weights)
        return self._run(
            turn, lambda step: self.operator.step(turn.key, list(map(decode_message, waiting)), step), waiting
        )

    def garbage(self, key: bytes, **given: Any) -> Sequence[Any]:
        """The garbage timer came, perhaps too early."""
        turn = self._turn(key, given.values(), wide=True)
        waits = turn.waiting.get()
        if waits.garbage > clock.micros():
            turn.timers["garbage"].set(Timestamp(micros=waits.garbage))
        if not 0 < waits.garbage <= clock.micros():
            return ()
        turn.waiting.put(waits._replace(garbage=0))
        return self._run(turn, lambda step: self.operator.on_timer(turn.key, "garbage", step), [])

    def pages(self, key: bytes, **given: Any) -> Sequence[Any]:
        """The next page."""
        turn = self._turn(key, given.values(), wide=True)
        waits = turn.waiting.get()
        if not waits.pages:
            return ()
        turn.weight = waits.weight
        turn.waiting.put(waits._replace(pages=False, weight=NOTHING))
        return self._run(turn, lambda step: self.operator.on_timer(turn.key, "coalesce", step), [])

    def _turn(self, raw_key: bytes, given: Iterable[Any], *, wide: bool) -> Turn:
        specs, timers = (self.specs, self.timers) if wide else (self.narrow, self.brief)
        given, live = tuple(given), self.live.take(raw_key)
        is_there = partial(goes_on, given[len(specs)])
        cells = Cells(self.node.cells, dict(zip(specs, given)), wide=wide, live=live, is_there=is_there)
        return Turn(raw_key, live, cells, given[len(specs) :], timers)

    def begun(self, cells: KeyedCells = NO_CELLS) -> TimedStep:
        """The context of a step."""
        step = TimedStep(cells, self.generation, self.profile.moment)
        step.epoch = self.epoch
        return step

    def failed(self, key: Key, waiting: Sequence[bytes], error: Exception) -> Any:
        """The dead letter of a step that failed."""
        letter = step_letter(self.node, key, waiting, error)
        return beam.pvalue.TaggedOutput(LETTERS, encode_carried(letter))

    def given(self, step: TimedStep) -> Sequence[Any]:
        """What Beam is to carry of a step that no load caused."""
        change = step.shown
        if change is not None:
            return ((gate_key(change.path, self.shards), encode_carried(change, SHOWN)),)
        return weightless(step.enveloped(), self._outlets(step))

    def _outlets(self, step: TimedStep) -> list[Outlet]:
        """What a step shows, and its letters."""
        return [Outlet.of(output, self.shards) for output in step.emitted]

    def _run(self, turn: Turn, act: Callable[[TimedStep], None], waiting: Sequence[bytes]) -> Sequence[Any]:
        """A step; its state, messages and timers come to be together, or a dead letter instead of them.

        Raises:
            NeedsWide: Nothing of the step counts; it must be run again with all states.
            _Together: Nor does anything of one that failed with several messages: each is to be tried alone.
        """
        step = self.begun(turn.cells)
        try:
            act(step)
            sent = step.sent() if turn.weight.mantissa else step.enveloped()
            outputs, writes = self._outlets(step), turn.cells.writes()
        except Exception as error:
            if turn.cells.needs_wide:
                raise NeedsWide from None
            if len(waiting) > 1:
                raise _Together from None
            return [*accounts(turn, [], []), self.failed(turn.key, waiting, error)]
        if turn.cells.needs_wide:
            raise NeedsWide
        for write in writes:
            write()
        self.live.give(turn.raw_key, turn.live)
        if step.asked:
            turn.set_timers(step.asked)
        return accounts(turn, sent, outputs)


class _Together(Exception):
    """A step of several messages failed."""


_TIMERS = {"garbage": StreamFn.garbage, "pages": StreamFn.pages, "together": StreamFn.take_inbox}
"""Kind of timer -> what it calls."""
