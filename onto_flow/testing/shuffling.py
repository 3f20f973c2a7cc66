"""The shuffling engine: runs a plan's operators in any order that the contract allows, reproducibly from a seed.

Law: whatever it does, an engine may do. Any key of any operator is next; any part of what waits for it is one step;
state and messages are bytes between steps; timers come late within bounds; time jumps beyond all of them when nothing is
under way; a crash restores an older state and the sources deliver again, in another order (`testing.recovery`).

The bounds are those of `operators.base.Profile`: no message is under way for longer than `young`, and timers of assemble
are at most `LATE` late.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any, NamedTuple

from ..operators.base import Key, Operator, Output, Profile
from ..operators.build import build_operators, build_seeded
from ..operators.messages import CaughtUp, Claim, Event, Message, Republish, Rows, Tick, decode_message, encode_message
from ..operators.record import Record
from ..plan.clocks import clocks, last_tick
from ..plan.nodes import Plan, TimerKind
from .cells import Cells, Step, Store
from .judge import Shown
from .judge_changes import Ledger
from .schedules import Schedule
from .trace import Trace

YOUNG, LATE = 100, 60
LOOSE = Profile(
    drained=False, young=YOUNG, keep_uncovered=3 * YOUNG + 1, keep_left=6 * YOUNG + LATE + 2, horizon=10**12
)
TIGHT = Profile(drained=False, young=YOUNG, keep_uncovered=YOUNG + 1, keep_left=2 * YOUNG + LATE + 2, horizon=10**12)

MOVES, MOVES_PER_EVENT = 20_000, 2_000
"""A run of so many moves, and so many for each event, will not come to rest any more: some hundred are usual."""


class Waiting(NamedTuple):
    """A message under way: when its cause left ingest, and whether it was sent before the caught-up signal passed."""

    message: Any
    origin: int
    before: bool


class Now(NamedTuple):
    """Declared time comes to a moment, as a part of a feed: it never goes back."""

    moment: int


class ShufflingEngine:
    """One run of a plan.

    Args:
        plan: The views.
        random: Decides everything.
        profile: The bounds; `drained` must be off.
        packed: Whether state and messages are bytes between steps; off for speed.
        style: As of a `Schedule`.
        seeded: Whether its operators take seeds.
    """

    def __init__(
        self,
        plan: Plan,
        random: Random,
        profile: Profile = LOOSE,
        *,
        packed: bool = True,
        style: str = "",
        seeded: bool = False,
    ) -> None:
        self.plan, self.random, self.profile, self.packed = plan, random, profile, packed
        self.operators: dict[str, Operator] = (
            {node.id: build_seeded(node, plan, profile) for node in plan.operators}
            if seeded
            else build_operators(plan, profile)
        )
        self.names = list(self.operators)
        self.store = Store(self.names, packed)
        self.queues: dict[str, dict[Key, list[Waiting]]] = {name: {} for name in self.names}
        self.timers: dict[tuple[str, Key, TimerKind], Waiting] = {}
        self.now = self.epoch = self.moment = 0
        self._moves_left = MOVES
        self.trace = Trace(Ledger(plan))
        self.silent_stages: set[str] = set()
        self.silent_keys: dict[str, set[Key]] = {name: set() for name in self.names}
        self.behind: dict[str, set[Key]] = {name: set() for name in self.names}
        self.schedule = Schedule(self.names, random, style)
        self.unanswered = 0
        self._step: tuple[str, Key, int, bool] = ("", "", 0, False)
        self._sent: list[Message] = []
        self._again = False

    def feed(self, path: str, event: Event | Now, *, before: bool = False) -> None:
        """Puts an event before ingest, where it may wait as long as it likes."""
        self._moves_left += MOVES_PER_EVENT
        if isinstance(event, Now):
            moment = max(event.moment, self.moment)
            told = ((clock, Tick(last_tick(every, moment))) for clock, every in clocks(self.plan).items())
            self.tell_time(moment, told, before=before)
        else:
            self._enqueue("ingest", path, event, self.now, before)

    def run(self, events: Iterable[tuple[str, Event | Now]]) -> None:
        """Delivers events while everything else goes on, then runs to rest."""
        waiting = list(events)[::-1]
        rate = self.random.choice((0.05, 0.3, 0.9))
        while waiting or self.busy:
            if waiting and (not self.busy or self.random.random() < rate):
                self.feed(*waiting.pop())
            else:
                self.move()
        self.rest()

    def bulk(self, events: Iterable[tuple[str, Event | Now]]) -> None:
        """Builds the state from the documents of an export: one batch, stage by stage."""
        for path, event in events:
            self.feed(path, event)
        for name in self.names:
            for key in list(self.queues[name]):
                self.step(name, key, everything=True)
        for timer in [t for t in self.timers if t[2] == "coalesce"]:
            while timer in self.timers:
                self.fire(timer)

    @property
    def busy(self) -> bool:
        """Whether anything but garbage is under way."""
        if any(self.queues.values()):
            return True
        return any(t[2] == "coalesce" or (t[2] == "until" and self._is_due(t)) for t in self.timers)

    def _is_due(self, timer: tuple[str, Key, TimerKind]) -> bool:
        at: int = self.timers[timer].message
        return at <= (self.moment if timer[2] == "until" else self.now)

    def tell_time(self, moment: int, ticks: Iterable[tuple[str, Tick]], *, before: bool = False) -> None:
        """Declared time comes to a moment, with its ticks."""
        self.moment = moment
        for path, tick in ticks:
            self._enqueue("ingest", path, tick, self.now, before)

    def move(self) -> None:
        """One random thing happens.

        Raises:
            AssertionError: So much has happened that it will never come to rest.
        """
        self._moves_left -= 1
        if self._moves_left < 0:
            raise AssertionError(f"the flow does not come to rest: {self._waiting()}")
        chance = self.random.random()
        if chance < (0.6 if self.schedule.hasty else 0.12):
            self.advance()
        if chance < 0.004:
            self.schedule.turn()
        due = [t for t in self.timers if self._is_due(t)] if self.timers else []
        if due and (self.schedule.hasty or chance < 0.4 or not any(self.queues.values())):
            self.fire(self.random.choice(due))
        elif any(self.queues.values()):
            self.step(*self.schedule.next(self.queues))

    def _waiting(self) -> str:
        queues = {name: len(keys) for name, keys in self.queues.items() if keys}
        timers = sorted({f"{kind} of {name}" for name, _, kind in self.timers if kind in ("coalesce", "until")})
        return f"messages wait at {queues}, timers are {timers}"

    def advance(self) -> None:
        """Time goes on, as far as the bounds allow."""
        oldest = self._oldest()
        most = self.random.choice((1, YOUNG // 2, YOUNG, 3 * YOUNG, 8 * YOUNG))
        if oldest is not None:
            most = min(most, max(0, oldest + self.profile.young - self.now))
        late = [w.message + LATE - self.now for (op, _, kind), w in self.timers.items() if op.endswith(".assemble")]
        furthest = max(0, min([most, *late]))
        self.now += furthest if self.schedule.hasty else self.random.randint(0, furthest)

    def _oldest(self) -> int | None:
        origins = [w.origin for name in self.names[1:] for queue in self.queues[name].values() for w in queue]
        origins += [w.origin for (_, _, kind), w in self.timers.items() if kind == "coalesce"]
        return min(origins, default=None)

    def rest(self) -> None:
        """Runs everything that is under way, then all timers but those of ingest's tombstones."""
        while True:
            while self.busy:
                self.move()
            timers = {t: w for t, w in self.timers.items() if t[0] != "ingest"}
            if not timers:
                return
            timer = min(timers, key=lambda t: timers[t].message)
            self.now = max(self.now, timers[timer].message)
            self.fire(timer)

    def step(self, name: str, key: Key, *, everything: bool = False) -> None:
        """A random part of what waits for a key is one step."""
        queue = self.queues[name].pop(key)
        if not everything and len(queue) > 1:
            self.random.shuffle(queue)
            if self.random.random() < 0.6:
                cut = self.random.choice((1, self.random.randint(1, len(queue))))
                queue, self.queues[name][key] = queue[:cut], queue[cut:]
                if not self.queues[name][key]:
                    del self.queues[name][key]
        messages: list[Message] = [decode_message(w.message) if self.packed else w.message for w in queue]
        origin = self.now if name == "ingest" else min(w.origin for w in queue)
        self._act(name, key, messages, origin, any(w.before for w in queue))

    def fire(self, timer: tuple[str, Key, TimerKind]) -> None:
        """A timer comes."""
        name, key, kind = timer
        waiting = self.timers.pop(timer)
        origin = waiting.origin if kind == "coalesce" else self.now
        self._act(name, key, kind, origin, waiting.before)

    def _act(self, name: str, key: Key, what: Sequence[Message] | TimerKind, origin: int, before: bool) -> None:
        cells = self.store.open(name, key)
        step = Step(self, cells, name in self.silent_stages or key in self.silent_keys[name])
        unsure = name in self.silent_stages or bool(self.silent_keys[name]) or bool(self.behind[name])
        round_before = self.timers.get((name, key, "coalesce"))
        if round_before is not None:
            origin, before = min(origin, round_before.origin), before or round_before.before
            self.timers[name, key, "coalesce"] = Waiting(round_before.message, origin, before)
        self._step = (name, key, origin, before or unsure)
        heard = len(self.trace.emitted)
        self._sent = []
        asked = 0 if isinstance(what, str) else sum(isinstance(m, Republish) for m in what)
        self._again = asked > 0
        self.unanswered -= asked
        if isinstance(what, str):
            self.operators[name].on_timer(key, what, step)
        else:
            self.trace.take(self.operators[name].node.view, key, what)
            self.operators[name].step(key, what, step)
        self._note(name, key, cells, heard)
        self.store.close(name, key, cells)
        if not isinstance(what, str) and any(isinstance(m, CaughtUp) for m in what):
            self.silent_keys[name].discard(key)

    def _note(self, name: str, key: Key, cells: Cells, heard: int) -> None:
        """Writes down what a step showed, and judges groups and owners."""
        node = self.operators[name].node
        emitted = self.trace.emitted[heard:]
        if node.kind == "assemble":
            held = cells.get("record")
            record = Record.of(held.pack() if isinstance(held, Record) else held)
            (self.behind[name].add if record.behind else self.behind[name].discard)(key)
            if emitted or self._sent:
                witness = {p: d.version for p, d in record.reg.items() if not d.gone}
                assert isinstance(key, str)
                shown = Shown(node.view, key, record.last, witness)
                self.trace.shown.setdefault((node.view, key), []).append(shown)
        elif node.kind in ("aggregate", "own"):
            judged = (self.trace.ledger.judge(key, e.change) for e in emitted)
            self.trace.complaints.extend(c for c in judged if c is not None)

    def send(self, operator: str, key: Key, message: Message) -> None:
        """A message to a later operator."""
        if self.names.index(operator) <= self.names.index(self._step[0]):
            self.trace.complaints.append(f"{self._step[0]} sent {message} back to {operator}")
        if isinstance(message, (Rows, Claim)):
            self._sent.append(message)
        self._enqueue(operator, key, message, self._step[2], self._step[3])

    def enqueue(self, operator: str, key: Key, message: Message) -> None:
        """Puts a message of the engine's own before a key."""
        self._enqueue(operator, key, message, self.now, False)

    def _enqueue(self, operator: str, key: Key, message: Message, origin: int, before: bool) -> None:
        waiting = Waiting(encode_message(message) if self.packed else message, origin, before)
        self.queues[operator].setdefault(key, []).append(waiting)

    def emit(self, output: Output) -> None:
        """An output of the step."""
        self.trace.emit(output, self._step[0], self._step[1], again=self._again)

    def set_timer(self, kind: TimerKind, at: int) -> None:
        """A timer of the step's key; the earliest counts."""
        name, key, origin, before = self._step
        held = self.timers.get((name, key, kind))
        earliest = at if held is None else min(at, held.message)
        self.timers[name, key, kind] = Waiting(earliest, origin, before)
