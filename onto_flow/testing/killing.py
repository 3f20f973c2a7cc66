"""Kills at every durable-write boundary, in one process.

The boundaries are: before each statement that writes, after each commit, and before and after each call of the sink, of
the feed's acknowledgement, and of the dead letters.

A kill is an exception that nothing catches, after which nothing works any more: what a `finally` would still do is refused
as well. The files are copied as they are at that moment, so what goes on does so from what a killed process leaves. The
disk is not waited for: what the system was given survives a kill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..core.change import Change, DeadLetter, ViewChange, ViewVersion
from ..core.collection import Projection
from ..core.equality import same
from ..core.values import Document
from ..sinks.base import Sink, SinkCapabilities, Table
from ..sources.base import Partition, SourceInfo
from .judge_changes import applied

_WRITES = ("BEGIN", "COMMIT", "INSERT", "DELETE", "CREATE", "PRAGMA journal_mode", "PRAGMA incremental_vacuum")


class Killed(BaseException):
    """The process is gone."""


class Boundaries:
    """Counts the boundaries that a run passes, and kills it at one.

    Args:
        at: Which one, from 0; `None`: it lives.
        on_kill: Is called when it dies.

    Attributes:
        names: The boundaries passed so far.
    """

    def __init__(self, at: int | None = None, on_kill: Callable[[], None] = lambda: None) -> None:
        self.names: list[str] = []
        self.dead = False
        self._at, self._on_kill = at, on_kill

    def reach(self, name: str) -> None:
        """Passes a boundary, or dies there."""
        self.alive()
        self.names.append(name)
        if len(self.names) - 1 == self._at:
            self.dead = True
            self._on_kill()
            raise Killed(name)

    def alive(self) -> None:
        """Raises: Killed: it is dead."""
        if self.dead:
            raise Killed


class KilledConnection:
    """A connection of `sqlite3` whose writes are boundaries; a dead one is never closed, as that would tidy the files."""

    def __init__(self, connection: Any, boundaries: Boundaries) -> None:
        self._connection, self._boundaries = connection, boundaries

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        self._before(statement)
        if statement.startswith("PRAGMA synchronous"):
            statement = "PRAGMA synchronous = OFF"
        found = self._connection.execute(statement, parameters)
        if statement == "COMMIT":
            self._boundaries.reach("after COMMIT")
        return found

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> Any:
        self._before(statement)
        return self._connection.executemany(statement, rows)

    def executescript(self, script: str) -> Any:
        self._before(script)
        return self._connection.executescript(script)

    def close(self) -> None:
        self._boundaries.alive()
        self._connection.close()

    def _before(self, statement: str) -> None:
        if statement.startswith(_WRITES):
            self._boundaries.reach(f"before {' '.join(statement.split()[:4])}")
        else:
            self._boundaries.alive()


class World:
    """What outlives processes: what sinks were given and what they show, what the feed was told, what failed.

    Args:
        changes: The feed.
        read_back: The published table of a sink.

    Attributes:
        acknowledged: How many changes need not be sent again.
        tables: View -> path -> document, as published last.
        complaints: Laws that were broken.
    """

    def __init__(self, changes: Sequence[Change], read_back: Callable[[Sink, Table], dict[str, Document]]) -> None:
        self.changes = list(changes)
        self.acknowledged = 0
        self.written: list[ViewChange] = []
        self.letters: dict[str, DeadLetter] = {}
        self.complaints: list[str] = []
        self.tables: dict[str, dict[str, Document]] = {}
        self._read_back = read_back
        self._documents: dict[tuple[str, str, ViewVersion], Document | None] = {}
        self._newest: dict[tuple[str, str], ViewVersion] = {}

    def letter(self, letter: DeadLetter) -> None:
        """Something failed, or is well again."""
        if letter.cleared:
            self.letters.pop(letter.key, None)
        else:
            self.letters[letter.key] = letter

    def wrote(self, changes: Sequence[ViewChange]) -> None:
        """A sink is given changes: one version of a view document is one document, whoever gives it."""
        for change in changes:
            held = self._documents.setdefault((change.view, change.path, change.version), change.new)
            if not same(held, change.new):
                self.complaints.append(f"two documents of one version: {held} and {change}")
        self.written += changes

    def given(self, sink: Sink, here: Sequence[ViewChange]) -> list[ViewChange]:
        """What a sink was given so far: by its process, and where it resumes by others before it."""
        return list(self.written if sink.capabilities.resumes else here)

    def published(
        self, sink: Sink, tables: Sequence[Table], before: Sequence[ViewChange], now: Sequence[ViewChange]
    ) -> None:
        """A sink has published: of each document it shows the newest that it was given before it began, or a newer one.

        Args:
            sink: What has published.
            tables: Its tables.
            before: What it was given before it began.
            now: What it was given before it ended.
        """
        for change in sorted(now, key=lambda c: c.version):
            self._newest[change.view, change.path] = change.version
        least, shows = applied(before), _since(before, now)
        for table in tables:
            found, wanted = self._read_back(sink, table), least.get(table.view, {})
            self.tables[table.view] = found
            for path in {*found, *wanted}:
                may_be = shows.get((table.view, path), [wanted.get(path)])
                if not any(same(_row(found.get(path)), _row(one)) for one in may_be):
                    self.complaints.append(f"{table.view} shows {path} as {found.get(path)}, and was given {may_be}")

    def began(self, sink: Sink, given: Sequence[ViewChange]) -> None:
        """The tables of a process are complete: what they hold is not older than what was shown before."""
        for change in given:
            newest = self._newest.get((change.view, change.path), change.version)
            if change.version < newest and not sink.capabilities.resumes:
                self.complaints.append(f"moved back from {newest} to {change}")


def _since(before: Sequence[ViewChange], now: Sequence[ViewChange]) -> dict[tuple[str, str], list[Document | None]]:
    """(view, path) -> the newest document that was given before, and all that are newer."""
    newest: dict[tuple[str, str], ViewVersion] = {}
    for change in before:
        where = change.view, change.path
        newest[where] = max(change.version, newest.get(where, change.version))
    found: dict[tuple[str, str], list[Document | None]] = {}
    for change in now:
        where = change.view, change.path
        documents = found.setdefault(where, [] if where in newest else [None])
        if where not in newest or change.version >= newest[where]:
            documents.append(change.new)
    return found


def _row(document: Document | None) -> Document | None:
    return None if document is None else {n: v for n, v in document.items() if v is not None}


def shown(table: Mapping[str, Document]) -> dict[str, Any]:
    """A table has a column for every attribute: a missing one and null are the same there."""
    return {path: _row(document) or {} for path, document in table.items()}


class KilledSink:
    """A sink whose calls are boundaries."""

    def __init__(self, sink: Sink, world: World, boundaries: Boundaries) -> None:
        self._sink, self._world, self._boundaries = sink, world, boundaries
        self._tables: Sequence[Table] = ()
        self._given: list[ViewChange] = []

    @property
    def capabilities(self) -> SinkCapabilities:
        return self._sink.capabilities

    def open(self, tables: Sequence[Table], generation: int) -> None:
        self._boundaries.reach("before the sink is opened")
        self._tables = tables
        self._sink.open(tables, generation)

    def write(self, changes: Sequence[ViewChange]) -> None:
        self._boundaries.reach("before the sink is given changes")
        self._world.wrote(changes)
        self._given += changes
        self._sink.write(changes)
        self._boundaries.reach("after the sink was given changes")

    def complete(self) -> None:
        self._boundaries.reach("before the tables are complete")
        self._world.began(self._sink, self._given)
        self._sink.complete()

    def publish(self) -> Sequence[DeadLetter]:
        self._boundaries.reach("before a publication")
        before = self._world.given(self._sink, self._given)
        letters = self._sink.publish()
        self._world.published(self._sink, self._tables, before, self._world.given(self._sink, self._given))
        self._boundaries.reach("after a publication")
        return letters

    def close(self) -> None:
        self._boundaries.alive()
        self._sink.close()


class ForgettingFeed:
    """A feed that gives away what was acknowledged: whoever resumes before that has lost messages."""

    def __init__(self, world: World, boundaries: Boundaries, batch: int) -> None:
        self.world, self.boundaries, self.batch = world, boundaries, batch

    def info(self) -> SourceInfo:
        return SourceInfo("forgetting")

    def partitions(self) -> Sequence[Partition]:
        return [Partition("all")]

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> _FeedReader:
        return _FeedReader(self, max(int(resume or b"0"), self.world.acknowledged))

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        self.boundaries.reach("before messages are acknowledged")
        self.world.acknowledged = max(self.world.acknowledged, int(resume))
        self.boundaries.reach("after messages were acknowledged")


class _FeedReader:
    def __init__(self, feed: ForgettingFeed, at: int) -> None:
        self._feed, self._at = feed, at
        self.documents_read = at

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        self._feed.boundaries.alive()
        batch = self._feed.world.changes[self._at : self._at + self._feed.batch]
        self._at += len(batch)
        return batch or None

    def next_wake(self) -> None:
        return None

    def snapshot(self) -> bytes:
        return str(self._at).encode()

    def close(self) -> None:
        """There is nothing to let go of."""


class Documents:
    """A source of documents; whoever reads it again gets all of them again."""

    def __init__(self, documents: Sequence[Change]) -> None:
        self._documents = list(documents)

    def info(self) -> SourceInfo:
        return SourceInfo("documents", documents=len(self._documents))

    def partitions(self) -> Sequence[Partition]:
        return [Partition("all")]

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> _DocumentReader:
        return _DocumentReader(self._documents)

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        """Documents stay."""


class _DocumentReader:
    def __init__(self, documents: Sequence[Change]) -> None:
        self._rest: Sequence[Change] | None = documents
        self.documents_read = 0

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        rest, self._rest = self._rest, None
        self.documents_read += len(rest or ())
        return rest

    def next_wake(self) -> None:
        return None

    def snapshot(self) -> bytes:
        return b""

    def close(self) -> None:
        """There is nothing to let go of."""
