"""View tables read back from where a sink put them, and how a view document looks when it comes back from there.

| table | what of a document comes back |
|---|---|
| `jsonl:FILE` | all; of a path the newest version counts, of the newest generation |
| `parquet:DIR` | the attributes of the view, as columns hold them |
| `sqlite:FILE` | all, of documents in the view's collection |
| `firestore://...` | the attributes of the view, of documents in its collection, as of one read time |
| `postgresql://...` | the attributes of the view, as the server writes its columns as text |

Those of `bigquery://` are not read: in which form BigQuery gives back what was written could be compared with nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..connect import open_source, split
from ..core.change import DeadLetter
from ..core.collection import Collection, Projection
from ..core.errors import DataError, UsageError
from ..core.registry import Entry, load
from ..core.values import Document
from ..formats.json_text import parse_json
from ..formats.typed_json import decode_fields, encode_fields
from ..sinks.base import FAILED, Table
from ..sources.base import Selective

_CHUNK = 1000


class TableRow(NamedTuple):
    """A view document as it is in a table; `failed`: it is the last good one of failing code."""

    path: str
    document: Document
    failed: bool = False


class ViewTables(Protocol):
    """The tables of views."""

    def rows(self, table: Table) -> Iterable[TableRow]:
        """What a table has.

        Raises:
            DataError, UsageError: It cannot be read.
        """

    def shown(self, table: Table, documents: Iterable[tuple[str, Document]]) -> Iterator[tuple[str, Document]]:
        """Documents as they look when they come back from there; those that are not kept there are left out."""


def open_tables(uri: str) -> ViewTables:
    """The tables that a sink's URI names.

    Raises:
        UsageError: `wrong-usage` for a sink whose tables are not read here.
    """
    scheme, place, _ = split(uri)
    if scheme == "jsonl":
        return InLines(Path(place))
    if scheme == "parquet":
        return InParquet(place)
    if scheme in ("sqlite", "firestore"):
        return InDatabase(uri, attributes_only=scheme == "firestore")
    if scheme in ("postgresql", "postgres"):
        return InPostgres(uri)
    raise UsageError(
        "wrong-usage",
        f"tables of {scheme or uri:.60} are not read here",
        fix="Read here: parquet:, jsonl:, sqlite:, firestore://, postgresql://; or give --checkpoint without --table.",
    )


class Given:
    """Tables in this process: view -> path -> document."""

    def __init__(self, tables: Mapping[str, Mapping[str, Document]]) -> None:
        self._tables = tables

    def rows(self, table: Table) -> Iterable[TableRow]:
        """See `ViewTables`."""
        return (TableRow(path, _plain(document)) for path, document in self._tables.get(table.view, {}).items())

    def shown(self, table: Table, documents: Iterable[tuple[str, Document]]) -> Iterator[tuple[str, Document]]:
        """See `ViewTables`."""
        return ((path, _plain(document)) for path, document in documents)


class InLines:
    """The file of a `jsonl:` sink; the newest line of each path is in memory."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._newest: dict[tuple[str, str], tuple[tuple[int, int, int], Any, bool]] | None = None

    def rows(self, table: Table) -> Iterable[TableRow]:
        """See `ViewTables`."""
        if self._newest is None:
            self._newest = self._read()
        last = max((version[0] for version, _, _ in self._newest.values()), default=0)
        for (view, path), (version, new, failed) in self._newest.items():
            if view == table.view and version[0] == last and new is not None:
                yield TableRow(path, decode_fields(new), failed)

    def shown(self, table: Table, documents: Iterable[tuple[str, Document]]) -> Iterator[tuple[str, Document]]:
        """See `ViewTables`."""
        return ((path, _plain(document)) for path, document in documents)

    def _read(self) -> dict[tuple[str, str], tuple[tuple[int, int, int], Any, bool]]:
        newest: dict[tuple[str, str], tuple[tuple[int, int, int], Any, bool]] = {}
        try:
            with self._file.open("rb") as lines:
                for line in lines:
                    found = _line(line)
                    if found is not None:
                        key, value = found
                        held = newest.get(key)
                        if held is None or held[0] < value[0]:
                            newest[key] = value
        except OSError as error:
            raise DataError("not-found", f"The table {str(self._file)!r} cannot be read: {error.strerror}") from error
        return newest


