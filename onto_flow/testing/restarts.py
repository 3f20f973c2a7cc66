"""What holds of a job that is killed and goes on, with any sink: bind it in a few lines.

```python
class TestParquet(RestartSuite):
    def create_engine(self, connect): ...     # one with a durable checkpoint, that opens its file with `connect`
    def create_case(self): ...                # plan, documents, changes, and the tables in the end
    def create_sink(self, folder): return ParquetSink(str(folder))
    def read_back(self, sink, table): ...
```

The laws, after a kill at every boundary (`testing.killing`), and again after a second kill: the tables in the end are the
expected ones; no message is lost, though the feed forgets what was acknowledged; whenever the sink publishes, it shows the
newest of all that it was ever given; and one version is one document.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ..core.change import Change, DeadLetter
from ..core.values import Document
from ..engines.base import Engine, Job, Report
from ..plan.nodes import Plan
from ..sinks.base import Sink, Table
from .judge_changes import judge_tables
from .killing import Boundaries, Documents, ForgettingFeed, Killed, KilledConnection, KilledSink, World, shown

Connect = Callable[..., Any]


@dataclass(frozen=True)
class RestartCase:
    """A job, and what must come of it.

    Attributes:
        documents: What the first load reads.
        changes: The feed.
        snapshot: The time of the documents, in microseconds; `None`: below every event.
        expected: View -> path -> document in the end.
        publish_after_feed: Whether nothing may be shown before the feed has ended.
    """

    plan: Plan
    documents: Sequence[Change]
    changes: Sequence[Change]
    snapshot: int | None
    expected: Mapping[str, Mapping[str, Document]]
    publish_after_feed: bool = False


class Restarts:
    """The lives of one job in one folder.

    Args:
        case: The job.
        folder: Where its checkpoint and its tables are.
        create_engine: An engine with a durable checkpoint that opens its file with the function it is given.
        create_sink: A sink on a folder.
        read_back: Its published table.
        batch: Changes at a time.
        options: More options of the engine.
    """

    def __init__(
        self,
        case: RestartCase,
        folder: Path,
        create_engine: Callable[[Connect], Engine],
        create_sink: Callable[[Path], Sink],
        read_back: Callable[[Sink, Table], dict[str, Document]],
        *,
        batch: int = 1,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.case, self.folder = case, folder
        self._create_engine, self._create_sink = create_engine, create_sink
        self.world = World(case.changes, read_back)
        self.batch, self.options = batch, {"checkpoint_every": 0, **(options or {})}
        self.state = folder / "state-0"
        self._lives = 0
        self._dead: list[Any] = []

    def live(self, at: int | None = None) -> tuple[Report | None, Boundaries]:
        """Runs the job until it ends, or is killed at a boundary.

        Returns:
            Its report, `None` when it was killed; and the boundaries that it passed.
        """
        boundaries = Boundaries(at, self._leave)
        opened: list[Any] = []

        def connect(*arguments: Any, **options: Any) -> KilledConnection:
            opened.append(sqlite3.connect(*arguments, **options))
            return KilledConnection(opened[-1], boundaries)

        def failed(letter: DeadLetter) -> None:
            boundaries.reach("before a dead letter")
            self.world.letter(letter)
            boundaries.reach("after a dead letter")

        sink = self._create_sink(self.folder / "tables")
        job = Job(
            self.case.plan,
            Documents(self.case.documents),
            KilledSink(sink, self.world, boundaries),
            ForgettingFeed(self.world, boundaries, self.batch),
            dead_letter=failed,
            generation=self._lives + 1,
            snapshot=self.case.snapshot,
            publish_after_feed=self.case.publish_after_feed,
            publish_every=0.0,
            options={"checkpoint": str(self.state), **self.options},
        )
        self._lives += 1
        try:
            return self._create_engine(connect).run(job), boundaries
        except Killed:
            self._dead += [sink, *opened]
            self.state = self.folder / f"state-{self._lives}"
            return None, boundaries

    def complaints(self) -> list[str]:
        """What is wrong when the job has ended."""
        expected = {view: shown(table) for view, table in self.case.expected.items()}
        found = {view: shown(table) for view, table in self.world.tables.items()}
        return self.world.complaints + list(judge_tables(expected, found))

    def bury(self) -> None:
        """Lets go of what the killed lives held."""
        for held in self._dead:
            held.close()

    def _leave(self) -> None:
        """What a killed process leaves; the file of the lock without the lock."""
        left = self.folder / f"state-{self._lives}"
        shutil.copytree(self.state, left, ignore=shutil.ignore_patterns("*-shm"))


class RestartSuite:
    """What every durable engine does with every sink.

    Attributes:
        every: Of how many boundaries one is tried: 1 for all.
        batch: Changes at a time.
    """

    every = 1
    batch = 3

    def create_engine(self, connect: Connect) -> Engine:
        """A durable engine that opens its file with `connect`."""
        raise NotImplementedError

    def create_case(self) -> RestartCase:
        """The job."""
        raise NotImplementedError

    def create_sink(self, folder: Path) -> Sink:
        """A sink that keeps its tables in a folder; called again for the same folder it finds them."""
        raise NotImplementedError

    def read_back(self, sink: Sink, table: Table) -> dict[str, Document]:
        """The published table: path -> document."""
        raise NotImplementedError

    def restarts(self, folder: Path, **options: Any) -> Restarts:
        """A job in a folder."""
        folder.mkdir()
        arguments = (self.create_engine, self.create_sink, self.read_back)
        return Restarts(self.create_case(), folder, *arguments, batch=self.batch, options=options)

    def test_a_job_that_is_not_killed(self, tmp_path: Path) -> None:
        job = self.restarts(tmp_path / "job")
        job.live()
        assert job.complaints() == []
        assert job.world.acknowledged == len(job.case.changes)
        job.world.acknowledged = 0
        given = len(job.world.written)
        report, _ = job.live()
        assert report is not None
        assert report.changes == len(job.case.changes), "a job that had ended read its feed again"
        assert job.complaints() == []
        if job._create_sink(tmp_path).capabilities.resumes:
            assert len(job.world.written) == given, "a job that had ended gave its sink something again"

    def test_a_kill_at_every_boundary_changes_nothing(self, tmp_path: Path) -> None:
        _, passed = self.restarts(tmp_path / "whole").live()
        random = Random(len(passed.names))
        assert len(passed.names) > 20
        for at in range(0, len(passed.names), self.every):
            job = self.restarts(tmp_path / str(at))
            killed, _ = job.live(at)
            assert killed is None
            if random.random() < 0.5:
                job.live(random.randrange(40))
            job.live()
            complaints = job.complaints()
            assert complaints == [], f"killed {passed.names[at]} ({at}): {complaints[:3]}"
            job.bury()
            shutil.rmtree(tmp_path / str(at))
