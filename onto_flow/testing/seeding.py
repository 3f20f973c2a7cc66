"""A stream that begins with the seeds of a batch job, through the shuffling engine: any order of seeds and feed.

Until all seeds have come it may show what never was, so what is judged is what a fence lets out: the net change of each view
document, the table, what is left over at rest, dead letters and gaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from ..core.change import ViewChange
from ..operators.base import Key, Profile
from ..operators.messages import Seed
from ..operators.seeded import EPOCH
from ..operators.seeded.taking import TakesSeeds, seed_of
from ..plan.nodes import Plan
from .cells import Cells
from .histories import deliver
from .judge_changes import applied, judge_chain, judge_tables
from .letters import judge_letters, open_letters
from .oracle import recompute
from .recovery import Item
from .rest import complaints_at_rest
from .shuffling import ShufflingEngine
from .simulation import Runnable, Setting, item

_BEFORE = 1_000_000
"""No batch job emits so often."""

SeedTo = tuple[str, Key, Seed]
"""A seed with its operator and key."""


class SeededEngine(ShufflingEngine):
    """The shuffling engine with operators that give and take seeds.

    Args:
        plan, random, profile: As of `ShufflingEngine`.
    """

    def __init__(self, plan: Plan, random: Random, profile: Profile, *, packed: bool, style: str = "") -> None:
        super().__init__(plan, random, profile, packed=packed, style=style, seeded=True)
        self._to_come: list[SeedTo] = []
        self._later: list[SeedTo] = []
        self._rate = random.choice((0.01, 0.05, 0.3))
        self._late: dict[tuple[str, Key], int] = {}

    def seeds(self) -> list[SeedTo]:
        """The seeds of all keys, when nothing is under way."""
        found: list[SeedTo] = []
        for name, keys in self.store.opened().items():
            operator: Any = self.operators[name]
            taking: TakesSeeds = operator
            found += [(name, key, seed) for key, cells in keys.items() if (seed := seed_of(taking, cells))]
        return found

    def begin(self, seeds: Sequence[SeedTo], later: Sequence[SeedTo] = ()) -> None:
        """The seeds are under way, each to its key; some of them come after `all_but`."""
        self.epoch = EPOCH
        self._to_come, self._later = list(seeds), list(later)
        self._late = {(name, key): self.now for name, key, _ in (*seeds, *later)}

    def all_but(self, events: Iterable[Item]) -> None:
        """All messages come and are worked off, then the seeds that come later."""
        for path, event in events:
            self.feed(path, event)
        while self.busy:
            self.move()
        self._to_come, self._later = self._later, []

    @property
    def busy(self) -> bool:
        """See `ShufflingEngine`; seeds are under way too."""
        return bool(self._to_come) or super().busy

    def move(self) -> None:
        """See `ShufflingEngine`; some more seeds may come before it."""
        while self._to_come and (self.random.random() < self._rate or not any(self.queues.values())):
            self.enqueue(*self._to_come.pop())
        super().move()

    def _oldest(self) -> int | None:
        return min((o for o in (super()._oldest(), *self._late.values()) if o is not None), default=None)

    def _act(self, name: str, key: Key, what: Any, origin: int, before: bool) -> None:
        super()._act(name, key, what, origin, before)
        if not isinstance(what, str) and any(isinstance(m, Seed) for m in what):
            self._late.pop((name, key), None)

    def _note(self, name: str, key: Key, cells: Cells, heard: int) -> None:
        """What is shown before all seeds have come is not judged."""


def complaints(case: Runnable, setting: Setting, random: Random, last: str = "") -> list[str]:
    """What is wrong when a batch job computes the export and a stream goes on from its seeds; empty when nothing is.

    Args:
        case: The views and the history.
        setting: How it is run.
        random: Decides everything else.
        last: The kind of operators whose seeds come when all else is over; empty: any order.
    """
    return list(_judged(case, *run_seeded(case, setting, random, last), random))


def run_seeded(case: Runnable, setting: Setting, random: Random, last: str = "") -> tuple[SeededEngine, SeededEngine]:
    """The batch job, and the stream that went on from its seeds to rest; see `complaints`."""
    profile = setting.profile(case.history.snapshot)
    batch = SeededEngine(case.plan, random, replace(profile, page=0), packed=setting.packed)
    batch.bulk([item(change) for change in case.history.seeds()])
    stream = SeededEngine(case.plan, random, profile, packed=setting.packed, style=setting.style)
    seeds = batch.seeds()
    random.shuffle(seeds)
    kinds = {node.id: node.kind for node in case.plan.operators}
    feed = [item(case.history.change(i)) for i in deliver(case.history.feed, random, setting.delivery)]
    stream.begin([s for s in seeds if kinds[s[0]] != last], later := [s for s in seeds if kinds[s[0]] == last])
    if later:
        stream.all_but(feed)
        feed = []
    stream.run(feed)
    return batch, stream


def _judged(case: Runnable, batch: SeededEngine, stream: SeededEngine, random: Random) -> Iterator[str]:
    expected = recompute(case.plan, case.history.final)
    written = [e.change for e in batch.trace.emitted]
    changes = [e.change for e in stream.trace.emitted]
    repeated = [*written, *changes, *(c for c in changes if random.random() < 0.3)]
    random.shuffle(repeated)
    yield from judge_tables(expected, applied(repeated))
    yield from stream.trace.complaints
    yield from judge_chain((change, False) for change in in_order(written, changes))
    if total := sum(gap.weight for gap in stream.trace.gaps):
        yield f"nothing was lost, and {total} gaps are open"
    yield from complaints_at_rest(case.plan, stream.store.opened(), case.history.final)
    letters = [*batch.trace.letters, *stream.trace.letters]
    yield from judge_letters(open_letters(case.plan, case.history.final), letters)


def in_order(written: Sequence[ViewChange], changes: Sequence[ViewChange]) -> list[ViewChange]:
    """What a gate would net: the stream's changes, by version, as changes of what the batch job wrote."""
    before = [c._replace(version=(c.version[0], EPOCH, c.version[2] - _BEFORE)) for c in written]
    return [*before, *sorted(changes, key=lambda c: c.version)]
