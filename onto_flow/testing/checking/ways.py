"""The ways in which a story is run and judged: batches of the local engine, the shuffling engine, whole jobs with a sink.

Law: each way says all that it does, so that a test which names it runs again in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Protocol

from ...plan.nodes import Plan
from ..histories import DELIVERIES, History, deliver
from ..schedules import HASTY
from ..simulation import MODES, Setting, complaints
from .drained import Drained
from .stories import Story
from .subject import Subject, raised

Batch = tuple[int, ...]
"""Numbers of changes of a story, from 0 on, in the order in which they come; empty: the process is killed here."""

KILL: Batch = ()

_HOW = ("kept", "filled", "resumed", "hurried")


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
        page, kept, filled, resumed, hurried: See `drained.Drained`.
    """

    batches: tuple[Batch, ...] | None = None
    page: int = 0
    kept: bool = False
    filled: bool = False
    resumed: bool = False
    hurried: bool = False

    def complaints(self, subject: Subject, story: Story) -> Iterator[str]:
        """See `Way`."""
        how = {name: getattr(self, name) for name in _HOW}
        return Drained(subject, story, self.page, **how).run(
            one_by_one(story) if self.batches is None else self.batches
        )

    def simpler(self, story: Story) -> Iterator[Way]:
        """See `Way`."""
        lesser: list[dict[str, Any]] = [{"page": 0}, *({name: False} for name in _HOW)]
        for less in lesser:
            simpler = replace(self, **less)
            if simpler != self:
                yield simpler
        if self.batches is None:
            return
        yield replace(self, batches=None)
        for at, batch in enumerate(self.batches):
            before, after = self.batches[:at], self.batches[at + 1 :]
            yield replace(self, batches=(*before, *after))
            if len(batch) > 1:
                yield replace(self, batches=(*before, batch[:1], batch[1:], *after))
                for i in range(len(batch)):
                    yield replace(self, batches=(*before, batch[:i] + batch[i + 1 :], *after))

    def without(self, start: int, stop: int) -> Way:
        """See `Way`."""
        if self.batches is None:
            return self
        kept = [(b, tuple(_renumbered(b, start, stop))) for b in self.batches]
        return replace(self, batches=tuple(new for old, new in kept if new or not old))

    def call(self) -> str:
        """See `Way`."""
        if self == Batches():
            return ""
        given = [f'"{written(self.batches)}"'] if self.batches is not None else []
        given += [f"page={self.page}"] * bool(self.page) + [f"{n}=True" for n in _HOW if getattr(self, n)]
        return f".delivered({', '.join(given)})"


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
    page, kept, filled = random.choice((0, 0, 1, 2)), random.random() < 0.4, random.random() < 0.5
    resumed, hurried = (page > 0 and random.random() < 0.4 for _ in range(2))
    return Batches(tuple(batches), page, kept, filled, resumed, hurried)


def draw_hurried(random: Random, story: Story) -> Batches:
    """The first changes in their order, or nearly, each of which comes while pages of those before it wait."""
    count = random.randint(1, len(story.changes))
    order = deliver(range(count), random, random.choice(("ordered", "ordered", "late")))
    page, kept = random.choice((1, 1, 2)), random.random() < 0.4
    return Batches(tuple((at,) for at in order), page, kept, resumed=random.random() < 0.4, hurried=True)


@dataclass(frozen=True)
class _Case:
    plan: Plan
    history: History


@dataclass(frozen=True)
class Shuffled:
    """Through the shuffling engine, which runs operators in any order that the contract of engines allows.

    Attributes:
        seed: Decides every order.
        mode, delivery, page, tight, packed, style: See `simulation.Setting`.
        schedules: How many seeds, from `seed` on, are tried.
    """

    seed: int = 0
    mode: str = "shuffled"
    delivery: str = "shuffled"
    page: int = 0
    tight: bool = False
    packed: bool = False
    style: str = ""
    schedules: int = 1

    def complaints(self, subject: Subject, story: Story) -> Iterator[str]:
        """See `Way`."""
        setting = Setting(self.mode, self.delivery, self.page, self.tight, self.packed, self.style)
        if not story.may_raise:
            yield from raised(subject.expected(story.history.final, story.moment()))
        case = _Case(subject.judged, story.history)
        for seed_ in range(self.seed, self.seed + self.schedules):
            if found := complaints(case, setting, Random(seed_), story.clock):
                yield from found
                return

    def simpler(self, story: Story) -> Iterator[Way]:
        """See `Way`."""
        for mode in {"shuffled", self.mode}:
            for delivery in {"ordered", self.delivery}:
                for page in {0, self.page}:
                    simpler = replace(self, mode=mode, delivery=delivery, page=page, packed=False)
                    if simpler != self:
                        yield simpler
        # No simpler one, but of a smaller story more of its orders fail.
        hasty = replace(self, tight=True, style=HASTY)
        if hasty != self:
            yield hasty

    def without(self, start: int, stop: int) -> Way:
        """See `Way`."""
        return self

    def call(self) -> str:
        """See `Way`."""
        default = Shuffled()
        names = ("seed", "mode", "delivery", "page", "tight", "packed", "style", "schedules")
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
        random.random() < 0.3,
        random.random() < 0.25,
        random.choice(("", "", HASTY)),
    )
