"""`check_view`: looks for histories on which a view, or what maintains it, is wrong."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from random import Random
from typing import Any

from ...core.equality import same
from ...core.values import Document
from .jobs import ORDERS, AsJob, draw_job
from .own import OwnAccumulators
from .printing import test_of
from .purity import InTwoProcesses, Twice
from .seeds import Seeds
from .shrinking import Failure, shrink
from .stories import Story, draw_story
from .subject import Subject
from .ways import SCHEDULES, Shuffled, Way, draw_batches, draw_hurried, draw_shuffled
from .worlds import DIRTS, Dirt, draw_world

EXAMPLES = 100
"""How many stories are run where nothing else is said: some seconds."""

SHRINK_SECONDS = 15.0
_ORDERS = 5
"""In how many settings the shuffling engine runs most stories: half of the time, as the rarest faults are met there."""

_OTHERS = 10
"""From how many other documents one may have to come for code to fail that remembers them."""

_TOGETHER = 20
"""How many stories' documents are evaluated in two processes at a time."""


class CheckFailed(AssertionError):
    """A view, or what maintains it, is wrong.

    Attributes:
        complaint: What is wrong.
        test: A test that fails in the same way.
        changes, documents: How many changes, and documents before them, the test has.
        example: Which story it was.
        shrinking: Seconds of a processor that shrinking took.
    """

    def __init__(self, failure: Failure, subject: Subject, seed: int, example: int, shrinking: float = 0.0) -> None:
        self.complaint, self.test, self.example = failure.complaint, test_of(failure, subject), example
        self.shrinking = shrinking
        self.changes, self.documents = len(failure.story.changes), len(failure.story.given)
        names = ", ".join(v.__name__ for v in subject.views)
        super().__init__(f"{names}: {failure.complaint}\n\n{self.test}\n\n(check_view, seed {seed}, example {example})")


@dataclass(frozen=True)
class Checked:
    """What was looked at without finding anything.

    Attributes:
        seed: Where the stories came from; the same one gives the same stories.
        examples: How many stories.
        runs: How many times one was run.
        seconds: How long it took.
        notes: What could not be looked at, and why.
    """

    seed: int
    examples: int
    runs: int
    seconds: float
    notes: tuple[str, ...] = ()


def check_view(
    *views: type[Any],
    examples: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    source: str | None = None,
    engine: str = "local",
    sink: str = "memory",
    must_take: Dirt = "nulls",
    values: Mapping[str, Sequence[Any]] | None = None,
    pure: bool = True,
) -> Checked:
    """Runs views over generated documents and histories, in many deliveries, and compares with recomputing.

    Args:
        views: View models; several are run as one plan.
        examples: How many stories; 100 unless `seconds` is given.
        seconds: How long at most; shrinking what was found takes some seconds more.
        seed: The same seed gives the same stories.
        source: A URI of documents (an export, `jsonl:FILE`) whose values and references the stories use.
        engine: Which engine runs whole jobs: `local`, `beam`, `flink`.
        sink: Into which sink: `memory`, `jsonl`, `parquet`.
        must_take: On which documents the views' code must not raise: those whose fields are `typed` as declared, those
            with `nulls` and missing fields too, or `anything`.
        values: Field (by its name in Firestore), or name of a collection -> the values, or ids, that it may have, where
            not every value of the declared type is one: `{"day": ["2024-05-01", "2024-05-02"]}`.
        pure: Whether the views are evaluated in two processes too.

    Raises:
        CheckFailed: With a ready test that fails in the same way.
        AssertionError: Of an `Accumulator` of the user's whose laws do not hold (`check_accumulator`).
    """
    if not views:
        raise TypeError("check_view takes one view model or more")
    checking = _Checking(Subject(views), seed, source, engine, sink, must_take, values, pure)
    limit = examples if examples is not None else EXAMPLES if seconds is None else None
    return checking.run(limit, seconds)