def _line(line: bytes) -> tuple[tuple[str, str], tuple[tuple[int, int, int], Any, bool]] | None:
    """What a line says; `None` for one that a kill has cut."""
    try:
        content: Any = parse_json(line)
        generation, epoch, seq = content["version"]
        key = (content["view"], content["path"])
        return key, ((generation, epoch, seq), content["new"], content.get("failed") is True)
    except (DataError, KeyError, TypeError, ValueError):
        return None


class InParquet:
    """The folders of a `parquet:` sink."""

    def __init__(self, directory: str) -> None:
        entry = Entry("onto_flow.sinks.parquet:ParquetSink", "parquet")
        self._sink: Any = load("sink", "parquet", {"parquet": entry})(directory)

    def rows(self, table: Table) -> Iterable[TableRow]:
        """See `ViewTables`."""
        from ..formats.published_table import read_table

        names = [name for name, _ in table.schema]
        for batch in read_table(str(self._sink.folder(table))).to_batches(max_chunksize=_CHUNK):
            for row in batch.to_pylist():
                document = {name: row.get(name) for name in names}
                yield TableRow(row["__path__"], document, bool(row.get(FAILED)))

    def shown(self, table: Table, documents: Iterable[tuple[str, Document]]) -> Iterator[tuple[str, Document]]:
        """See `ViewTables`."""
        from ..sinks.arrow_table import to_arrow

        waiting = iter(documents)
        while some := list(islice(waiting, _CHUNK)):
            for row in to_arrow(some, table)[0].to_pylist():
                yield row.pop("__path__"), row


class InPostgres:
    """The tables of a `postgresql:` sink."""

    def __init__(self, uri: str) -> None:
        entry = Entry("onto_flow.sinks.postgresql.reading:PostgresTables", "postgresql")
        self._tables: Any = load("sink", "postgresql", {"postgresql": entry})(uri)

    def rows(self, table: Table) -> Iterable[TableRow]:
        """See `ViewTables`."""
        return (TableRow(*row) for row in self._tables.rows(table))

    def shown(self, table: Table, documents: Iterable[tuple[str, Document]]) -> Iterator[tuple[str, Document]]:
        """See `ViewTables`."""
        found: Iterator[tuple[str, Document]] = self._tables.shown(table, documents)
        return found


class InDatabase:
    """The collections of a `sqlite:` or `firestore:` sink."""

    def __init__(self, uri: str, *, attributes_only: bool) -> None:
        self._uri, self._attributes_only = uri.partition("?")[0], attributes_only

    def rows(self, table: Table) -> Iterable[TableRow]:
        """See `ViewTables`."""
        source, projection = open_source(self._uri), Projection(((Collection(table.collection), None),))
        if isinstance(source, Selective):
            source.selects(projection)
        for partition in source.partitions():
            reader = source.open(partition, projection=projection)
            try:
                while (batch := reader.next_batch()) is not None:
                    for item in batch:
                        if isinstance(item, DeadLetter):
                            raise DataError("bad-document", item.reason, where=item.key)
                        if item.path.rpartition("/")[0] == table.collection:
                            yield TableRow(item.path, self._kept(table, _plain(item.after or {})))
            finally:
                reader.close()

    def shown(self, table: Table, documents: Iterable[tuple[str, Document]]) -> Iterator[tuple[str, Document]]:
        """See `ViewTables`."""
        for path, document in documents:
            if path.rpartition("/")[0] == table.collection:
                yield path, self._kept(table, _plain(document))

    def _kept(self, table: Table, document: Document) -> Document:
        names = {name for name, _ in table.schema}
        return {n: v for n, v in document.items() if n in names} if self._attributes_only else document


def _plain(document: Document) -> Document:
    """The document with no other types than a database gives back."""
    return decode_fields(encode_fields(document))
