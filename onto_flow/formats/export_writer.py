"""Documents -> an export as Firestore, or its emulator, lays it out; the emulator and firebase-tools read both back."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from ..core.errors import DataError, EngineError, UsageError, did_you_mean
from ..core.values import Document
from .entity_writer import encode_entity
from .export_layout import Place
from .export_metadata import FIREBASE, KIND, OVERALL, SIDE_FILE, OverallEntry, write_kind, write_overall
from .leveldb_log import MAX_RECORD, LogWriter
from .names import DATABASE, DEFAULT_DATABASE
from .object_path import ObjectPath, place_of
from .times import format_time

DOCUMENTS_PER_FILE = 5000
"""As the emulator does."""

ROWS = 1000
"""So many rows of a table become documents at once."""

_KIND_FOLDER = "all_namespaces/all_kinds"
_KIND_FILE = f"{_KIND_FOLDER}/all_namespaces_all_kinds{KIND}"
_TOOLS_VERSION, _EMULATOR_VERSION = "14.21.0", "1.19.9"
"""firebase-tools and the emulator that write this layout."""

Documents = Iterable[tuple[str, Document]]


@dataclass(frozen=True)
class _Layout:
    """How one of the exporters writes.

    Attributes:
        inner: The folder inside the export that all names are relative to; empty for the export itself.
        location: The marker before the project's id.
        label: What the metadata calls "all kinds".
    """

    inner: str
    location: str
    label: str


_LAYOUTS = {"emulator": _Layout("firestore_export", "dev", ""), "production": _Layout("", "s", "__all__")}


def _now() -> datetime:
    return datetime.now(timezone.utc)


def write_export(
    target: str | Path,
    documents: Documents | Any,
    *,
    layout: Literal["emulator", "production"] = "emulator",
    project: str | None = None,
    snapshot_time: datetime | None = None,
    storage: Mapping[str, Any] | None = None,
    clock: Callable[[], datetime] = _now,
) -> int:
    """Writes an export and returns how many documents it has; holds one document, or some rows, at a time.

    Law: the target appears whole or not at all: a local folder is made beside it and renamed at the end; in an object
    store the metadata, without which nothing is an export, comes last. What is there is never overwritten.

    Args:
        target: A folder that does not exist yet, or is empty; a path, or a URL that fsspec knows.
        documents: (path, fields), in the order that the export shall have; or a table: anything that gives Arrow's
            stream (of pyarrow, Polars, DuckDB), or record batches, as `arrow_documents` reads them.
        layout: Whose export it looks like: `emulator`, or `production` (of the generation since 2024).
        project: The project that the documents belong to, or `projects/P/databases/D`.
        snapshot_time: The time of the consistent view that the documents are; goes to `onto_flow.json`.
        storage: Options of the object store's fsspec filesystem.
        clock: What time it is, for the metadata.

    Raises:
        UsageError: `wrong-usage` when the target holds something; an unknown layout; what names no database.
        EngineError: `io-failed` when it cannot be written.
        DataError: `bad-value`, `bad-key`, `too-deep` for a document that cannot be written.
    """
    if layout not in _LAYOUTS:
        raise UsageError("unknown-name", f"There is no layout {layout!r}", fix=did_you_mean(layout, _LAYOUTS))
    database = project or DEFAULT_DATABASE
    database = database if "/" in database else f"projects/{database}/databases/(default)"
    if not DATABASE.fullmatch(database):
        fix = "Write a project's id, or projects/P/databases/(default)."
        raise UsageError("wrong-usage", f"{database!r} names no database", fix=fix)
    place = place_of(target, storage)
    kind = _LAYOUTS[layout]
    with _new(place) as folder:
        records = (_record(path, fields, database, kind.location) for path, fields in _documents(documents))
        return _Writing(folder, place.name, kind).write(records, snapshot_time, clock)


def _documents(given: Any) -> Iterator[tuple[str, Document]]:
    if hasattr(given, "__arrow_c_stream__"):
        import pyarrow as pa

        given = pa.RecordBatchReader.from_stream(given)
    elif hasattr(given, "__arrow_c_array__"):
        given = [given]
    for item in given:
        if not hasattr(item, "num_rows"):
            yield _pair(item)
            continue
        from .arrow_documents import documents_of

        for start in range(0, item.num_rows, ROWS):
            yield from documents_of(item.slice(start, ROWS))


def _pair(item: Any) -> tuple[str, Document]:
    match item:
        case (str(path), dict(fields)):
            return path, fields
    raise DataError("bad-value", f"Not a document: {item!r:.80}", fix="Give (path, fields): a text and a dictionary.")


def _record(path: str, fields: Document, database: str, location: str) -> bytes:
    try:
        record = encode_entity(path, fields, database, location=location)
    except DataError as error:
        raise DataError(error.code, error.what, where=error.where or path, fix=error.fix) from error
    if len(record) > MAX_RECORD:
        raise DataError("too-deep", f"The document has {len(record)} bytes, the limit is {MAX_RECORD}", where=path)
    return record


@contextmanager
def _new(place: Place) -> Iterator[Place]:
    """A folder that becomes the target when all went well, and is gone otherwise."""
    try:
        if place.is_file() or (place.is_dir() and any(True for _ in place.iterdir())):
            raise UsageError("wrong-usage", f"{str(place)!r} exists and is not empty", fix="Give a new folder.")
        with _new_prefix(place) if isinstance(place, ObjectPath) else _new_folder(place) as folder:
            yield folder
    except OSError as error:
        what = f"The export cannot be written: {error.strerror or error}"
        raise EngineError("io-failed", what, where=error.filename or str(place)) from error


@contextmanager
def _new_folder(place: Path) -> Iterator[Path]:
    place.parent.mkdir(parents=True, exist_ok=True)
    holder = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        folder = holder / "export"
        folder.mkdir()
        yield folder
        os.replace(folder, place)
    finally:
        shutil.rmtree(holder, ignore_errors=True)


@contextmanager
def _new_prefix(place: ObjectPath) -> Iterator[ObjectPath]:
    try:
        yield place
    except BaseException:
        place.remove_written()
        raise


class _Writing:
    """An export being written into a folder: output files, then the metadata from the inside out."""

    def __init__(self, folder: Place, name: str, layout: _Layout) -> None:
        self._folder = folder
        self._root = folder / layout.inner if layout.inner else folder
        self._name = layout.inner or name
        self._layout = layout

    def write(self, records: Iterator[bytes], snapshot_time: datetime | None, clock: Callable[[], datetime]) -> int:
        start = clock()
        files, count, size = [], 0, 0
        for index, part in enumerate(_parts(records)):
            files.append(f"output-{index}")
            documents, written = self._output(files[-1], part)
            count, size = count + documents, size + written
        if files:
            kind = write_kind(self._name, start, clock(), files, label=self._layout.label)
            _put(self._root / _KIND_FILE, kind)
        if snapshot_time is not None:
            _put_json(self._folder / SIDE_FILE, {"snapshot_time": format_time(snapshot_time)})
        entries = [OverallEntry(_KIND_FILE, count, size)] if files else []
        overall = f"{self._name}{OVERALL}"
        _put(self._root / overall, write_overall(entries))
        if self._layout.inner:
            self._firebase(overall)
        return count

    def _output(self, name: str, records: Iterator[bytes]) -> tuple[int, int]:
        with _create(self._root / f"{_KIND_FOLDER}/{name}") as file:
            log = LogWriter(file)
            for record in records:
                log.write(record)
        return log.records, log.size if self._layout.inner else log.payload

    def _firebase(self, overall: str) -> None:
        root = self._layout.inner
        firestore = {"version": _EMULATOR_VERSION, "path": root, "metadata_file": f"{root}/{overall}"}
        _put_json(self._folder / FIREBASE, {"version": _TOOLS_VERSION, "firestore": firestore})


def _parts(records: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    for first in records:
        yield chain((first,), islice(records, DOCUMENTS_PER_FILE - 1))


def _create(file: Place) -> Any:
    if isinstance(file, Path):
        file.parent.mkdir(parents=True, exist_ok=True)
        return file.open("xb")
    return file.create()


def _put(file: Place, content: bytes) -> None:
    with _create(file) as stream:
        stream.write(content)


def _put_json(file: Place, content: object) -> None:
    _put(file, (json.dumps(content, indent=2) + "\n").encode())
