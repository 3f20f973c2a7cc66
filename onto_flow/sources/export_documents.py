"""The documents of an export, each decoded when it is first looked into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..core.change import DeadLetter
from ..core.collection import Collection
from ..core.errors import DataError
from ..core.values import Document
from ..formats.native import extension
from ..formats.native.compiled import new_decoder
from .base import Partition
from .export_reader import RecordFile, decode_one
from .firestore_export import FirestoreExport

_ODD = 0


class ExportDocument(Mapping[str, Any]):
    """A document: its path, and its fields by name as a mapping.

    The path is known; the fields are decoded when one of them, or their number, is first asked for.

    Attributes:
        path: Its path, relative to the database's root.

    Raises:
        DataError: `bad-document`, `too-deep`: its fields cannot be decoded; with file, byte and path.
    """

    __slots__ = ("_fields", "_read", "path")

    def __init__(self, path: str, read: Callable[[], Document]) -> None:
        self.path = path
        self._read: Callable[[], Document] | None = read
        self._fields: Document = {}

    @property
    def doc_id(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def fields(self) -> Document:
        """All fields that were asked for."""
        if self._read is not None:
            self._fields = self._read()
            self._read = None
        return self._fields

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __repr__(self) -> str:
        return f"ExportDocument({self.path!r})"


class ExportDocuments:
    """The documents of an export, or of a collection of it.

    Args:
        export: An export, or its place.
        collection: The path of a collection (`users`, `prices/{symbol}/daily`), or a `Collection`; by default all.
        fields: The fields that are decoded; by default all.
        dead_letters: Is given what has no path that can be read; by default that is an error.

    Example:
        >>> import tempfile
        >>> from onto_flow.formats.export_writer import write_export
        >>> place = tempfile.mkdtemp()
        >>> write_export(place, [("rooms/a", {"size": 3}), ("rooms/b", {"size": "big"}), ("users/u", {"age": 5})])
        3
        >>> [(document.doc_id, document["size"]) for document in ExportDocuments(place, collection="rooms")]
        [('a', 3), ('b', 'big')]
    """

    def __init__(
        self,
        export: FirestoreExport | str | Path,
        *,
        collection: str | Collection | None = None,
        fields: Iterable[str] | None = None,
        dead_letters: Callable[[DeadLetter], None] | None = None,
    ) -> None:
        self.export = export if isinstance(export, FirestoreExport) else FirestoreExport(export)
        self._collection = Collection(collection) if isinstance(collection, str) else collection
        self._fields = None if fields is None else frozenset(fields)
        self._dead_letters = dead_letters
        self._wanted = lru_cache(maxsize=10_000)(self._asked)

    def _asked(self, parent: str) -> tuple[bool, frozenset[str] | None]:
        return self._collection is None or self._collection.matches(f"{parent}/x"), self._fields

    def __iter__(self) -> Iterator[ExportDocument]:
        """All of them, in the order in which they stand in the files.

        Raises:
            DataError: `bad-export` for a damaged file; `bad-document` for a document without a path.
        """
        for partition in self.export.partitions():
            yield from self.of(partition)

    def of(self, partition: Partition) -> Iterator[ExportDocument]:
        """Those of one of the parts of the export, which may be read by several workers."""
        file, start, end = self.export.file_of(partition)
        compiled = extension()
        decoder = None if compiled is None else new_decoder(compiled, self._wanted)
        with file:
            for offset, _, record in file.records(start, end):
                path: Any = _ODD if decoder is None else decoder.path(record)
                if path == _ODD:
                    path = self._path(file, offset, record)
                if path is not None:
                    yield ExportDocument(path, _Reading(file, offset, record, self._wanted, decoder))

    def _path(self, file: RecordFile, offset: int, record: bytes) -> str | None:
        try:
            path = file.decoder.key(record).path
        except DataError:
            found = decode_one(file, offset, record, None)
            assert isinstance(found, DeadLetter)
            if self._dead_letters is None:
                raise _undecoded(found) from None
            self._dead_letters(found)
            return None
        return path if self._wanted(path.rpartition("/")[0])[0] else None


class _Reading:
    """How the fields of one record are read."""

    __slots__ = ("decoder", "file", "offset", "record", "wanted")

    def __init__(self, file: RecordFile, offset: int, record: bytes, wanted: Any, decoder: Any) -> None:
        self.file, self.offset, self.record, self.wanted, self.decoder = file, offset, record, wanted, decoder

    def __call__(self) -> Document:
        fields: Document | None = None if self.decoder is None else self.decoder.fields(self.record)
        if fields is not None:
            return fields
        found = decode_one(self.file, self.offset, self.record, self.wanted)
        if isinstance(found, DeadLetter):
            raise _undecoded(found)
        assert found is not None, "it was wanted when its path was read"
        return found.after or {}


def _undecoded(letter: DeadLetter) -> DataError:
    code, _, what = letter.reason.partition(": ")
    return DataError(code, what, where=letter.key.removeprefix("document:"))
