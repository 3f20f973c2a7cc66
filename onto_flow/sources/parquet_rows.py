"""The rows of a Parquet file, some row groups of it, as documents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from traceback import format_exception
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ..core.change import BELOW_EVENTS, Change, DeadLetter
from ..core.codec import decode, encode
from ..core.collection import Projection
from ..core.errors import DataError
from ..core.keys import check_path
from ..core.values import Document
from ..formats.arrow_documents import documents_of
from ..formats.arrow_types import PATH
from ..formats.names import split_name
from ..formats.published_table import DAMAGE

PAYLOAD_CHARACTERS = 64 << 10
"""How much of a row that cannot be read goes to the dead letters."""

MAX_KEY = 2000
_Item = Change | DeadLetter


class PathColumn(NamedTuple):
    """How a row says which document it is.

    Attributes:
        id: The column of ids; `None` where the paths have their column.
        collection: What stands before an id.
    """

    id: str | None = None
    collection: str | None = None

    @property
    def name(self) -> str:
        """The column that is read for it."""
        return PATH if self.id is None else self.id

    def paths(self, batch: pa.RecordBatch) -> list[str | None]:
        """The path of each row; `None` where it is none."""
        return [self._path(value) for value in _values(batch.column(self.name))]

    def _path(self, value: Any) -> str | None:
        try:
            if self.id is None:
                return split_name(value)[1]
            text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
            return check_path(f"{self.collection}/{text}") if isinstance(text, str) and "/" not in text else None
        except DataError:
            return None


def _values(column: pa.Array) -> list[Any]:
    """The values of a column; one that Python has nothing for is `None`."""
    try:
        return list(column.to_pylist())
    except DAMAGE:
        return [_values(column.slice(i, 1))[0] if len(column) > 1 else None for i in range(len(column))]


class RowReader:
    """Reads row groups, one batch of rows after the other.

    Args:
        file: An open file; the reader closes it.
        row_groups: Their numbers.
        name: What the file is called in dead letters.
        path: How a row says which document it is.
        projection: Other documents and columns are not read.
        batch: The most rows of a batch.
        resume: How many rows were read before, as `snapshot` gave it.

    Attributes:
        documents_read: Rows so far.

    Raises:
        DataError: `bad-value` for a column without which there are no paths, or of a type that Firestore does not have.
    """

    def __init__(
        self,
        file: BinaryIO,
        row_groups: range,
        *,
        name: str,
        path: PathColumn,
        projection: Projection | None,
        batch: int,
        resume: bytes | None,
    ) -> None:
        self.documents_read = decode(resume) if resume else 0
        self._file, self._name, self._path, self._projection = file, name, path, projection
        self._parquet = pq.ParquetFile(file, page_checksum_verification=True)
        self._columns = self._wanted(self._parquet.schema_arrow)
        self._rows_before = sum(self._parquet.metadata.row_group(n).num_rows for n in range(row_groups.start))
        self._batches = self._read(list(row_groups), batch, self.documents_read)

    def _wanted(self, schema: pa.Schema) -> list[str]:
        """The columns that are read; all are looked at once, so that one that cannot be read is told before any row."""
        if self._path.name not in schema.names:
            raise DataError(
                "bad-value",
                f"The table has no column {self._path.name!r}",
                where=self._name,
                fix="Name the column of document ids and their collection: ?id=COLUMN&collection=COLLECTION.",
            )
        names: set[str] | None = set()
        for _, fields in self._projection.collections if self._projection is not None else ((None, None),):
            names = None if names is None or fields is None else names | set(fields)
        columns = [n for n in schema.names if names is None or n in names or n == self._path.name]
        read = [*(schema.field(n) for n in columns if n != PATH), pa.field(PATH, pa.string())]
        list(documents_of(pa.RecordBatch.from_pylist([], schema=pa.schema(read))))
        return columns

    def _read(self, row_groups: list[int], size: int, skip: int) -> Iterator[pa.RecordBatch]:
        try:
            for number in row_groups:
                rows = self._parquet.metadata.row_group(number).num_rows
                if skip >= rows:
                    skip -= rows
                    continue
                for batch in self._parquet.iter_batches(size, row_groups=[number], columns=self._columns):
                    if skip < batch.num_rows:
                        yield batch.slice(skip)
                    skip = max(skip - batch.num_rows, 0)
        except DAMAGE as error:
            raise DataError("bad-table", f"The file is damaged: {error!s:.200}", where=self._name) from error

    def next_batch(self) -> Sequence[_Item] | None:
        """The documents of the next rows; a row that is none becomes a dead letter."""
        batch = next(self._batches, None)
        if batch is None:
            return None
        first = self._rows_before + self.documents_read
        self.documents_read += batch.num_rows
        paths = self._path.paths(batch)
        if self._projection is None:
            return self._items(batch, paths, range(first, first + batch.num_rows))
        kept = [i for i, path in enumerate(paths) if path is None or self._projection.wants(path)]
        chosen = batch.take(pa.array(kept, pa.int64()))
        return self._items(chosen, [paths[i] for i in kept], [first + i for i in kept])

    def _items(self, batch: pa.RecordBatch, paths: list[str | None], rows: Sequence[int]) -> list[_Item]:
        fields = [(n, batch.column(i)) for i, n in enumerate(batch.schema.names) if n != PATH]
        schema = pa.schema([*(batch.schema.field(n) for n, _ in fields), pa.field(PATH, pa.string())])
        named = pa.RecordBatch.from_arrays([*(c for _, c in fields), pa.array(paths, pa.string())], schema=schema)
        try:
            return [self._change(path, document) for path, document in documents_of(named)]
        except DataError:
            return [self._item(named.slice(i, 1), batch.slice(i, 1), row) for i, row in enumerate(rows)]

    def _item(self, named: pa.RecordBatch, row: pa.RecordBatch, number: int) -> _Item:
        try:
            ((path, document),) = documents_of(named)
            return self._change(path, document)
        except DataError as error:
            where = f"row {number} of {self._name}"
            content = {name: _values(column)[0] for name, column in zip(row.schema.names, row.columns)}
            shown = content.get(self._path.name)
            key = f"document:{shown}"[:MAX_KEY] if isinstance(shown, str) and shown else f"document:{where}"
            what = (
                f"{self._path.name} is {shown!r:.80}, which names no document" if named[PATH][0].as_py() is None else ""
            )
            reason = f"bad-document: {what or error.what} ({', '.join(filter(None, (where, error.where)))})"
            payload = json.dumps(content, default=repr, ensure_ascii=False)[:PAYLOAD_CHARACTERS]
            return DeadLetter(key, reason, "".join(format_exception(error)), payload.encode(errors="replace"))

    def _change(self, path: str, document: Document) -> Change:
        names = self._projection.fields(path) if self._projection is not None else None
        if names is not None:
            document = {name: value for name, value in document.items() if name in names}
        return Change(path, None, document, BELOW_EVENTS, None)

    def next_wake(self) -> datetime | None:
        """There is always more, or the end."""
        return None

    def snapshot(self) -> bytes:
        """How many rows were read."""
        return encode(self.documents_read)

    def close(self) -> None:
        """Closes the file."""
        self._parquet.close()
        self._file.close()
