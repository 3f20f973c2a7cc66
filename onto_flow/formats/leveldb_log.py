"""Records <-> the LevelDB log framing of export files.

Blocks of 32,768 bytes from the start of the file; a header of 7 bytes (masked CRC-32C, length, type), then the payload;
a record that does not fit goes on in the next block. Source: LevelDB's `log_format.md`.

Law: the ranges `[0, a)`, `[a, b)`, ... of whole blocks give together every record once: a range owns the records that
begin in it, and reads past its end to finish the last one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from ..core.errors import DataError

BLOCK = 32768
HEADER = 7
MAX_RECORD = 16 << 20
"""Bytes of the largest record that is read: a document may have 1 MiB."""

_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_CHUNK = 32 * BLOCK
MASK_DELTA = 0xA282EAD8
_POLYNOMIAL = 0x82F63B78
HEADER_FORMAT = struct.Struct("<IHB")


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_TABLE = _crc_table()


def portable_crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) in plain Python; `crc32c` is this where `google-crc32c` is not installed.

    Example:
        >>> hex(portable_crc32c(b"123456789"))
        '0xe3069283'
    """
    crc = 0xFFFFFFFF
    table = _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _choose_crc32c() -> Callable[[bytes], int]:
    try:
        from google_crc32c import value
    except ImportError:
        return portable_crc32c
    chosen: Callable[[bytes], int] = value
    return chosen


crc32c = _choose_crc32c()


def masked(crc: int) -> int:
    """A CRC as it is stored: rotated, so that the CRC of data that holds CRCs stays good."""
    return ((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF


def read_records(
    file: BinaryIO,
    *,
    start: int = 0,
    end: int | None = None,
    verify: bool = True,
    name: str = "log",
    limit: int = MAX_RECORD,
) -> Iterator[tuple[int, int, bytes]]:
    """The records that begin in `[start, end)`: offset of the header, offset behind the record, the record.

    Args:
        file: Open for reading bytes, seekable.
        start: The start of a block, or the offset behind a record. At the start of a block the rest of a record
            that began before it is skipped.
        end: Where this range ends; records that begin behind it are not read.
        verify: Whether checksums are compared.
        name: What the file is called in errors.
        limit: Bytes of the largest record.

    Raises:
        DataError: `bad-export` with the byte offset, for damage of any kind and for a file that is cut.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> LogWriter(file).write(b"one")
        >>> list(read_records(file))
        [(0, 10, b'one')]
    """
    state = _Reading(name, verify, limit, skipping=start > 0 and start % BLOCK == 0)
    base = start - start % BLOCK
    at = start - base
    while True:
        file.seek(base)
        data = file.read(_CHUNK)
        for found in state.scan(data, base, at):
            if end is not None and found[0] >= end:
                return
            yield found
        if len(data) < _CHUNK:
            state.finish(base + len(data))
            return
        base, at = base + _CHUNK, 0
        if end is not None and base >= end and not state.parts:
            return


def gather(records: Iterator[tuple[int, int, bytes]], count: int, size: int) -> Iterator[list[tuple[int, int, bytes]]]:
    """Lists of records; those before damage are given before its error.

    Args:
        records: As `read_records` gives them.
        count: The most records of a list.
        size: A list ends with the record that brings it to so many bytes.
    """
    taken: list[tuple[int, int, bytes]] = []
    have = 0
    try:
        for record in records:
            taken.append(record)
            have += len(record[2])
            if len(taken) == count or have >= size:
                yield taken
                taken, have = [], 0
    except DataError:
        if taken:
            yield taken
        raise
    if taken:
        yield taken


@dataclass
class _Reading:
    name: str
    verify: bool
    limit: int
    skipping: bool
    parts: list[bytes] = field(default_factory=list)
    began: int = 0
    size: int = 0

    def scan(self, data: bytes, base: int, at: int) -> Iterator[tuple[int, int, bytes]]:
        """The records that end in these blocks."""
        total, verify, unpack = len(data), self.verify, HEADER_FORMAT.unpack_from
        while at < total:
            stop = min(at - at % BLOCK + BLOCK, total)
            if stop - at < HEADER:
                self._filler(data, base, at, stop)
                at = stop
                continue
            crc, length, kind = unpack(data, at)
            if kind == 0 and length == 0:
                self._padding(data, base, at, stop)
                at = stop
                continue
            behind = at + HEADER + length
            if behind > stop:
                raise self._bad(base + at, f"a fragment of {length} bytes reaches beyond its block or the file's end")
            if verify and masked(crc32c(data[at + 6 : behind])) != crc:
                raise self._bad(base + at, "the checksum does not fit the data")
            if kind == _FULL and not self.parts:
                self.skipping = False
                yield base + at, base + behind, data[at + HEADER : behind]
            else:
                record = self._fragment(kind, base + at, data[at + HEADER : behind])
                if record is not None:
                    yield self.began, base + behind, record
            at = behind

    def _fragment(self, kind: int, offset: int, payload: bytes) -> bytes | None:
        if kind == _FIRST and not self.parts:
            self.skipping, self.began, self.size = False, offset, 0
        elif kind not in (_MIDDLE, _LAST):
            what = f"a record of type {kind}"
            raise self._bad(offset, f"{what} inside another one" if self.parts else f"{what} is unknown")
        elif not self.parts:
            if self.skipping:
                return None
            raise self._bad(offset, "a continuation of no record")
        self.parts.append(payload)
        self.size += len(payload)
        if self.size > self.limit:
            raise self._bad(self.began, f"a record of more than {self.limit} bytes")
        if kind != _LAST:
            return None
        record = b"".join(self.parts)
        self.parts.clear()
        return record

    def _filler(self, data: bytes, base: int, at: int, stop: int) -> None:
        if stop % BLOCK:
            raise self._bad(base + at, "the file ends inside a header")
        if any(data[at:stop]):
            raise self._bad(base + at, "the end of a block is not filled with zeros")

    def _padding(self, data: bytes, base: int, at: int, stop: int) -> None:
        if data.count(0, at, stop) != stop - at:
            raise self._bad(base + at, "a header of zeros before other data")

    def finish(self, offset: int) -> None:
        """Says that nothing follows."""
        if self.parts:
            raise self._bad(self.began, f"the file ends at byte {offset}, inside a record")

    def _bad(self, offset: int, what: str) -> DataError:
        return DataError(
            "bad-export",
            what[0].upper() + what[1:],
            where=f"{self.name}, byte {offset}",
            fix="The file is damaged: copy it again from where the export was written.",
        )


class LogWriter:
    """Writes records to a new file.

    Attributes:
        records: How many were written.
        payload: Their bytes, without headers.
        size: The bytes of the file so far.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0
        self.records = 0
        self.payload = 0

    def write(self, record: bytes) -> None:
        """Appends one record, in as many fragments as it needs."""
        at, first = 0, True
        while True:
            room = BLOCK - self.size % BLOCK
            if room < HEADER:
                self._put(bytes(room))
                room = BLOCK
            piece = record[at : at + room - HEADER]
            at += len(piece)
            last = at == len(record)
            kind = (_FULL if last else _FIRST) if first else (_LAST if last else _MIDDLE)
            content = bytes((kind,)) + piece
            self._put(HEADER_FORMAT.pack(masked(crc32c(content)), len(piece), kind) + piece)
            first = False
            if last:
                break
        self.records += 1
        self.payload += len(record)

    def pad(self) -> None:
        """Fills the last block with zeros, as exporters did until 2023."""
        self._put(bytes(-self.size % BLOCK))

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self.size += len(data)
