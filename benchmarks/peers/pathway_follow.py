"""The peer with Pathway as a follower: documents are upserts of one connector, committed some changes at a time.

    python -m benchmarks.peers.pathway_follow TIMES CHANGES BATCH

The clock starts with the first change, after the load has been shown, and ends with the run.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import pathway as pw

from benchmarks.peers.files import Fields, read_changes, read_export
from benchmarks.peers.measured import table_hash, tell
from benchmarks.peers.pathway_joins import SCHEMAS, document_of, sessions
from benchmarks.workload import changes_file, export

LAST = "zz/last"
"""A document of no collection; when it is shown, all before it has been."""


class Document(pw.Schema):
    path: str = pw.column_definition(primary_key=True)
    firstName: str | None  # noqa: N815
    lastName: str | None  # noqa: N815
    organization: str | None
    hearingAidRequested: bool | None  # noqa: N815
    attendance: bool | None
    user: str | None
    title: str | None
    status: str | None
    location: str | None
    tickets: tuple[str, ...] | None
    name: str | None


NAMES = [n for n in Document.column_names() if n != "path"]


class Documents(pw.io.python.ConnectorSubject):  # type: ignore[misc]
    """The export, then the changes."""

    def __init__(self, times: float, count: int, size: int) -> None:
        super().__init__(session_type="upsert")
        self.times, self.count, self.size = times, count, size
        self.loaded = threading.Event()
        self.following = False
        self.began = 0.0

    def run(self) -> None:
        paths = set()
        for path, fields in read_export(export(self.times)):
            self._put(path, fields)
            paths.add(path)
        self._put(LAST, {})
        self.commit()
        given = list(read_changes(changes_file(self.times, self.count)))
        self.loaded.wait()
        self.following = True
        self.began = time.process_time()
        for at, (path, fields) in enumerate(given, start=1):
            if fields is None:
                self.delete(path=path)
            else:
                self._put(path, fields)
            if at % self.size == 0:
                self.commit()
        self.commit()

    def _put(self, path: str, fields: Fields) -> None:
        row = {n: fields.get(n) for n in NAMES}
        if row["tickets"] is not None:
            row["tickets"] = tuple(row["tickets"])
        self.next(path=path, **row)


def main(times: float, count: int, size: int) -> None:
    subject = Documents(times, count, size)
    documents = pw.io.python.read(subject, schema=Document, autocommit_duration_ms=None)
    tables: dict[str, Any] = {}
    for name, schema in SCHEMAS.items():
        mine = documents.filter(pw.this.path.str.startswith(f"{name}/"))
        columns = {c: pw.unwrap(mine[c]) if c != "path" else mine.path for c in schema.column_names()}
        tables[name] = mine.select(**columns)
    table: dict[str, Fields] = {}
    writes = {"count": 0}

    def take(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
        path, document = document_of(row)
        writes["count"] += subject.following and is_addition
        if is_addition:
            table[path] = document
        elif table.get(path) == document:
            del table[path]

    def last(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
        subject.loaded.set()

    pw.io.subscribe(documents.filter(pw.this.path == LAST), on_change=last)
    pw.io.subscribe(sessions(tables), on_change=take)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    seconds = time.process_time() - subject.began
    tell(seconds=seconds, changes=count, writes=writes["count"], table=table_hash(table))


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
