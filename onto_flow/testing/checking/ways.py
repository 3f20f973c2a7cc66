"""The ways in which a story is run and judged: batches of the local engine, the shuffling engine, whole jobs with a sink.

Law: each way says all that it does, so that a test which names it runs again in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from ...core.change import DeadLetter, ViewChange
from ...core.gaps import Gap, Gaps
from ...engines.base import event, seed
from ...engines.local.flow import LocalFlow
from ...operators.base import Output
from ...plan.nodes import Plan
from ..histories import DELIVERIES, History, deliver
from ..judge import judge_chain
from ..simulation import MODES, MOMENT, Setting, complaints
from .stories import Story
from .subject import Letters, Subject, differences, newest, raised

Batch = tuple[int, ...]
"""Numbers of changes of a story, from 0 on, in the order in which they come; empty: the process is killed here."""

KILL: Batch = ()


class Way(Protocol):
    """One way to run a story."""

    def complaints(self, subject: Subject, story: Story) -> Iterator[str]:
        """What is wrong."""

    def simpler(self, story: Story) -> Iterator[Way]:
        """Ways that do less, for shrinking."""

    def without(self, start: int, stop: int) -> Way:
        """The same without some changes."""

    def call(self) -> str:
        """The call of a scenario that runs it."""


@dataclass(frozen=True)
class Batches:
    """Through the local engine's flow, batch by batch; the tables are compared after each.

    Attributes:
        batches: What comes, in which order; `None`: all changes in their order, one by one.
    """

    batches: tuple[Batch, ...] | None = None

    def complaints(self, subject: Subject, story: Story) -> Iterator[str]:
        """See `Way`."""
        return _Drained(subject, story).run(self.batches or one_by_one(story))

    def simpler(self, story: Story) -> Iterator[Way]:
        """See `Way`."""
        if self.batches is None:
            return
        yield Batches()
        for at, batch in enumerate(self.batches):
            before, after = self.batches[:at], self.batches[at + 1 :]
            yield Batches((*before, *after))
            if len(batch) > 1:
                yield Batches((*before, batch[:1], batch[1:], *after))
                yield from (Batches((*before, batch[:i] + batch[i + 1 :], *after)) for i in range(len(batch)))

    def without(self, start: int, stop: int) -> Way:
        """See `Way`."""
        if self.batches is None:
            return self
        kept = [(b, tuple(_renumbered(b, start, stop))) for b in self.batches]
        return Batches(tuple(new for old, new in kept if new or not old))

    def call(self) -> str:
        """See `Way`."""
        return "" if self.batches is None else f'.delivered("{written(self.batches)}")'


def one_by_one(story: Story) -> tuple[Batch, ...]:
    """All changes in their order."""
    return tuple((at,) for at in range(len(story.changes)))


def _renumbered(batch: Batch, start: int, stop: int) -> Iterator[int]:
    for at in batch:
        if not start <= at < stop:
            yield at if at < start else at - (stop - start)


def written(batches: Sequence[Batch]) -> str:
    """Batches as a test writes them: changes count from 1.

    Example:
        >>> written([(1, 0), KILL, (2,)]), batches_of("2 1 | kill | 3")
        ('2 1 | kill | 3', ((1, 0), (), (2,)))
    """
    return " | ".join(" ".join(str(at + 1) for at in batch) if batch else "kill" for batch in batches)


def batches_of(text: str) -> tuple[Batch, ...]:
    """What `written` wrote."""
    parts = [part.split() for part in text.split("|")]
    return tuple(KILL if part == ["kill"] else tuple(int(at) - 1 for at in part) for part in parts if part)


class _Drained:
    """One run of the local flow."""

    def __init__(self, subject: Subject, story: Story) -> None:
        self.subject, self.story, self.history = subject, story, story.history
        self.first = len(story.given)
        self.generation = 0
        self.came: list[int] = []

    def run(self, batches: Sequence[Batch]) -> Iterator[str]:
        """Runs all batches and judges after each."""
        yield from self._start()
        for batch in batches:
            if batch:
                self.came += [self.first + at for at in batch]
                yield from self._take([self.first + at for at in batch])
            else:
                yield from judge_chain((change, False) for change in self.seen)
                yield from self._start()
                yield from self._take(self.came)
        yield from judge_chain((change, False) for change in self.seen)

    def _start(self) -> Iterator[str]:
        """A new process: it loads the export, under a higher generation."""
        self.generation += 1
        history = self.history
        self.flow = LocalFlow(self.subject.judged, generation=self.generation, snapshot=history.snapshot)
        self.flow.advance(MOMENT)
        self.seen: list[ViewChange] = []
        self.letters, self.gaps = Letters(), Gaps()
        if history.exported:
            yield from self._keep(self.flow.process([seed(c, history.snapshot) for c in history.seeds()]))
            yield from self._judge([])

    def _take(self, indexes: Sequence[int]) -> Iterator[str]:
        if indexes:
            yield from self._keep(self.flow.process([event(self.history.change(i)) for i in indexes]))
            yield from self._judge(self.came)

    def _keep(self, outputs: Sequence[Output]) -> Iterator[str]:
        written: set[tuple[str, str]] = set()
        for output in outputs:
            if isinstance(output, ViewChange):
                self.seen.append(output)
                if (output.view, output.path) in written:
                    yield f"{output.path} is written twice in one batch"
                written.add((output.view, output.path))
                if any(s.collection.matches(output.path) for s in self.subject.plan.view(output.view).slots):
                    yield f"{output.view} writes {output.path}, which it reads: it would set itself off for ever"
            elif isinstance(output, Gap):
                self.gaps.take(output)
            elif isinstance(output, DeadLetter):
                self.letters.take(output)

    def _judge(self, came: Sequence[int]) -> Iterator[str]:
        expected = self.subject.expected(self.history.known(came))
        if not self.story.may_raise:
            yield from raised(expected)
        yield from differences(expected, newest(self.seen))
        yield from self.letters.judge(expected)
        missing = {(p, v) for p, v in self.history.missing(came) if self.subject.plan.projection.wants(p)}
        if self.gaps.awaited() != missing:
            yield f"the gaps of the feed are {sorted(self.gaps.awaited())}, and should be {sorted(missing)}"


def draw_batches(random: Random, story: Story) -> Batches:
    """Any delivery, in batches of any size, with what is lost on the way and with kills."""
    order = deliver(range(len(story.changes)), random, random.choice(DELIVERIES))
    if random.random() < 0.2:
        lost = set(random.sample(range(len(story.changes)), len(story.changes) // 3))
        order = [at for at in order if at not in lost]
    size = random.choice((1, 1, 2, 3, 100))
    batches = [tuple(order[at : at + size]) for at in range(0, len(order), size)]
    if batches and random.random() < 0.15:
        batches.insert(random.randrange(len(batches)), KILL)
    return Batches(tuple(batches))


@dataclass(frozen=True)
class _Case:
    plan: Plan
    history: History


@dataclass(frozen=True)
class Shuffled:
    """Through the shuffling engine, which runs operators in any order that the contract of engines allows.

    Attributes:
        seed: Decides every order.
        mode, delivery, page, tight: See `simulation.Setting`.
        schedules: How many seeds, from `seed` on, are tried.
    """

    seed: int = 0
    mode: str = "shuffled"
    delivery: str = "shuffled"
    page: int = 0
    tight: bool = False
    packed: bool = False
    schedules: int = 1

    def complaints(self, subject: Subject, story: Story) -> Iterator[str]:
        """See `Way`."""
        setting = Setting(self.mode, self.delivery, self.page, self.tight, self.packed)
        if not story.may_raise:
            yield from raised(subject.expected(story.history.final))
        case = _Case(subject.judged, story.history)
        for seed_ in range(self.seed, self.seed + self.schedules):
            if found := complaints(case, setting, Random(seed_)):
                yield from found
                return

    def simpler(self, story: Story) -> Iterator[Way]:
        """See `Way`."""
        for mode in {"shuffled", self.mode}:
            for delivery in {"ordered", self.delivery}:
                for page in {0, self.page}:
                    if (mode, delivery, page, self.packed) != (self.mode, self.delivery, self.page, False):
                        yield Shuffled(self.seed, mode, delivery, page, self.tight, False, self.schedules)

    def without(self, start: int, stop: int) -> Way:
        """See `Way`."""
        return self

    def call(self) -> str:
        """See `Way`."""
        default = Shuffled()
        names = ("seed", "mode", "delivery", "page", "tight", "packed", "schedules")
        given = [f"{n}={getattr(self, n)!r}" for n in names if getattr(self, n) != getattr(default, n)]
        return f".shuffled({', '.join(given)})".replace("'", '"')


SCHEDULES = 12
"""How many orders a smaller story is tried with: a seed means another order in every story."""


def draw_shuffled(random: Random) -> Shuffled:
    """Any setting of the shuffling engine."""
    return Shuffled(
        random.randrange(10**6),
        random.choice(MODES),
        random.choice(DELIVERIES),
        random.choice((0, 0, 1, 2)),
        random.random() < 0.2,
        random.random() < 0.25,
    )
