"""The records of one output file of an export, as documents.

Many records at once are read by `lockstep_log` and decoded by `batch_documents`, which need numpy; a few, odd ones, and
all where numpy is not installed, one by one. Law: the documents, dead letters and errors are the same.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from traceback import format_exception
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from ..core.change import BELOW_EVENTS, Change, DeadLetter
from ..core.codec import encode
from ..core.collection import Projection
from ..core.errors import DataError
from ..formats.entity import EntityDecoder
from ..formats.export_layout import Place
from ..formats.leveldb_log import gather, read_records
from ..formats.native import extension
from ..formats.ranged_file import RangedFile

if TYPE_CHECKING:
    from ..formats.spans import Spans

BATCH_DOCUMENTS = 4000
BATCH_BYTES = 4 << 20
"""A batch ends at so many records, or when so much was read; of documents that are wanted there may be fewer."""

MANY = 100
"""So many records are decoded at once; fewer are decoded one by one, which is quicker unless the decoder is compiled."""

MANY_BYTES = 1 << 20
"""From so many bytes on it is worth to import numpy, if nothing else has."""

PAYLOAD_BYTES = 64 << 10
"""How much of a document that cannot be decoded goes to the dead letters."""

_log = logging.getLogger(__name__)
_Item: TypeAlias = "Change | DeadLetter | None"
Wanted: TypeAlias = "Callable[[str], tuple[bool, frozenset[str] | None]]"
_Record: TypeAlias = "tuple[int, int, bytes]"


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
        self._next = start
        self._wanted = lru_cache(maxsize=10_000)(lambda parent: _wanted(projection, parent)) if projection else None
        self._damage: DataError | None = None
        self._taken: Iterator[Spans | list[_Record]]
        if pays(file.end - start):
            from ..formats.native.decoder import document_decoder

            self._decode = document_decoder(self._wanted)
            self._many = MANY if extension() is None else 1
            self._taken = _parts(file.spans(start, end), batch_documents)
        else:
            self._taken = gather(file.records(start, end), batch_documents, BATCH_BYTES)

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        """The next documents; a batch is empty only when nothing in much data was wanted.

        Raises:
            DataError: `bad-export` for damage; what came before it was given before.
        """
        batch: list[Change | DeadLetter] = []
        begin = self._next
        while not batch and self._next - begin < BATCH_BYTES:
            taken = self._take()
            if taken is None:
                return None
            batch = [item for item in self._items(taken) if item is not None]
        return batch

    def _take(self) -> Spans | list[_Record] | None:
        if self._damage:
            raise self._damage
        try:
            return next(self._taken, None)
        except DataError as error:
            self._damage = error
            raise

    def _items(self, taken: Spans | list[_Record]) -> list[_Item]:
        if isinstance(taken, list):
            self.documents_read += len(taken)
            self._next = taken[-1][1]
            return [self._item(offset, record) for offset, _, record in taken]
        if len(taken.start) < self._many:
            return self._items(list(taken.records()))
        self.documents_read += len(taken.start)
        self._next = int(taken.behind[-1])
        paths, documents, rows, odd = self._decode(taken)
        items: list[_Item] = [None] * len(taken.start)
        for row, path, fields in zip(rows, paths, documents):
            items[row] = Change(path, None, fields, BELOW_EVENTS, None)
        for row in odd:
            ((offset, _, record),) = taken.part(row, row + 1).records()
            items[row] = self._item(offset, record)
        return items

    def _item(self, offset: int, record: bytes) -> _Item:
        return decode_one(self._file, offset, record, self._wanted)

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

    def records(self, start: int, end: int | None) -> Iterator[_Record]:
        """As `read_records`."""
        last: list[bytes] = [b""]
        with self._told(last):
            for found in read_records(self._file, start=start, end=end, verify=self._verify, name=self.name):
                last[0] = found[2]
                yield found

    def spans(self, start: int, end: int | None) -> Iterator[Spans]:
        """As `read_spans`."""
        from ..formats.lockstep_log import read_spans

        last: list[bytes] = [b""]
        with self._told(last):
            for found in read_spans(self._file, start=start, end=end, verify=self._verify, name=self.name):
                last[0] = next(found.part(-1, len(found.start)).records())[2]
                yield found

    def measure(self) -> tuple[int, int]:
        """How many records there are, and their bytes."""
        if not pays(self.end):
            sizes = [len(record) for _, _, record in self.records(0, None)]
            return len(sizes), sum(sizes)
        from ..formats.lockstep_log import measure

        with self._told([b""]):
            return measure(self._file, name=self.name)

    @contextmanager
    def _told(self, last: list[bytes]) -> Iterator[None]:
        try:
            yield
            self._check()
        except DataError as error:
            self._check()
            where = error.where + self._behind(last[0])
            raise DataError("bad-export", error.what, where=where, fix=error.fix) from error

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


def decode_one(file: RecordFile, offset: int, record: bytes, wanted: Wanted | None) -> Change | DeadLetter | None:
    """The document of a record; `None` if it is not wanted, a dead letter if it cannot be decoded."""
    name = f"{file.name}@{offset}"
    try:
        key = file.decoder.key(record)
        name, names = key.path, None
        if wanted is not None:
            wants, names = wanted(name.rpartition("/")[0])
            if not wants:
                return None
        fields = file.decoder.fields(record, key, names)
    except DataError as error:
        where = f"{file.name}@{offset}" + (f", {error.where}" if error.where else "")
        reason = f"{error.code}: {error.what} ({where})"
        return DeadLetter(f"document:{name}", reason, "".join(format_exception(error)), record[:PAYLOAD_BYTES])
    return Change(name, None, fields, BELOW_EVENTS, None)


def pays(size: int) -> bool:
    """Whether so many bytes are better read many records at once; never where numpy is not installed."""
    if "numpy" not in sys.modules and size < MANY_BYTES:
        return False
    return find_spec("numpy") is not None


def prepare(size: int) -> None:
    """Imports numpy where so many bytes are read in all that it pays, also for the small files among them."""
    if pays(size):
        import_module("numpy")


def _parts(spans: Iterator[Spans], count: int) -> Iterator[Spans]:
    for found in spans:
        for begin in range(0, len(found.start), count):
            yield found.part(begin, begin + count)


def _wanted(projection: Projection, parent: str) -> tuple[bool, frozenset[str] | None]:
    """A projection looks at the collection alone, so any id stands for all."""
    path = f"{parent}/x"
    return projection.wants(path), projection.fields(path)
