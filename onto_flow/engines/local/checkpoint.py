"""The checkpoint of a job: a directory that one process holds, from which a job goes on as if it had not ended.

Law: one transaction holds the state, the resume points of the feed, and what must still go to the sink (the *outbox*). The
sink is given view changes after the commit that holds them, so it never shows what a restart would not know of; they stay
in the outbox until the sink has published them, and are given again after a crash. A message is acknowledged after the
commit that holds its effect.

The outbox is a log, a row a commit: a view document's first entry has what it was when last published, its last entry what
it is now. Where that grows long, one row with both takes the place of all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...core.change import DeadLetter, ViewChange
from ...core.codec import decode, encode
from ...core.errors import EngineError
from ...core.gaps import Gap, Gaps
from ...formats.native.values import value_decoder, value_encoder
from ...plan.nodes import Plan
from ..carried import decode_carried, encode_carried
from ..made_by import Fingerprints, differences, structures
from .kept import KeptState
from .lock import WriterLock
from .store import EMPTY, FILE, Connect, Store

Where = tuple[str, str]
"""(view, path)."""

_encode, _decode = value_encoder(), value_decoder()

_SEND = "INSERT INTO outbox VALUES (?, ?)"
_LONG = 32 << 20
"""Bytes of an outbox that is not written anew yet."""

_GAP = "INSERT INTO gaps VALUES (?, ?) ON CONFLICT (gap) DO UPDATE SET weight = weight + excluded.weight"


class Checkpoint:
    """An open checkpoint directory.

    Args:
        directory: Made where it is not there.
        plan: What the job maintains.
        fingerprints: Of the views' code; the structure alone is compared where there are none.
        began: When the state begins, in microseconds, unless there is one.
        generation, snapshot: Of the job, unless there is one that goes on.
        sink: Where view documents go, as text: another sink is given the whole table.
        connect: Opens the file.

    Attributes:
        loaded: Whether there is a job to go on with: its first load was complete.
        settled: Whether the sink has had the whole table.
        generation, snapshot, born: Of the job that goes on.

    Raises:
        EngineError: `checkpoint-locked`, `checkpoint-failed`, `state-version`; `checkpoint-differs` when other code made it.
    """

    def __init__(
        self,
        directory: Path,
        plan: Plan,
        fingerprints: Fingerprints,
        *,
        began: int,
        generation: int,
        snapshot: int | None,
        sink: str = "",
        connect: Connect = sqlite3.connect,
    ) -> None:
        self._lock = WriterLock(directory)
        try:
            self.store = Store(directory / FILE, connect)
        except BaseException:
            self._lock.release()
            raise
        try:
            self._begin(plan, fingerprints or structures(plan), (generation, snapshot, began), sink)
        except BaseException:
            self.close()
            raise

    def _begin(self, plan: Plan, fingerprints: Fingerprints, job: tuple[int, int | None, int], sink: str) -> None:
        store = self.store
        self.loaded: bool = bool(store.get("loaded"))
        self.settled: bool = bool(store.get("settled")) and store.get("sink") == sink
        if self.loaded:
            refuse_other_code(store.get("fingerprints"), fingerprints, store.file.parent)
            job = store.get("job")
        else:
            with store.transaction():
                for statement in EMPTY:
                    store.write(statement)
                kept = {view: dict(parts) for view, parts in fingerprints.items()}
                store.put(fingerprints=kept, job=job, loaded=False, settled=False)
        self.generation, self.snapshot, self.born = job
        self._sink = sink
        self.state = KeptState(plan, store, whole=not self.loaded)
        self._number: int = store.get("number") or 0
        self._published = self._cleared = 0
        self._waiting: dict[Where, ViewChange] = {}
        self._unsent: set[Where] = set()
        self._outbox_bytes, self._most = 0, _LONG
        self._letters: list[DeadLetter] = []
        self._gaps: list[Gap] = []

    def take(self, change: ViewChange) -> None:
        """Takes a view change that will go to the sink after the next commit."""
        where = (change.view, change.path)
        before = self._waiting.get(where)
        self._waiting[where] = change if before is None else change._replace(old=before.old)

    def put(self, letter: DeadLetter) -> None:
        """Takes a dead letter."""
        self._letters.append(letter)

    def gap(self, gap: Gap) -> None:
        """Takes what the loss meter told."""
        self._gaps.append(gap)

    def commit(
        self,
        points: Mapping[str, bytes],
        *,
        check: Callable[[], None] = lambda: None,
        behind: bool = False,
        **values: Any,
    ) -> None:
        """Makes everything permanent that happened since the last commit.

        Args:
            points: Partition of the feed -> its resume point.
            check: Is called from time to time, and raises to give up.
            behind: It is permanent once the store is settled, and what happens meanwhile belongs to the next commit.
            values: Single values: counters, `loaded`, `fenced`.

        Raises:
            EngineError: `checkpoint-fenced`, `checkpoint-failed`; then nothing was written, and the job must end.
        """
        store, number = self.store, self._number + 1
        with store.transaction(behind=behind):
            self.state.save(check)
            if self._published > self._cleared:
                store.write("DELETE FROM outbox WHERE number <= ?", [(self._published,)])
            self._send(number)
            store.write("DELETE FROM letters")
            store.write("INSERT INTO letters VALUES (?, ?)", [(number, encode_carried(x)) for x in self._letters])
            store.write(_GAP, [(encode(tuple(g[:3])), g.weight) for g in self._gaps])
            store.write("DELETE FROM gaps WHERE weight = 0")
            store.write("INSERT OR REPLACE INTO points VALUES (?, ?)", list(points.items()))
            store.put(number=number, sink=self._sink, settled=self.settled, **values)
        self.state.saved()
        self._number, self._cleared = number, self._published
        self._waiting.clear()
        self._letters.clear()
        self._gaps.clear()

    def hand_over(self) -> int:
        """The sink begins to publish all that was committed: later entries of the outbox say what documents are now.

        Returns:
            The number of the last commit that it has.
        """
        self._unsent.clear()
        self._outbox_bytes, self._most = 0, _LONG
        return self._number

    def published(self, number: int) -> None:
        """The sink has published what was committed up to a number: that leaves the outbox with the next commit."""
        self._published = number

    def _send(self, number: int) -> None:
        if not self._waiting:
            return
        entries = [(*c[:2], () if where in self._unsent else (c.old,), *c[3:]) for where, c in self._waiting.items()]
        data = _encode(tuple(entries))
        self.store.write(_SEND, [(number, data)])
        self._unsent.update(self._waiting)
        self._outbox_bytes += len(data)
        if self._outbox_bytes > self._most:
            data = _encode(tuple((*c[:2], (c.old,), *c[3:]) for c in self.outbox()))
            self.store.write("DELETE FROM outbox")
            self.store.write(_SEND, [(number, data)])
            self._outbox_bytes, self._most = len(data), _LONG + 2 * len(data)

    def outbox(self) -> list[ViewChange]:
        """What an earlier process committed, and whose publication it did not see."""
        found: dict[Where, ViewChange] = {}
        for (data,) in self.store.read("SELECT data FROM outbox ORDER BY number"):
            for view, path, old, new, version, failed in _decode(data):
                before = found.get((view, path))
                was = before.old if before is not None else old[0] if old else None
                found[view, path] = ViewChange(view, path, was, new, version, failed)
        self._unsent = set(found)
        return list(found.values())

    def letters(self) -> list[DeadLetter]:
        """The dead letters of the last commit, which may not have been kept elsewhere."""
        found = [decode_carried(data) for _, data in self.store.read("SELECT * FROM letters ORDER BY rowid")]
        return [letter for letter in found if isinstance(letter, DeadLetter)]

    def gaps(self) -> Gaps:
        """The gaps that are open."""
        gaps = Gaps()
        for data, weight in self.store.read("SELECT gap, weight FROM gaps"):
            path, known, awaited = decode(data)
            gaps.take(Gap(path, known, awaited, weight))
        gaps.lost = self.store.get("lost") or 0
        return gaps

    def points(self) -> dict[str, bytes]:
        """Partition of the feed -> its resume point."""
        return dict(self.store.read("SELECT partition, resume FROM points"))

    def close(self) -> None:
        """Lets go of the directory."""
        try:
            self.store.close()
        finally:
            self._lock.release()


def refuse_other_code(made: Fingerprints, now: Fingerprints, directory: Path) -> None:
    """Raises: EngineError: `checkpoint-differs`, with what changed, when other code made a checkpoint."""
    changed = list(differences(made, now))
    if changed:
        raise EngineError(
            "checkpoint-differs",
            f"this checkpoint was made by other code: {'; '.join(changed)}",
            where=directory,
            fix="Begin again with a new directory (the table that is there stays until the new one is complete), "
            "or run the code that made it.",
        )
