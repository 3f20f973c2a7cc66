"""Where the files of an export lie: from whatever path a user gives to the list of output files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from ..core.errors import DataError
from .export_metadata import (
    FIREBASE,
    KIND,
    OVERALL,
    SIDE_FILE,
    KindMetadata,
    OverallEntry,
    read_kind,
    read_overall,
    safe_path,
)
from .object_path import ObjectPath
from .times import parse_time

Place: TypeAlias = Path | ObjectPath
"""A file or folder, on this machine or in an object store."""

MAX_METADATA = 64 << 20
"""Bytes of the largest metadata file that is read."""

_OUTPUT = re.compile(r"output-(\d+)")
_ACCEPT = (
    "Export again; or read the files that are there with EXPORT?accept_mismatch=true, in Python accept_mismatch=True."
)


@dataclass(frozen=True)
class OutputFile:
    """An output file, by its path relative to the export's root."""

    name: str
    size: int


@dataclass(frozen=True)
class ExportLayout:
    """An export.

    Attributes:
        root: The folder that names of files are relative to.
        files: The output files, in the order of the metadata.
        missing: Files that the metadata names and that are not there.
        unlisted: Files that are there and that the metadata does not name.
        repeated: Files that the metadata names more than once; they are read once.
        documents: How many documents the metadata promises; `None` without the overall file.
        bytes: How many bytes it promises: of records (production) or of files (emulator).
        emulator: Whether the emulator wrote it; `None` where no metadata says so.
        start: When reading the documents began.
        end: When it ended.
        snapshot_time: The time in the side file `onto_flow.json`.
    """

    root: Place
    files: tuple[OutputFile, ...]
    missing: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    documents: int | None = None
    bytes: int | None = None
    emulator: bool | None = None
    start: datetime | None = None
    end: datetime | None = None
    snapshot_time: datetime | None = None


def find_export(place: Place) -> ExportLayout:
    """The export that a path stands for.

    Args:
        place: An `.overall_export_metadata` file, or a folder that holds one, a `firebase-export-metadata.json`, an
            `*.export_metadata` (also two folders further down) or `output-*` files (also below `all_namespaces`); tried
            in this order, and then one folder further down, where only one folder holds any. A local name may have
            wildcards: `folder/output-1*`.

    Raises:
        DataError: `not-found` when there is none, `bad-export` when its metadata cannot be read.
    """
    chosen = _outputs(place.parent.glob(place.name)) if isinstance(place, Path) and "*" in place.name else []
    if chosen and not place.exists():
        return _of_outputs(place.parent, chosen, place.parent)
    if not place.exists():
        raise DataError("not-found", f"There is no file or folder {str(place)!r}", fix="Give the folder of an export.")
    layout = _of_file(place) if place.is_file() else _of_folder(place) or _of_child(place)
    if layout is None:
        raise DataError(
            "not-found",
            f"There is no export in {str(place)!r}",
            fix=f"Give a folder that holds a file *{OVERALL}, {FIREBASE}, *{KIND} or output-0; lines are jsonl:FILE.",
        )
    return layout


def _shown(places: Iterable[Place]) -> list[Place]:
    """By name, without what systems leave beside files: `._output-0`, `__MACOSX`."""
    return sorted((p for p in places if not p.name.startswith((".", "__MACOSX"))), key=str)


def _outputs(places: Iterable[Place]) -> list[Place]:
    return [p for p in places if _OUTPUT.fullmatch(p.name)]


def _content(file: Place) -> bytes:
    size = file.stat().st_size
    if size > MAX_METADATA:
        raise DataError("bad-export", f"Metadata of {size} bytes, the limit is {MAX_METADATA}", where=str(file))
    return file.read_bytes()


def _inside(root: Place, place: Any) -> str:
    name: str = place.relative_to(root).as_posix()
    return name


def _of_file(place: Place) -> ExportLayout | None:
    if place.name.endswith(OVERALL):
        return _of_overall(place, place.parent)
    if place.name.endswith(KIND):
        return _of_kinds(place.parent, [place], place.parent)
    if place.name == FIREBASE:
        return _of_firebase(place, place.parent)
    if _OUTPUT.fullmatch(place.name):
        return _of_outputs(place.parent, [place], place.parent)
    return None


def _of_folder(folder: Place, given: Place | None = None) -> ExportLayout | None:
    names = _shown(folder.iterdir())
    given = given or folder
    overall = [p for p in names if p.name.endswith(OVERALL)]
    if len(overall) > 1:
        raise DataError(
            "bad-export",
            f"There are {len(overall)} exports in one folder: {', '.join(p.name for p in overall)}",
            where=str(folder),
            fix=f"Give the path of one *{OVERALL} file.",
        )
    if overall:
        return _of_overall(overall[0], given)
    if (folder / FIREBASE).is_file():
        return _of_firebase(folder / FIREBASE, given)
    kinds = [p for p in names if p.name.endswith(KIND)] or _kinds_below(folder)
    if kinds:
        return _of_kinds(folder, kinds, given)
    outputs = _outputs(names) or _outputs(folder.glob("all_namespaces/*/output-*"))
    return _of_outputs(folder, outputs, given) if outputs else None


def _kinds_below(folder: Place) -> list[Place]:
    """Of all namespaces, or of one; `folder` is the export, or what it holds."""
    return _shown(folder.glob(f"*/*/*{KIND}")) or _shown(folder.glob(f"*/*{KIND}"))


