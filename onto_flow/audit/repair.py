"""Repairs: what an audit found missing goes out as ordinary changes, bounded, with a receipt.

Law: a repair does no harm. A document goes as a reading of the export's time (`operators.readings`): whatever is younger
wins over it, a later deletion too, and what is the same changes nothing. A deletion has the version (time of the export, 1).
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..connect import shown, split
from ..core.change import AS_READ, Change
from ..core.collection import Projection
from ..core.errors import DataError, EngineError, UsageError
from ..core.registry import Entry, load
from ..core.values import Document, from_micros
from ..engines.credit import Sum, add, digest
from ..formats.cloudevents_writer import encode_change
from ..plan.nodes import Plan
from ..sources.base import Selective, Source
from .export import collection_of
from .report import Report

BATCH = 100
"""So many changes are sent, and waited for, together."""


class Outlet(Protocol):
    """Where the changes of a repair go."""

    def send(self, changes: Sequence[Change]) -> None:
        """Sends changes; they are safe when this returns.

        Raises:
            EngineError: `feed-failed`.
        """

    def close(self) -> None:
        """Lets go of everything."""


OUTLETS = {
    "jsonl": Entry("onto_flow.audit.repair:LinesOutlet"),
    "pubsub": Entry("onto_flow.audit.topic:TopicOutlet", "pubsub"),
}


@dataclass(frozen=True)
class Bounds:
    """What a repair may do.

    Attributes:
        most: So many changes at most; the others are left for another one.
        per_second: Not faster than that.
        share: Refused where more than this share of the documents would be sent: then something else is wrong.
    """

    most: int = 10_000
    per_second: float = 1_000.0
    share: float = 0.1


@dataclass(frozen=True)
class Clock:
    """Time as a repair sees it: seconds that go on, and how to let them pass."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class LinesOutlet:
    """CloudEvents in structured mode, behind the lines of a file; it is readable by its owner alone.

    Args:
        file: Made where it is not there.
    """

    def __init__(self, file: str) -> None:
        self._name = file
        try:
            self._file = os.fdopen(os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "ab")
        except OSError as error:
            raise self._failed(error) from error

    def send(self, changes: Sequence[Change]) -> None:
        """See `Outlet`."""
        try:
            for change in changes:
                self._file.write(json.dumps(encode_change(change), ensure_ascii=False).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """See `Outlet`; a file that nothing was written to goes."""
        found = os.fstat(self._file.fileno())
        if stat.S_ISREG(found.st_mode) and found.st_size == 0:
            Path(self._name).unlink()
        self._file.close()

    def _failed(self, error: OSError) -> EngineError:
        return EngineError("feed-failed", f"the repair cannot be written: {error.strerror}", where=self._name)


def open_outlet(uri: str) -> Outlet:
    """The outlet that a URI names.

    Raises:
        UsageError: `unknown-name`, `wrong-usage`.
        EngineError: `missing-extra`, `feed-failed`.
    """
    scheme, place, options = split(uri)
    if options:
        raise UsageError("unknown-name", f"a repair has no option {', '.join(options)}", where=shown(uri))
    outlet: Outlet = load("repair", scheme or uri.partition(":")[0], OUTLETS)(place)
    return outlet


def check(report: Report, bounds: Bounds) -> None:
    """Refuses a repair that is too large to be one.

    Raises:
        UsageError: `audit-refused`.
    """
    count, documents = len(report.changes), max(1, report.documents.documents)
    if count > bounds.share * documents:
        raise UsageError(
            "audit-refused",
            f"a repair would send {count} changes for {documents} documents, more than the share of {bounds.share:g}",
            fix="See whether it is the right export and job; build the views again, or allow it with --max-share.",
        )


def repair(
    plan: Plan, report: Report, source: Source, outlet: Outlet, bounds: Bounds, clock: Clock | None = None
) -> dict[str, Any]:
    """Sends what an audit found missing.

    The source is read a second time, for the documents whole.

    Args:
        plan: The views of the audit.
        report: The audit.
        source: The one that was audited.
        outlet: Where the changes go.
        bounds: What it may do.
        clock: What time it is.

    Returns:
        The receipt: what was sent, with counts and hashes per collection, and what was left.

    Raises:
        UsageError: `audit-refused`; then nothing was sent.
        DataError: The source does not have the documents any more.
        EngineError: The outlet fails.
    """
    check(report, bounds)
    chosen = dict(sorted(report.changes.items())[: bounds.most])
    pace = _Pace(bounds.per_second, clock or Clock())
    sent: dict[str, Sum] = {}
    deleted: dict[str, int] = {}
    for batch in _batches(_changes(plan, chosen, source, report.time), min(BATCH, max(1, int(bounds.per_second)))):
        pace.wait(len(batch))
        outlet.send(batch)
        for change in batch:
            name = collection_of(change.path)
            if change.after is None:
                deleted[name] = deleted.get(name, 0) + 1
            else:
                add(sent, {name: digest(change.path, change.after)})
    return {
        "upserts": {name: {"count": s.size, "hash": f"{s.digest:032x}"} for name, s in sorted(sent.items())},
        "deletions": dict(sorted(deleted.items())),
        "sent": sum(s.size for s in sent.values()) + sum(deleted.values()),
        "left": len(report.changes) - len(chosen),
        "finished_at": from_micros(time.time_ns() // 1000).isoformat(),
    }


def _changes(plan: Plan, chosen: dict[str, bool], source: Source, at: int) -> Iterator[Change]:
    moment = from_micros(at)
    for path, is_there in chosen.items():
        if not is_there:
            yield Change(path, None, None, (at, 1), moment)
    wanted = {path for path, is_there in chosen.items() if is_there}
    for path, fields in _whole(plan, source) if wanted else ():
        if path in wanted:
            wanted.discard(path)
            yield Change(path, None, fields, (at, AS_READ), moment)
    if wanted:
        what = f"{len(wanted)} documents that were there are not any more, such as {min(wanted)!r}"
        raise DataError("bad-export", what, fix="Run the audit again; what was sent does no harm.")


def _whole(plan: Plan, source: Source) -> Iterator[tuple[str, Document]]:
    """The documents of a plan's collections, with all their fields."""
    everything = Projection(tuple((collection, None) for collection, _ in plan.projection.collections))
    if isinstance(source, Selective):
        source.selects(everything)
    for partition in source.partitions():
        with closing(source.open(partition, projection=everything)) as reader:
            while (batch := reader.next_batch()) is not None:
                for item in batch:
                    if isinstance(item, Change) and item.after is not None:
                        yield item.path, item.after


def _batches(changes: Iterable[Change], most: int) -> Iterator[list[Change]]:
    batch: list[Change] = []
    for change in changes:
        batch.append(change)
        if len(batch) == most:
            yield batch
            batch = []
    if batch:
        yield batch


class _Pace:
    """So many changes a second: each batch waits for its turn."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._per_second, self._clock = per_second, clock
        self._next = clock.now()

    def wait(self, changes: int) -> None:
        now = self._clock.now()
        if now < self._next:
            self._clock.sleep(self._next - now)
        self._next = max(now, self._next) + changes / self._per_second
