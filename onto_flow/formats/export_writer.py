"""Documents -> an export as Firestore's emulator lays it out; the emulator and firebase-tools read it back."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from itertools import chain, islice
from pathlib import Path

from ..core.errors import UsageError
from ..core.values import Document
from .entity_writer import encode_entity
from .export_metadata import FIREBASE, KIND, OVERALL, SIDE_FILE, OverallEntry, write_kind, write_overall
from .leveldb_log import LogWriter
from .names import DEFAULT_DATABASE
from .times import format_time

DOCUMENTS_PER_FILE = 5000
"""As the emulator does."""

_NAME = "firestore_export"
_KIND_FOLDER = "all_namespaces/all_kinds"
_KIND_FILE = f"{_KIND_FOLDER}/all_namespaces_all_kinds{KIND}"
_TOOLS_VERSION, _EMULATOR_VERSION = "14.21.0", "1.19.9"
"""firebase-tools and the emulator that write this layout."""


def _now() -> datetime:
    return datetime.now(timezone.utc)


def write_export(
    target: str | Path,
    documents: Iterable[tuple[str, Document]],
    *,
    project: str | None = None,
    snapshot_time: datetime | None = None,
    clock: Callable[[], datetime] = _now,
) -> int:
    """Writes an export and returns how many documents it has.

    Law: the target appears whole or not at all: files are written beside it and renamed at the end.

    Args:
        target: A folder that does not exist yet, or is empty.
        documents: (path, fields).
        project: The project that the documents belong to; the database is its `(default)`.
        snapshot_time: The time of the consistent view that the documents are; goes to `onto_flow.json`.
        clock: What time it is, for the metadata.

    Raises:
        UsageError: `wrong-usage` when the target holds something.
        DataError: `bad-value`, `bad-key`, `too-deep` for a document that cannot be written.
    """
    place = Path(target)
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise UsageError("wrong-usage", f"{str(place)!r} exists and is not empty", fix="Give a new folder.")
    place.parent.mkdir(parents=True, exist_ok=True)
    holder = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        folder = holder / "export"
        folder.mkdir()
        database = DEFAULT_DATABASE if project is None else f"projects/{project}/databases/(default)"
        records = (encode_entity(path, fields, database) for path, fields in documents)
        count = _write(folder, records, clock)
        if snapshot_time is not None:
            _put_json(folder / SIDE_FILE, {"snapshot_time": format_time(snapshot_time)})
        os.replace(folder, place)
    finally:
        shutil.rmtree(holder, ignore_errors=True)
    return count


def _write(folder: Path, records: Iterator[bytes], clock: Callable[[], datetime]) -> int:
    start = clock()
    root = folder / _NAME
    root.mkdir()
    files, count, size = [], 0, 0
    for index, part in enumerate(_parts(records)):
        name = f"output-{index}"
        output = root / _KIND_FOLDER / name
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("wb") as file:
            log = LogWriter(file)
            for record in part:
                log.write(record)
        files.append(name)
        count, size = count + log.records, size + output.stat().st_size
    entries = [OverallEntry(_KIND_FILE, count, size)] if files else []
    if files:
        (root / _KIND_FILE).write_bytes(write_kind(_NAME, start, clock(), files))
    (root / f"{_NAME}{OVERALL}").write_bytes(write_overall(entries))
    overall = f"{_NAME}/{_NAME}{OVERALL}"
    firestore = {"version": _EMULATOR_VERSION, "path": _NAME, "metadata_file": overall}
    _put_json(folder / FIREBASE, {"version": _TOOLS_VERSION, "firestore": firestore})
    return count


def _parts(records: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    for first in records:
        yield chain((first,), islice(records, DOCUMENTS_PER_FILE - 1))


def _put_json(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