def _of_child(folder: Place) -> ExportLayout | None:
    children = [p for p in _shown(folder.iterdir()) if p.is_dir()]
    holding = [p for p in children if (p / FIREBASE).is_file() or _shown(p.glob(f"*{OVERALL}"))]
    holding = holding or [p for p in children if (p / "all_namespaces").is_dir()]
    if len(holding) > 1:
        names = ", ".join(p.name for p in holding[:5]) + (", ..." if len(holding) > 5 else "")
        what = f"There are {len(holding)} exports in this folder: {names}"
        raise DataError("bad-export", what, where=str(folder), fix="Give the folder of one of them.")
    return _of_folder(holding[0], folder) if holding else None


def _of_firebase(file: Place, given: Place) -> ExportLayout:
    content = _json(file)
    entry = content.get("firestore")
    if not isinstance(entry, dict) or not isinstance(entry.get("metadata_file"), str):
        raise DataError("bad-export", "This export of the emulators holds no Firestore documents", where=str(file))
    overall = file.parent / safe_path(entry["metadata_file"], str(file))
    if not overall.is_file():
        raise DataError("bad-export", f"{overall.name}, which the metadata names, is missing", where=str(file))
    return _of_overall(overall, given)


def _of_overall(file: Place, given: Place) -> ExportLayout:
    root = file.parent
    entries = read_overall(_content(file), str(file))
    kinds = {e.file: root / e.file for e in entries}
    absent = [name for name, kind in kinds.items() if not kind.is_file()]
    present = [kind for name, kind in kinds.items() if name not in absent]
    return _layout(root, present, [given, root], absent, entries)


def _of_kinds(root: Place, kinds: Sequence[Place], given: Place) -> ExportLayout:
    return _layout(root, kinds, [given, root], [], None)


def _of_outputs(root: Place, outputs: Sequence[Place], given: Place) -> ExportLayout:
    ordered = sorted(outputs, key=lambda p: (str(p.parent), int(p.name.partition("-")[2])))
    files = tuple(OutputFile(_inside(root, p), p.stat().st_size) for p in ordered)
    return ExportLayout(root, files, snapshot_time=_side_file([given, root]))


def _layout(
    root: Place, kinds: Sequence[Place], places: list[Place], absent: list[str], entries: Sequence[OverallEntry] | None
) -> ExportLayout:
    read = [(kind.parent, read_kind(_content(kind), str(kind))) for kind in kinds]
    named = [folder / file for folder, kind in read for file in kind.files]
    listed = list(dict.fromkeys(named))
    found = {p for folder, _ in read for p in _outputs(folder.glob("output-*"))}
    there = [p for p in listed if p.is_file()]
    if (root.parent / FIREBASE).is_file():
        places.append(root.parent)
    return ExportLayout(
        root,
        tuple(OutputFile(_inside(root, p), p.stat().st_size) for p in there),
        missing=tuple(absent + [_inside(root, p) for p in listed if not p.is_file()]),
        unlisted=tuple(sorted(_inside(root, p) for p in found - set(listed))),
        repeated=tuple(_inside(root, p) for p in listed if named.count(p) > 1) if len(named) > len(listed) else (),
        documents=None if entries is None else sum(e.documents for e in entries),
        bytes=None if entries is None else sum(e.bytes for e in entries),
        emulator=all(kind.emulator for _, kind in read) if read else None,
        start=_earliest(kind for _, kind in read),
        end=max((kind.end for _, kind in read if kind.end is not None), default=None),
        snapshot_time=_side_file(places),
    )


def _earliest(kinds: Iterable[KindMetadata]) -> datetime | None:
    return min((kind.start for kind in kinds if kind.start is not None), default=None)


def _side_file(places: Iterable[Place]) -> datetime | None:
    for place in places:
        file = place / SIDE_FILE
        if file.is_file():
            try:
                return parse_time(_json(file)["snapshot_time"])
            except (DataError, KeyError) as error:
                raise DataError(
                    "bad-export",
                    "The side file gives no snapshot_time",
                    where=str(file),
                    fix='Write {"snapshot_time": "2024-05-01T00:00:00Z"}, the time of the export operation.',
                ) from error
    return None


def _json(file: Place) -> dict[str, Any]:
    try:
        content = json.loads(_content(file))
    except (ValueError, RecursionError) as error:
        raise DataError("bad-export", f"Not JSON text: {error!s:.200}", where=str(file)) from error
    if not isinstance(content, dict):
        raise DataError("bad-export", "Not a JSON object", where=str(file))
    return content


def check_layout(layout: ExportLayout, documents: int | None, record_bytes: int | None) -> None:
    """Compares an export with its metadata.

    Args:
        layout: The export.
        documents: How many records its files hold; `None` where they were not counted.
        record_bytes: The bytes of these records.

    Raises:
        DataError: `bad-export`: which of files, documents and bytes differ, and the option that accepts it.
    """
    wrong = [f"{name} is missing" for name in layout.missing[:5]]
    wrong += [f"{name} is not in the metadata" for name in layout.unlisted[:5]]
    wrong += [f"{name} is listed more than once" for name in layout.repeated[:5]]
    if documents is not None and layout.documents not in (None, documents):
        wrong.append(f"the metadata promises {layout.documents} documents, the files hold {documents}")
    file_bytes = sum(f.size for f in layout.files)
    known = {file_bytes, record_bytes} if record_bytes is not None or layout.emulator else None
    if known is not None and layout.bytes is not None and layout.bytes not in known:
        wrong.append(f"the metadata promises {layout.bytes} bytes, the files have {file_bytes}")
    if wrong:
        what = f"The export contradicts its metadata: {'; '.join(wrong)}"
        raise DataError("bad-export", what, where=str(layout.root), fix=_ACCEPT)
