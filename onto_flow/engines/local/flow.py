"""One process, in memory: every micro-batch is run through all stages, in stage order, each key once per stage.

That is the *drained* form of the protocol: nothing is under way between two batches, so departures and registers that
nobody asks for are dropped at once, and aggregates add and retract. The first load is one batch: the bulk build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, cast

from ...core.change import DeadLetter, ViewChange
from ...core.compact import Cells, cells_of, new_map
from ...operators.base import Key, Operator, Output, Profile, Shows
from ...operators.build import build_operators
from ...operators.drained.assemble import DrainedAssemble
from ...operators.drained.base import Drains, Resumes
from ...operators.drained.fill import Fill
from ...operators.drained.follow import Follow
from ...operators.messages import CaughtUp, Event, Message, Tick
from ...plan.clocks import clocks, last_tick
from ...plan.nodes import OperatorNode, Plan, TimerKind
from ..breaker import Breaker
from .state import InMemory, State
from .step import Step, keep
from .timers import Timer

PAGE = 1000
"""How many subscribers one step tells of a change: a batch with such a change takes some ten milliseconds longer."""

TIMERS = 1000
"""How many timers one batch takes, of which one may be a page."""

_PART = 10_000
"""A stage's queue is run in parts of so many keys."""


class Stopped(Exception):
    """A batch was given up half-way, because its job shall end: the state is of no use any more."""