class _Checking:
    def __init__(
        self,
        subject: Subject,
        seed: int,
        source: str | None,
        engine: str,
        sink: str,
        must_take: Dirt,
        values: Mapping[str, Sequence[Any]] | None,
        pure: bool,
    ) -> None:
        self.subject, self.seed, self.engine, self.sink, self.must_take = subject, seed, engine, sink, must_take
        self.values, self.pure = values, pure
        self.seeds = Seeds(subject.plan, source) if source else None
        self.runs = 0

    def run(self, limit: int | None, seconds: float | None) -> Checked:
        """Runs stories until the limit, or the time, is reached."""
        started = time.monotonic()
        deadline = None if seconds is None else started + seconds
        twice = Twice(self.subject) if self.pure else None
        own = OwnAccumulators(self.subject.plan)
        waiting: list[tuple[int, Story]] = []
        example = 0
        try:
            while (limit is None or example < limit) and (
                not example or deadline is None or time.monotonic() < deadline
            ):
                story = self._example(example)
                own.take(story.states()[-1])
                waiting.append((example, story))
                example += 1
                if len(waiting) >= _TOGETHER or example in (1, 5):
                    self._evaluate_twice(twice, waiting)
                    waiting = []
            self._evaluate_twice(twice, waiting)
            own.end()
        finally:
            if twice is not None:
                twice.close()
        notes = (
            ()
            if twice is None or twice.portable
            else ("no other process can import the views: they were evaluated in this one alone",)
        )
        return Checked(self.seed, example, self.runs, time.monotonic() - started, notes)

    def _example(self, example: int) -> Story:
        """Draws a story and runs it."""
        random = Random(f"{self.seed}/{example}")
        dirt: Dirt = random.choice(("typed", "nulls", "nulls", "anything"))
        world = draw_world(random, self.subject.fields, dirt, self.values)
        if self.seeds is not None:
            self.seeds.plant(random, world)
        story = draw_story(random, world)
        if DIRTS.index(dirt) > DIRTS.index(self.must_take):
            story = replace(story, may_raise=True)
        for told, way in self._ways(random, story, example, wide=world.wide):
            self.runs += 1
            complaint = self._complaint(told, way)
            if complaint is not None:
                self._fail(Failure(told, way, complaint), example)
        return story

    def _ways(self, random: Random, story: Story, example: int, *, wide: bool) -> Iterator[tuple[Story, Way]]:
        yield story, draw_batches(random, story)
        if not story.may_raise:
            # Where roots meet many documents what matters is when pages come, elsewhere in which order messages do.
            hurried, orders = (_ORDERS, 1) if wide else (1, _ORDERS)
            yield from ((story, draw_hurried(random, story)) for _ in range(hurried))
            yield from ((story, draw_shuffled(random)) for _ in range(orders))
        if example % 3 == 0:
            # The cutover at every point: one delivery for all of them.
            way = draw_batches(random, story)
            yield from ((story.cut_at(at), way) for at in range(len(story.changes) + 1))
        if example % (4 if self.engine == "local" else 20) == 1:
            yield story, draw_job(random, story, self.engine, self.sink)

    def _complaint(self, story: Story, way: Way) -> str | None:
        try:
            return next(iter(way.complaints(self.subject, story)), None)
        except Exception as error:
            return f"it stops with {type(error).__name__}: {error}"

    def _fail(self, failure: Failure, example: int) -> None:
        before = _used()
        if self.pure:
            self._fail_if_impure(failure.story, example)
        small = shrink(failure, self._fails, seconds=SHRINK_SECONDS)
        raise CheckFailed(small, self.subject, self.seed, example, _used() - before)

    def _fail_if_impure(self, story: Story, example: int) -> None:
        """Code that remembers fails in some way first, and in this process perhaps never again in that way."""
        twice = Twice(self.subject)
        try:
            complaint = next((c for _, c in twice.complaints(story.states())), None)
            if complaint is not None:
                self._fail_twice(twice, example, story, complaint)
        finally:
            twice.close()

    def _fails(self, story: Story, way: Way) -> Failure | None:
        ways: list[Way] = [way]
        # A seed means another order in every story: a smaller one may need another seed.
        if isinstance(way, Shuffled):
            ways += [replace(way, seed=seed) for seed in range(SCHEDULES)]
        elif isinstance(way, AsJob) and way.repeat >= 0:
            ways += [replace(way, repeat=seed) for seed in range(ORDERS)]
        for tried in ways:
            complaint = self._complaint(story, tried)
            if complaint is not None:
                return Failure(story, tried, complaint)
        return None

    def _evaluate_twice(self, twice: Twice | None, stories: list[tuple[int, Story]]) -> None:
        if twice is None:
            return
        several = [(example, story, documents) for example, story in stories for documents in story.states()[-2:]]
        for documents, complaint in twice.complaints([d for _, _, d in several]):
            at = next(i for i, (_, _, d) in enumerate(several) if d is documents)
            others = (d for _, _, d in several if any(not same(d.get(p, f), f) for p, f in documents.items()))
            led = [_leading(other, documents) for other in islice(others, _OTHERS)]
            self._fail_twice(twice, several[at][0], several[at][1], complaint, led)

    def _fail_twice(
        self, twice: Twice, example: int, story: Story, complaint: str, others: Sequence[Story] = ()
    ) -> None:
        """Shrinks in the processes that run already, then in new ones: what they keep must not decide.

        Where it does, what they keep is of other documents at the same paths: a story that goes from those to these fails
        by itself.
        """
        way, before = InTwoProcesses(), _used()

        def fails(told: Story, way: Way) -> Failure | None:
            found = next((c for _, c in twice.complaints(told.states())), None)
            return None if found is None else Failure(told, way, found)

        last = Story(story.states()[-1], ())
        for told in (last, story, *others):
            for shrinks in (fails, self._fails):
                failure = shrinks(told, way)
                if failure is not None:
                    small = shrink(failure, shrinks, seconds=SHRINK_SECONDS / 2)
                    if shrinks == self._fails or self._fails(small.story, way) is not None:
                        raise CheckFailed(small, self.subject, self.seed, example, _used() - before)
        raise CheckFailed(Failure(story, way, complaint), self.subject, self.seed, example, _used() - before)


def _leading(before: Mapping[str, Document], now: Mapping[str, Document]) -> Story:
    """A story from some documents to others."""
    paths = dict.fromkeys([*before, *now])
    return Story(dict(before), tuple((p, now.get(p)) for p in paths if not same(before.get(p), now.get(p))))


def _used() -> float:
    """Seconds of a processor that this process, and its children that ended, have had."""
    return sum(os.times()[:4])
