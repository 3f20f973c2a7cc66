"""One case through the shuffling engine, from a seed to complaints; and the smallest history that still complains."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from random import Random
from typing import Protocol

from ..core.change import Change
from ..core.values import to_micros
from ..engines.base import ticks
from ..operators.base import Profile
from ..operators.messages import Event
from ..plan.clocks import CLOCKS, is_timed
from ..plan.nodes import Plan
from .cases import Case, random_case
from .histories import DELIVERIES, History, deliver
from .judge import judge_shown, timelines, unknown_version
from .judge_changes import applied, judge_chain, judge_tables
from .letters import judge_letters, open_letters
from .oracle import recompute
from .recovery import CrashingEngine, Item
from .rest import complaints_at_rest
from .shuffling import LOOSE, TIGHT, Now, ShufflingEngine
from .trace import Trace

MOMENT = to_micros(datetime(2026, 5, 4, 12, tzinfo=timezone.utc))
"""Where declared time stands still for cases whose views depend on it; `testing.timed_cases` has some in which it passes."""

Clock = Sequence[tuple[int, int]]
"""(how many commits came before, the moment in microseconds), in order."""

MODES = ("shuffled", "shuffled", "shuffled", "streamed", "outbox", "epoch")


class Runnable(Protocol):
    """What can be run: a plan and a history."""

    @property
    def plan(self) -> Plan:
        """The plan."""

    @property
    def history(self) -> History:
        """What happens."""


@dataclass(frozen=True)
class Setting:
    """How a case is run.

    Attributes:
        mode: `shuffled`; `streamed`: the first load comes as messages, silently; `outbox`, `epoch`: with crashes.
        delivery: See `histories.deliver`.
        page: How many subscribers one step may tell; 0 for all.
        tight: Whether times are just as long as required, instead of as recommended.
        packed: Whether state and messages are bytes.
        style: Which key is next; see `schedules.STYLES`; empty: any.
    """

    mode: str = "shuffled"
    delivery: str = "shuffled"
    page: int = 0
    tight: bool = False
    packed: bool = True
    style: str = ""

    def profile(self, snapshot: int | None) -> Profile:
        """The profile of the run."""
        return replace(TIGHT if self.tight else LOOSE, page=self.page, snapshot=snapshot)


def random_setting(random: Random) -> Setting:
    """Any setting."""
    return Setting(
        random.choice(MODES),
        random.choice(DELIVERIES),
        random.choice((0, 0, 1, 2)),
        random.random() < 0.2,
        random.random() < 0.25,
    )


def item(change: Change) -> Item:
    """A change as ingest takes it."""
    time = None if change.time is None else to_micros(change.time)
    return change.path, Event(change.version, change.after, time, change.previous)


def complaints(case: Runnable, setting: Setting, random: Random, clock: Clock = ()) -> list[str]:
    """What is wrong when a case is run; empty when nothing is.

    Args:
        case: The views and the history.
        setting: How it is run.
        random: Decides everything else.
        clock: Where declared time goes from `MOMENT` on.
    """
    return list(_judged(case, _run(case, setting, random, clock), random, (MOMENT, *sorted(m for _, m in clock))))


def _run(case: Runnable, setting: Setting, random: Random, clock: Clock) -> ShufflingEngine:
    history = case.history
    engine = ShufflingEngine(
        case.plan, random, setting.profile(history.snapshot), packed=setting.packed, style=setting.style
    )
    if is_timed(case.plan):
        engine.tell_time(MOMENT, ticks(case.plan, MOMENT), before=setting.mode == "streamed")
    seeds = [item(change) for change in history.seeds()]
    feed = [item(history.change(i)) for i in deliver(history.feed, random, setting.delivery)]
    _wind(feed, clock, history, random if setting.delivery != "ordered" else None)
    crashes = random.randint(1, 3) if setting.mode in ("outbox", "epoch") else 0
    crashing = CrashingEngine(engine, "epoch" if setting.mode == "epoch" else "outbox", crashes)
    if setting.mode == "streamed":
        crashing.load(seeds)
    else:
        engine.bulk(seeds)
    if setting.mode == "shuffled":
        engine.run(feed)
    else:
        crashing.run(feed)
    return engine


def _wind(feed: list[Item], clock: Clock, history: History, random: Random | None) -> None:
    """Puts the moves of the clock into a feed: at their places, or anywhere after them."""
    first = history.feed[0] if history.feed else 0
    for at, (commits, moment) in enumerate(clock):
        place = min(max(0, commits - first) + at, len(feed))
        feed.insert(place if random is None else random.randint(place, len(feed)), (CLOCKS, Now(moment)))


def _judged(case: Runnable, engine: ShufflingEngine, random: Random, moments: Sequence[int]) -> Iterator[str]:
    trace: Trace = engine.trace
    expected = recompute(case.plan, case.history.final, moments[-1])
    changes = [e.change for e in trace.emitted]
    repeated = [*changes, *(c for c in changes if random.random() < 0.3)]
    random.shuffle(repeated)
    yield from judge_tables(expected, applied(repeated))
    yield from trace.complaints
    yield from judge_chain((e.change, e.again) for e in trace.emitted)
    lines = timelines(case.plan, case.history, moments, (e.change for e in trace.emitted))
    for (name, _), shown in trace.shown.items():
        view = case.plan.view(name)
        yield from (c for s in shown if (c := unknown_version(s, lines)) is not None)
        if (complaint := judge_shown(view, shown, lines)) is not None:
            yield complaint
    if engine.epoch == 0 and (total := sum(gap.weight for gap in trace.gaps)):
        yield f"nothing was lost, and {total} gaps are open"
    yield from complaints_at_rest(case.plan, engine.store.opened(), case.history.final, moments[-1])
    yield from judge_letters(
        open_letters(case.plan, case.history.final, moments[-1]), trace.letters, restored=engine.epoch > 0
    )


def of_seed(seed: int, mode: str = "") -> tuple[Case, Setting, Random]:
    """What a seed stands for: a case, a setting (of this mode, if one is given), and all further decisions."""
    random = Random(seed)
    case, setting = random_case(random), random_setting(random)
    return case, replace(setting, mode=mode) if mode else setting, random


def run_seed(seed: int, mode: str = "") -> list[str]:
    """Runs the case of a seed."""
    return complaints(*of_seed(seed, mode))


def explain(seed: int, mode: str = "") -> str:
    """A failing seed as text, with the smallest history that was found to fail in the same setting."""
    case, setting, _ = of_seed(seed, mode)

    def fails(smaller: Case) -> str | None:
        for schedule in range(40):
            found = complaints(smaller, setting, Random(schedule))
            if found:
                return f"schedule {schedule}: {found[0]}"
        return None

    small, why = shrink(case, fails)
    return f"seed {seed}, {setting}\n{small.describe()}\n{why}"


def shrink(case: Case, fails: Callable[[Case], str | None]) -> tuple[Case, str]:
    """The smallest history found by leaving out commits, and why it fails."""
    why = fails(case) or "it did not fail again under 40 other schedules"
    size = len(case.history.commits) // 2
    while size:
        start = 0
        while start < len(case.history.commits):
            smaller = replace(case, history=case.history.without(start, start + size))
            found = fails(smaller)
            if found is None:
                start += size
            else:
                case, why = smaller, found
        size //= 2
    return case, why
