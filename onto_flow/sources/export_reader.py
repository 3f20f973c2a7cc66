"""The records of one output file of an export, as documents.

Many records at once are decoded by `batch_documents`, which needs numpy; a few, odd ones, and all where numpy is not
installed, one by one. Law: the documents and dead letters are the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property, lru_cache
from traceback import format_exception
from typing import BinaryIO, TypeAlias

from ..core.change import BELOW_EVENTS, Change, DeadLetter
from ..core.codec import encode
from ..core.collection import Projection
from ..core.errors import DataError
from ..core.values import Document
from ..formats.entity import EntityDecoder
from ..formats.export_layout import Place
from ..formats.leveldb_log import read_records
from ..formats.ranged_file import RangedFile

BATCH_DOCUMENTS = 4000
BATCH_BYTES = 4 << 20
"""A batch ends at so many records, or when so much was read; of documents that are wanted there may be fewer."""

MANY = 100
"""So many records are decoded at once; fewer are decoded one by one, which is quicker for them."""

PAYLOAD_BYTES = 64 << 10
"""How much of a document that cannot be decoded goes to the dead letters."""

_log = logging.getLogger(__name__)
_Item: TypeAlias = "Change | DeadLetter | None"
_Wanted: TypeAlias = "Callable[[str], tuple[bool, frozenset[str] | None]]"
_Many: TypeAlias = "Callable[[list[bytes], _Wanted | None], tuple[list[str], list[Document], list[int], list[int]]]"


class ExportReader:
    """Reads a range of one output file.

    Attributes:
        documents_read: Records so far, wanted or not.
    """

    def __init__(
        self, file: RecordFile, start: int, end: int | None, projection: Projection | None, batch_documents: int
    ) -> None:
        self.documents_read = 0
        self._file = file
        self._decoder = file.decoder
        self._records = file.records(start, end)
        self._damage: DataError | None = None
        self._next = start
        self._batch = batch_documents
        self._wanted = lru_cache(maxsize=10_000)(lambda parent: _wanted(projection, parent)) if projection else None

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        """The next documents; a batch is empty only when nothing in much data was wanted."""
        batch: list[Change | DeadLetter] = []
        size = 0
        while not batch and size < BATCH_BYTES:
            taken = self._take()
            if not taken:
                return None
            size += sum(len(record) for _, record in taken)
            batch = [item for item in self._items(taken) if item is not None]
        return batch

    def _take(self) -> list[tuple[int, bytes]]:
        """The next records; behind damage there are none, and what came before it is given first."""
        if self._damage:
            raise self._damage
        taken: list[tuple[int, bytes]] = []
        size = 0
        try:
            for offset, behind, record in self._records:
                taken.append((offset, record))
                self._next = behind
                size += len(record)
                if len(taken) == self._batch or size > BATCH_BYTES:
                    break
        except DataError as error:
            self._damage = error
            if not taken:
                raise
        self.documents_read += len(taken)
        return taken

    def _items(self, taken: list[tuple[int, bytes]]) -> list[_Item]:
        if len(taken) < MANY or self._many is None:
            return [self._item(*one) for one in taken]
        paths, documents, rows, odd = self._many([record for _, record in taken], self._wanted)
        items: list[_Item] = [None] * len(taken)
        for row, path, fields in zip(rows, paths, documents):
            items[row] = Change(path, None, fields, BELOW_EVENTS, None)
        for row in odd:
            items[row] = self._item(*taken[row])
        return items

    @cached_property
    def _many(self) -> _Many | None:
        try:
            from ..formats.batch_documents import BatchDecoder
        except ImportError:
            return None
        return BatchDecoder().decode

    def _item(self, offset: int, record: bytes) -> _Item:
        name = f"{self._file.name}@{offset}"
        try:
            key = self._decoder.key(record)
            name, wanted = key.path, None
            if self._wanted is not None:
                wants, wanted = self._wanted(name.rpartition("/")[0])
                if not wants:
                    return None
            fields = self._decoder.fields(record, key, wanted)
        except DataError as error:
            where = f"{self._file.name}@{offset}" + (f", {error.where}" if error.where else "")
            reason = f"{error.code}: {error.what} ({where})"
            return DeadLetter(f"document:{name}", reason, "".join(format_exception(error)), record[:PAYLOAD_BYTES])
        return Change(name, None, fields, BELOW_EVENTS, None)

    def next_wake(self) -> datetime | None:
        """There is nothing to wait for."""
        return None

    def snapshot(self) -> bytes:
        """The offset of the next record, and how many came before it."""
        return encode((self._next, self.documents_read))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class RecordFile:
    """An output file: its records, with errors that say where."""

    def __init__(self, root: Place, name: str, *, verify: bool) -> None:
        self.name = name
        self.decoder = EntityDecoder(lambda text: _log.warning("%s: %s", name, text))
        self._verify = verify
        try:
            self._file: BinaryIO = (root / name).open("rb")
        except OSError as error:
            raise DataError("bad-export", f"The file cannot be read: {error.strerror}", where=name) from error
        self.end = self._file.seek(0, 2)

    def records(self, start: int, end: int | None) -> Iterator[tuple[int, int, bytes]]:
        """As `read_records`."""
        last = b""
        try:
            for found in read_records(self._file, start=start, end=end, verify=self._verify, name=self.name):
                last = found[2]
                yield found
            self._check()
        except DataError as error:
            self._check()
            raise DataError("bad-export", error.what, where=error.where + self._behind(last), fix=error.fix) from error

    def _check(self) -> None:
        """What is read from a store must be one and the same object from beginning to end."""
        if isinstance(self._file, RangedFile):
            self._file.check()

    def _behind(self, record: bytes) -> str:
        try:
            return f", behind the document {self.decoder.key(record).path}"
        except DataError:
            return ""

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> RecordFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _wanted(projection: Projection, parent: str) -> tuple[bool, frozenset[str] | None]:
    """A projection looks at the collection alone, so any id stands for all."""
    path = f"{parent}/x"
    return projection.wants(path), projection.fields(path)
