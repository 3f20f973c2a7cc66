"""An export read by several processes, of which this one is one.

The export is cut into tasks; who creates the file `N.taken` in a folder of this reading reads task N. A worker leaves its
record batches there as an Arrow file, with what else is to be said of the task beside it; nothing is pickled, and the script
that asks needs no `if __name__ == "__main__"`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..core.change import DeadLetter
from ..core.codec import decode, encode
from ..core.collection import Collection
from ..core.errors import DataError, EngineError, OntoFlowError, UsageError
from ..formats.arrow_conform import conform
from ..formats.arrow_shape import Shape, shape_of
from ..formats.arrow_types import PATH
from .arrow_export import ArrowExport, Read, check_size
from .base import Partition
from .firestore_export import FirestoreExport

TASKS_EACH = 6
"""So many tasks has a worker, about: the more, the more even is the work."""

TASK_BYTES = 1 << 20, 16 << 20
"""The bytes of a task, at least and at most."""

_ERRORS: dict[str, type[OntoFlowError]] = {kind.__name__: kind for kind in (DataError, EngineError, UsageError)}
_WORKER = "import sys; sys.path[:] = sys.argv[1:]; from onto_flow.sources.arrow_workers import main; main()"


def read_with(export: ArrowExport, workers: int) -> pa.Table:
    """All of an export, read by so many processes."""
    tasks = _tasks(export.export, workers)
    with tempfile.TemporaryDirectory(prefix="onto_flow-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with _started(min(workers, len(tasks)) - 1, encode(_order(export, folder, tasks))) as processes:
            mine = {index: _Task(export).read(tasks[index]) for index in _taken(folder, len(tasks))}
            for process in processes:
                if process.wait():
                    raise EngineError("engine-failed", f"A worker process ended with {process.returncode}")
        done = [mine[n] if n in mine else _left(folder / str(n)) for n in range(len(tasks))]
    return _joined(export, done)


def _tasks(export: FirestoreExport, workers: int) -> list[list[Partition]]:
    total = sum(file.size for file in export.layout.files)
    size = min(max(total // (workers * TASKS_EACH), TASK_BYTES[0]), TASK_BYTES[1], export.split_bytes)
    tasks: list[list[Partition]] = []
    have = size
    for part in export.uncounted(size):
        if have >= size:
            tasks.append([])
            have = 0
        tasks[-1].append(part)
        have += part.size or 0
    return tasks


def _order(export: ArrowExport, folder: Path, tasks: list[list[Partition]]) -> dict[str, Any]:
    """What a worker is told."""
    source = export.export
    place, storage = source.named
    schema, collection, fields = export.asked
    try:
        encode(storage)
    except DataError as error:
        raise UsageError("wrong-usage", f"These storage options cannot go to a worker process: {error.what}") from error
    return {
        "place": place,
        "storage": storage,
        "verify": source.verify,
        "accept_mismatch": source.accept_mismatch,
        "schema": None if schema is None else schema.serialize().to_pybytes(),
        "collection": None if collection is None else [collection.pattern, collection.group],
        "fields": None if fields is None else list(fields),
        "dead_letters": export.dead_letters is not None,
        "folder": str(folder),
        "tasks": [[[part.name, part.size] for part in task] for task in tasks],
    }


@contextmanager
def _started(count: int, order: bytes) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Worker processes, which end with this."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            command = [sys.executable, "-c", _WORKER, *sys.path]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # noqa: S603
            processes.append(process)
            assert process.stdin is not None
            with suppress(BrokenPipeError), process.stdin as stdin:
                stdin.write(order)
        yield processes
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def _taken(folder: Path, count: int) -> Iterator[int]:
    """The tasks that nobody else has; none after one that failed."""
    for index in range(count):
        if (folder / "failed").exists():
            return
        try:
            os.close(os.open(folder / f"{index}.taken", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        yield index


class _Task:
    """A task that is done.

    Attributes:
        found: What was read; `None` where that failed.
        letters: The dead letters.
        error: Why it failed.
    """

    def __init__(self, export: ArrowExport) -> None:
        self._export = export
        self.found: Read | None = None
        self.letters: list[DeadLetter] = []
        self.error: OntoFlowError | None = None

    def read(self, partitions: Sequence[Partition]) -> _Task:
        try:
            self.found = self._export.read(partitions, self.letters.append if self._export.dead_letters else None)
        except OntoFlowError as error:
            self.error = error
        return self

    def leave(self, place: Path) -> None:
        """Writes it down for the process that asked."""
        counts, error = (0, 0), self.error
        if self.found is not None:
            counts = self.found[2:]
            with pa.OSFile(f"{place}.arrow", "wb") as file, pa.ipc.new_file(file, self.found.schema) as writer:
                for batch in self.found.batches:
                    writer.write_batch(batch)
        told = None if error is None else (type(error).__name__, error.code, error.what, error.where, error.fix)
        place.with_name(f"{place.name}.told").write_bytes(encode((counts, list(map(tuple, self.letters)), told)))


def _left(place: Path) -> _Task | None:
    """What a worker left; nothing of a task that was not begun, because an earlier one failed."""
    told = place.with_name(f"{place.name}.told")
    if not told.exists():
        return None
    task = _Task.__new__(_Task)
    counts, letters, error = decode(told.read_bytes())
    task.letters = [DeadLetter(*letter) for letter in letters]
    task.error = task.found = None
    if error is not None:
        kind, code, what, where, fix = error
        task.error = _ERRORS[kind](code, what, where=where, fix=fix)
        return task
    reader = pa.ipc.open_file(pa.memory_map(f"{place}.arrow"))
    batches = [reader.get_batch(n) for n in range(reader.num_record_batches)]
    task.found = Read(reader.schema, batches, *counts)
    return task


def _joined(export: ArrowExport, done: Sequence[_Task | None]) -> pa.Table:
    """Says what is to be said in the order of the documents, and puts the record batches together."""
    parts: list[Read] = []
    for task in done:
        for letter in task.letters if task else ():
            assert export.dead_letters is not None
            export.dead_letters(letter)
        if task and task.error:
            raise task.error
        if task and task.found:
            parts.append(task.found)
    export.export.check(sum(part.documents for part in parts), sum(part.record_bytes for part in parts))
    schema = export.asked[0]
    if schema is None:
        shape = Shape({"map"})
        for part in parts:
            shape.merge(shape_of(f for f in part.schema if f.name != PATH))
        check_size(shape)
        schema = shape.schema()
    return pa.Table.from_batches([conform(b, schema) for part in parts for b in part.batches], schema=schema)


def main() -> None:
    """A worker process: what it has to do comes as its input."""
    order = decode(sys.stdin.buffer.read())
    source = FirestoreExport(
        order["place"],
        verify=order["verify"],
        accept_mismatch=order["accept_mismatch"],
        storage=order["storage"],
    )
    schema, collection = order["schema"], order["collection"]
    export = ArrowExport(
        source,
        collection=None if collection is None else Collection(collection[0], group=collection[1]),
        fields=order["fields"],
        schema=None if schema is None else pa.ipc.read_schema(pa.py_buffer(schema)),
        dead_letters=(lambda letter: None) if order["dead_letters"] else None,
    )
    folder = Path(order["folder"])
    for index in _taken(folder, len(order["tasks"])):
        task = _Task(export).read([Partition(*part) for part in order["tasks"][index]])
        task.leave(folder / str(index))
        if task.error:
            (folder / "failed").touch()
