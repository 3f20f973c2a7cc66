"""The metadata files of an export <-> what they say.

`*.overall_export_metadata` is a LevelDB log: the record "3", then entries (2: kind metadata file, 3: documents,
4: bytes). `*.export_metadata` is one bare message (1: {1: name, 2: start, 3: end}, 2: {1: label, 2: files}, 3: label).
Source: the files of exports by Firestore (2020 to 2025) and by its emulator; there is no published schema.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..core.errors import DataError
from ..core.values import from_micros, to_micros
from .leveldb_log import LogWriter, read_records
from .wire import chunk, varint, walk

OVERALL = ".overall_export_metadata"
KIND = ".export_metadata"
FIREBASE = "firebase-export-metadata.json"
SIDE_FILE = "onto_flow.json"

_MAGIC = b"3"
_ALL_NAMESPACES_ALL_KINDS = b"\x08\x02\x18\x03"
_SECONDS_BELOW = 10**14
_ABSOLUTE = re.compile(r"/|[A-Za-z]:")


@dataclass(frozen=True)
class OverallEntry:
    """A part of an export: its kind metadata file, relative to the overall file's folder, and what it must hold."""

    file: str
    documents: int
    bytes: int


@dataclass(frozen=True)
class KindMetadata:
    """The files of a part, relative to the folder of its metadata file.

    Attributes:
        name: The name of the export.
        start: When reading began.
        end: When it ended.
        files: The output files in order.
        emulator: Whether the emulator wrote it: it leaves the label empty.
    """

    name: str
    start: datetime | None
    end: datetime | None
    files: tuple[str, ...]
    emulator: bool


def safe_path(text: str, where: str) -> str:
    """A relative path from metadata, with `/` (the emulator on Windows writes backslashes).

    Raises:
        DataError: `bad-export` when it leads out of the folder.

    Example:
        >>> safe_path("all_namespaces\\\\all_kinds\\\\x", "overall")
        'all_namespaces/all_kinds/x'
    """
    path = text.replace("\\", "/")
    parts = path.split("/")
    if _ABSOLUTE.match(path) or ".." in parts or not all(parts) or "\0" in path:
        raise DataError("bad-export", f"The path {text!r:.200} in the metadata leads out of the export", where=where)
    return path


def read_overall(data: bytes, where: str) -> tuple[OverallEntry, ...]:
    """The entries of an `.overall_export_metadata` file.

    Raises:
        DataError: `bad-export` when it is none.
    """
    records = [record for _, _, record in read_records(io.BytesIO(data), name=where)]
    if not records or records[0] != _MAGIC:
        raise DataError("bad-export", "This is not the metadata of an export", where=where)
    try:
        return tuple(_entry(e, where) for r in records[1:] for n, e in walk(r) if n == 1 and isinstance(e, bytes))
    except DataError as error:
        raise _unreadable(error, where) from error


def _entry(data: bytes, where: str) -> OverallEntry:
    file, documents, size = "", 0, 0
    for number, value in walk(data):
        if number == 2 and isinstance(value, bytes):
            file = safe_path(_text(value), where)
        elif number == 3 and isinstance(value, int):
            documents = value
        elif number == 4 and isinstance(value, int):
            size = value
    return OverallEntry(file, documents, size)


def read_kind(data: bytes, where: str) -> KindMetadata:
    """What an `.export_metadata` file says.

    Raises:
        DataError: `bad-export` when it is none.
    """
    try:
        head: dict[int, int | bytes] = {}
        files: list[str] = []
        label = b""
        for number, value in walk(data):
            if number == 1 and isinstance(value, bytes):
                head = dict(walk(value))
            elif number == 2 and isinstance(value, bytes):
                parts = [(n, v) for n, v in walk(value) if isinstance(v, bytes)]
                files += [safe_path(_text(v), where) for n, v in parts if n == 2]
                label += b"".join(v for n, v in parts if n == 1)
            elif number == 3:
                label += b"production"
    except DataError as error:
        raise _unreadable(error, where) from error
    name = head.get(1)
    named = _text(name) if isinstance(name, bytes) else ""
    return KindMetadata(named, _time(head.get(2)), _time(head.get(3)), tuple(files), not label)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _unreadable(error: DataError, where: str) -> DataError:
    if error.code == "bad-export":
        return error
    return DataError("bad-export", f"The metadata cannot be read: {error.what}", where=where)


def _time(number: int | bytes | None) -> datetime | None:
    """Some emulators of 2020 wrote seconds; no export is from before 1973, so such a number is one."""
    if not isinstance(number, int) or number <= 0:
        return None
    try:
        return from_micros(number * 1_000_000 if number < _SECONDS_BELOW else number)
    except OverflowError:
        return None


def write_overall(entries: Sequence[OverallEntry]) -> bytes:
    """The bytes of an `.overall_export_metadata` file, as the emulator writes it.

    Example:
        >>> read_overall(write_overall([OverallEntry("a/b", 3, 70)]), "overall")
        (OverallEntry(file='a/b', documents=3, bytes=70),)
    """
    out = io.BytesIO()
    log = LogWriter(out)
    log.write(_MAGIC)
    log.write(b"".join(chunk(b"\x0a", _entry_bytes(entry)) for entry in entries))
    return out.getvalue()


def _entry_bytes(entry: OverallEntry) -> bytes:
    place = chunk(b"\x0a", _ALL_NAMESPACES_ALL_KINDS) + chunk(b"\x12", entry.file.encode())
    return place + b"\x18" + varint(entry.documents) + b"\x20" + varint(entry.bytes)


def write_kind(name: str, start: datetime, end: datetime, files: Sequence[str], *, label: str = "") -> bytes:
    """The bytes of an `.export_metadata` file; the emulator's has an empty label, production's `__all__`.

    Example:
        >>> from datetime import timezone
        >>> time = datetime(2024, 5, 1, tzinfo=timezone.utc)
        >>> read_kind(write_kind("e", time, time, ["output-0"]), "kind").files
        ('output-0',)
    """
    times = b"\x10" + varint(to_micros(start)) + b"\x18" + varint(to_micros(end))
    listed = chunk(b"\x0a", label.encode()) + b"".join(chunk(b"\x12", file.encode()) for file in files)
    last = chunk(b"\x1a", chunk(b"\x0a", label.encode())) if label else b""
    return chunk(b"\x0a", chunk(b"\x0a", name.encode()) + times) + chunk(b"\x12", listed) + last
