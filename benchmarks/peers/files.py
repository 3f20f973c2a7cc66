"""What all peers share: reading the export and the changes as a team would, and writing the table.

The export is decoded by `benchmarks.upb_peer`: protobuf's compiled upb messages, walked in Python. References become
plain paths.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import upb_peer
from onto_flow.core.values import Reference

Fields = dict[str, Any]
NAMES = ("title", "inSession", "address", "attending", "numHearingAidRequested")


def read_export(place: Path) -> Iterator[tuple[str, Fields]]:
    """Paths and fields of all documents."""
    for file in output_files(place):
        yield from read_file(file)


def output_files(place: Path) -> list[Path]:
    return sorted(place.rglob("output-*"), key=lambda p: int(p.name.rpartition("-")[2]))


def read_file(file: Path) -> Iterator[tuple[str, Fields]]:
    for path, fields in upb_peer.documents(file):
        for name, value in fields.items():
            if type(value) is Reference:
                fields[name] = value.path
            elif type(value) is list:
                fields[name] = [v.path if type(v) is Reference else v for v in value]
        yield path, fields


def read_changes(file: Path) -> Iterator[tuple[str, Fields | None]]:
    """Paths and fields after each change; `None` for a deletion."""
    with file.open() as lines:
        for line in lines:
            change = json.loads(line)
            typed = change["fields"]
            yield change["path"], None if typed is None else {name: _plain(v) for name, v in typed.items()}


def _plain(typed: dict[str, Any]) -> Any:
    ((kind, value),) = typed.items()
    return [_plain(v) for v in value.get("values", ())] if kind == "arrayValue" else value


def write_table(rows: list[tuple[str, Fields]], place: Path) -> None:
    """View documents as Parquet, in the order of their paths."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows.sort(key=lambda row: row[0])
    attendee = pa.struct([("name", pa.string()), ("organization", pa.string()), ("hearingAidRequested", pa.bool_())])
    types = (pa.string(), pa.bool_(), pa.string(), pa.list_(attendee), pa.int64())
    columns = [pa.array([path for path, _ in rows], pa.string())]
    columns += [pa.array([document[name] for _, document in rows], type_) for name, type_ in zip(NAMES, types)]
    place.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns, ["__path__", *NAMES]), place / "part-0.parquet")