class LocalFlow:
    """The operators of a plan with their state in dicts.

    Args:
        plan: What to maintain.
        generation: The first part of view versions.
        snapshot: The time of the first load, for the rule on events.
        clock: Processing time in microseconds; steers garbage only.
        state: Where keyed state and timers are; in memory alone when left out.
        born: When the state began, in microseconds; now when left out.
        page: How many subscribers one step tells of a change; the others are told in the batches after it.

    Attributes:
        moment: Declared time, as far as it has come.
        state: Is told the keys of every step before it.
        queues: What waits for each operator.
        silent: Whether view documents are not evaluated yet, as documents that they need are not there (`caught_up`).
        interrupted: Says whether a long batch is to be given up.
        breaker: Is told what user code failed, and may stop the flow in the middle of a batch.

    Example:
        A plan's operators take events and give view changes; see `LocalEngine` for whole jobs.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        generation: int = 0,
        snapshot: int | None = None,
        clock: Callable[[], int] = lambda: 0,
        state: State | None = None,
        born: int | None = None,
        page: int = PAGE,
    ) -> None:
        self._clock = clock
        profile = Profile(drained=True, young=0, snapshot=snapshot, born=clock() if born is None else born, page=page)
        self._operators = build_operators(plan, profile)
        self._drains = {n: cast("Drains", o).drain for n, o in self._operators.items() if hasattr(o, "drain")}
        self._new_cells = {
            n: cells_of(c.name for c in o.node.cells if c.kind != "bag") for n, o in self._operators.items()
        }
        self.state: State = InMemory(plan) if state is None else state
        self._stages = [
            (n, o, o.touched if isinstance(o, DrainedAssemble) else dict[Key, Any]())
            for n, o in self._operators.items()
        ]
        self._follow = Follow(self._operators, self.state.states, self.state.changed, self.state.told)
        self.queues: dict[str, dict[Key, list[Message]]] = {name: {} for name in self._operators}
        self.outputs: list[Output] = []
        self._generation = generation
        self.breaker: Breaker | None = None
        self.silent = False
        self.interrupted: Callable[[], bool] = lambda: False
        self.moment = 0
        self._begins = True
        self._clocks = clocks(plan)
        self._ticks = dict.fromkeys(self._clocks, -1)

    def advance(self, moment: int) -> bool:
        """Declared time comes to a moment (microseconds): the next batch has its ticks and expiries.

        Returns:
            Whether there are any.
        """
        self.moment = max(self.moment, moment)
        for path, every in self._clocks.items():
            tick = last_tick(every, self.moment)
            if tick > self._ticks[path]:
                self._ticks[path] = tick
                self.queues["ingest"].setdefault(path, []).append(Tick(tick))
        return bool(self.queues["ingest"]) or self.timer_is_due

    def process(self, events: Iterable[tuple[str, Event]]) -> list[Output]:
        """Runs one micro-batch through all stages.

        Args:
            events: (document path, event) in any order.

        Returns:
            View changes, one per view document at most, dead letters and gaps.

        Raises:
            Stopped: It was given up; the state is of no use any more.
        """
        now, queues = self._clock(), self.queues
        page = self._fire_timers() if self.state.timers.is_due(now, self.moment) else None
        self._follow.take(events, queues, now)
        for name, operator, touched in self._stages:
            queue = queues[name]
            if queue:
                queues[name] = {}
                if len(queue) <= _PART:
                    self._run_stage(name, operator, queue)
                else:
                    self._run_parts(name, operator, queue, touched)
            elif touched:
                cast("Drains", operator).drain(queue, self.state.states[name], self)
            if page is not None and page[0] == name:
                self._fire(page)
        outputs, self.outputs = self.outputs, []
        return outputs

    def fill(self, documents: Iterable[tuple[str, Event]]) -> None:
        """Takes the documents of a first load, into an empty state; `filled` goes on.

        Of plans of which the bulk build knows everything: the result is that of one batch.
        """
        self._fill = Fill(self._operators, self.state.states, self.new_cells)
        self._fill.take(documents, self._clock())

    def filled(self) -> Iterator[list[Output]]:
        """Joins the documents of a first load; what it shows, some at a time.

        Raises:
            Stopped: It was given up; the state is of no use any more.
        """
        for name, operator in self._operators.items():
            if isinstance(operator, DrainedAssemble):
                states = self.state.states[name]
                for number, (root, record, found) in enumerate(self._fill.roots(operator), start=1):
                    operator.first(record, root, found, Step(self, name, root, states[root]))
                    if number % PAGE == 0:
                        if self.interrupted():
                            raise Stopped
                        outputs, self.outputs = self.outputs, []
                        yield outputs
        for name, states in self.state.states.items():
            changed = self.state.changed(name)
            if changed is not None:
                changed.update(states)
        del self._fill
        yield self.process(())

    def caught_up(self, operator: str, keys: Iterable[Key]) -> list[Output]:
        """After a load that was silent: evaluates view documents, by the keys of their assemble."""
        self.queues[operator].update({key: [CaughtUp()] for key in keys})
        return self.process(())

    def _run_parts(
        self, name: str, operator: Operator, queue: dict[Key, list[Message]], touched: dict[Key, Any]
    ) -> None:
        for key in [k for k in touched if k in queue]:
            del touched[key]  # its step shows it
        for part in _parts(queue):
            if self.interrupted():
                raise Stopped
            self._run_stage(name, operator, part)

    def _run_stage(self, name: str, operator: Operator, queue: dict[Key, list[Message]]) -> None:
        self.state.need(name, queue.keys())
        states = self.state.states[name]
        drain = self._drains.get(name)
        if drain is not None:
            drain(queue, states, self)
            return
        for key, messages in queue.items():
            self.step(operator, key, messages)

    def step(self, operator: Operator, key: Key, messages: Sequence[Message]) -> None:
        """Runs one step of an operator as any engine does."""
        name = operator.node.id
        states = self.state.states[name]
        step = Step(self, name, key, states.get(key))
        operator.step(key, messages, step)
        keep(states, key, step.cells)

    def new_map(self, operator: str) -> dict[Any, Any]:
        """The entries of a map cell that has none yet: of match, most maps will have one."""
        return new_map() if self._operators[operator].node.kind == "match" else {}

    def new_cells(self, operator: str) -> Cells:
        """The cells of a key that has none yet."""
        return self._new_cells[operator]()

    def _fire_timers(self) -> Timer | None:
        """Fires what is due, as much as one batch takes; returns the page that is, for its stage: it tells the newest."""
        # What these ask for at once waits for the next batch.
        most = None if self._begins else TIMERS
        due = list(islice(self.state.timers.due(self._clock(), self.moment), most))
        pages = [timer for timer in due if timer[2] == "coalesce"]
        others = [timer for timer in due if timer[2] != "coalesce"]
        for timer in others[:TIMERS]:
            self._fire(timer)
        for timer in pages if self._begins else ():
            self._fire(timer, resumes=True)
        self._begins = False
        for timer in (*others[TIMERS:], *pages[1:]):
            self.state.timers.set(self.moment if timer[2] == "until" else self._clock(), *timer)
        return pages[0] if pages else None

    def _fire(self, timer: Timer, *, resumes: bool = False) -> None:
        name, key, kind = timer
        self.state.need(name, (key,))
        states = self.state.states[name]
        step, operator = Step(self, name, key, states.get(key)), self._operators[name]
        if resumes:
            cast("Resumes", operator).resume(key, step)
        else:
            operator.on_timer(key, kind, step)
        keep(states, key, step.cells)

    @property
    def timer_is_due(self) -> bool:
        """Whether a timer waits for the next batch, which may be empty."""
        return self.state.timers.is_due(self._clock(), self.moment)

    def send(self, operator: str, key: Key, message: Message) -> None:
        """Puts a message into a later stage's queue."""
        queue = self.queues[operator]
        waiting = queue.get(key)
        if waiting is None:
            queue[key] = [message]
        else:
            waiting.append(message)

    def emit(self, output: Output) -> None:
        """Keeps an output for the end of the batch."""
        if type(output) is DeadLetter and self.breaker is not None:
            self.breaker.failed(output, self.evaluated)
        self.outputs.append(output)

    @property
    def evaluated(self) -> int:
        """How often user code was evaluated."""
        return sum(getattr(operator, "evaluated", 0) for operator in self._operators.values())

    def set_timer(self, at: int, operator: str, key: Key, kind: TimerKind) -> None:
        """Keeps a timer for a later batch."""
        self.state.timers.set(at, operator, key, kind)

    @property
    def now(self) -> int:
        """Processing time."""
        return self._clock()

    def shown(self, final: OperatorNode, key: Key, cells: Cells) -> Iterable[ViewChange]:
        """The view documents that a key of a last operator shows, as if they were written now."""
        operator = cast("Shows", self._operators[final.id])
        for path, document, seq, failed in operator.shown(key, cells):
            yield ViewChange(final.view, path, None, document, (self._generation, 0, seq), failed)

    @property
    def generation(self) -> int:
        """The first part of view versions."""
        return self._generation


def _parts(queue: dict[Key, list[Message]]) -> Iterator[dict[Key, list[Message]]]:
    items = iter(queue.items())
    while part := dict(islice(items, _PART)):
        yield part
