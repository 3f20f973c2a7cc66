"""A story as whole jobs: a source, a feed, an engine and a sink; killed, run again, and built anew from a later export."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from ...core.change import BELOW_EVENTS, Change
from ...core.registry import Entry, load
from ...core.values import Document
from ...engines.base import Job
from ...engines.declared import Moment, RecordedTime
from ...sinks.base import Sink, Table
from ..histories import deliver
from ..simulation import MOMENT
from .edges import Dying, Killed, Repeating, Scripted
from .places import PLACES, Place
from .stories import Story
from .subject import Expected, Letters, Subject, differences, raised
from .ways import Batch, Batches, Way, one_by_one, written

ORDERS = 8
"""How many orders of what the sink gets a smaller story is tried with."""


@dataclass(frozen=True)
class AsJob:
    """Whole jobs on an engine; the published tables are compared after each.

    A first job runs to its end. With `kill`, the next one is killed, and a further one runs; with `rebuild`, the last one
    has no feed and an export of the final documents.

    Attributes:
        engine: `local`, `beam` or `flink`.
        sink: One of `PLACES`.
        batches: What the feed gives; `None`: all changes in their order, one by one.
        kill: At which call of the sink (write, complete, publish) the second job is killed; -1: not.
        rebuild: Whether the last job builds the tables anew from a later export.
        repeat: Seed of the order in which the sink gets changes, some of them more than once; -1: as they were made.
        checkpoint: Whether the job that is killed, and the one after it, keep their state in a checkpoint.
    """

    engine: str = "local"
    sink: str = "memory"
    batches: tuple[Batch, ...] | None = None
    kill: int = -1
    rebuild: bool = False
    repeat: int = -1
    checkpoint: bool = False

    def complaints(self, subject: Subject, story: Story) -> Iterator[str]:
        """See `Way`."""
        with tempfile.TemporaryDirectory() as folder:
            yield from _Jobs(self, subject, story, Path(folder)).run()

    def simpler(self, story: Story) -> Iterator[Way]:
        """See `Way`."""
        if self.kill >= 0:
            yield replace(self, kill=-1)
        if self.kill > 0:
            yield replace(self, kill=self.kill - 1)
        if self.rebuild:
            yield replace(self, rebuild=False)
        if self.checkpoint:
            yield replace(self, checkpoint=False)
        if self.repeat >= 0:
            yield replace(self, repeat=-1)
        if self.batches is not None:
            yield replace(self, batches=None)
            for way in Batches(self.batches).simpler(story):
                if isinstance(way, Batches) and way.batches:
                    yield replace(self, batches=way.batches)

    def without(self, start: int, stop: int) -> Way:
        """See `Way`."""
        if self.batches is None:
            return self
        kept = Batches(self.batches).without(start, stop)
        assert isinstance(kept, Batches)
        return replace(self, batches=kept.batches)

    def call(self) -> str:
        """See `Way`."""
        given = [f'{n}="{getattr(self, n)}"' for n in ("engine", "sink") if getattr(self, n) != getattr(AsJob(), n)]
        given += [] if self.batches is None else [f'delivered="{written(self.batches)}"']
        given += [f"{n}={getattr(self, n)}" for n in ("kill", "repeat") if getattr(self, n) >= 0]
        given += [f"{n}=True" for n in ("rebuild", "checkpoint") if getattr(self, n)]
        return f".as_job({', '.join(given)})"


class _Jobs:
    """The jobs of one story, into one place."""

    def __init__(self, how: AsJob, subject: Subject, story: Story, folder: Path) -> None:
        self.how, self.subject, self.story, self.history = how, subject, story, story.history
        self.letters = Letters()
        self.generation, self.folder = 0, folder
        self.batches = one_by_one(story) if how.batches is None else tuple(batch for batch in how.batches if batch)
        self.commits = [[n for at in batch if (n := story.commits[at]) is not None] for batch in self.batches]
        tables = [Table(view.name, view.collection, view.schema) for view in subject.plan.views]
        (folder / "tables").mkdir()
        self.place: Place = PLACES[how.sink](folder / "tables", tables)

    def run(self) -> Iterator[str]:
        """Runs and judges."""
        self._start(self._job(self._sink()))
        came = self.history.known([number for batch in self.commits for number in batch])
        expected = self.subject.expected(came, self.story.moment([at for batch in self.batches for at in batch]))
        yield from self._judge(expected)
        if self.how.kill >= 0:
            yield from self._killed()
            yield from self._judge(expected)
        if self.how.rebuild:
            final = self.history.final
            source = Scripted([[Change(p, None, f, BELOW_EVENTS) for p, f in sorted(final.items())]])
            job = replace(self._job(self._sink()), source=source, feed=None, snapshot=None)
            self._start(replace(job, declared=RecordedTime([Moment(0, self.story.moment())])))
            yield from self._judge(self.subject.expected(final, self.story.moment()))

    def _killed(self) -> Iterator[str]:
        """A job that is killed before it has published anything leaves what was published before."""
        before = self._published()
        dying = Dying(self._sink(), self.how.kill)
        job = self._job(dying)
        if self.how.checkpoint:
            directory = str(self.folder / "checkpoint")
            job = replace(job, options={"checkpoint": directory, "checkpoint_every": "0ms"})
        with suppress(Killed):
            self._start(job)
        if not dying.published and not dying.capabilities.append:
            for line in differences(Expected(dict(before), {}), self._published()):
                yield f"killed before anything was published, {line}"
        told = dict(self.letters.open) if self.how.checkpoint else {}
        if self.how.checkpoint:
            self.place.lose()
        again = replace(self._job(self._sink()), feed=job.feed, options=job.options)
        # What a checkpoint holds is not told again.
        self.letters.open.update(told)
        self._start(again)

    def _published(self) -> dict[str, dict[str, Document]]:
        return {view: {p: dict(d) for p, d in table.items()} for view, table in self.place.tables().items()}

    def _judge(self, expected: Expected) -> Iterator[str]:
        if not self.story.may_raise:
            yield from raised(expected)
        yield from differences(Expected(self.place.shown(expected.tables), expected.raised), self.place.tables())
        yield from self.letters.judge(expected)

    def _sink(self) -> Sink:
        sink = self.place.sink()
        return sink if self.how.repeat < 0 else Repeating(sink, self.how.repeat)

    def _job(self, sink: Sink) -> Job:
        self.generation += 1
        history = self.history
        feed = [[history.change(number) for number in batch] for batch in self.commits]
        self.letters.open.clear()
        return Job(
            plan=self.subject.plan,
            source=Scripted([history.seeds()] if history.exported else [], history.snapshot),
            feed=Scripted(feed),
            sink=sink,
            dead_letter=self.letters.take,
            generation=self.generation,
            snapshot=history.snapshot,
            declared=RecordedTime(self._moments()),
        )

    def _moments(self) -> list[Moment]:
        """Declared time: the moments of a batch come with it; those behind the last change when the feed has ended."""
        found, count, now = [Moment(0, MOMENT)], 0, MOMENT
        last = max((at for at, commits in enumerate(self.commits) if commits), default=-1)
        for at, (batch, commits) in enumerate(zip(self.batches, self.commits)):
            count, now = count + len(commits), max(now, self.story.moment(batch))
            found.append(Moment(count + (at > last), now))
        return found

    def _start(self, job: Job) -> None:
        name = self.how.engine
        load("engine", name, {name: Entry(f"onto_flow.engines.{name}:Engine", name)})().run(job)


def _last_moment(story: Story) -> int:
    """The change by which declared time comes to the last moment of a story; -1 where it stands still."""
    clocks = [at for at, commit in enumerate(story.commits) if commit is None]
    return max(clocks, key=lambda at: story.moment((at,)), default=-1)


def draw_job(random: Random, story: Story, engine: str, sink: str) -> AsJob:
    """Any delivery as jobs, killed anywhere or not at all."""
    order = deliver(range(len(story.changes)), random, random.choice(("ordered", "late", "repeated", "shuffled")))
    size = random.choice((1, 2, 100))
    # The last moment often comes behind all changes: a job that ends must know of it.
    last = [at for at in order if at == _last_moment(story)] if random.random() < 0.6 else []
    order = [at for at in order if at not in last]
    batches = (*(tuple(order[at : at + size]) for at in range(0, len(order), size)), *((at,) for at in last[:1]))
    kill = random.choice((-1, 0, 1, 2, 3, 4, 6))
    rebuild = random.random() < 0.5
    if rebuild and random.random() < 0.6:
        batches = batches[: random.randint(0, len(batches))]
    repeat = random.choice((-1, random.randrange(1000)))
    checkpoint = engine == "local" and kill >= 0 and random.random() < 0.5
    return AsJob(engine, sink, batches, kill, rebuild, repeat, checkpoint)
