"""Lines of bounded length from a file or a pipe."""

from __future__ import annotations

import select
import sys
from typing import BinaryIO

_CHUNK_BYTES = 1 << 20


class Lines:
    """The lines of a file, without waiting for a pipe that has nothing.

    Attributes:
        offset: Behind the last line that was given.
        ended: Whether the file has no more.
        cut: Whether the last line was longer than the limit; its rest was dropped.
    """

    def __init__(self, file: BinaryIO, offset: int, limit: int) -> None:
        self.offset = offset
        self.ended = False
        self.cut = False
        self._file = file
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self._dropped = 0
        if offset:
            file.seek(offset)

    def next(self) -> bytes | None:
        """The next line without its end; `None` when there is none (yet)."""
        while True:
            found = self._buffer.find(b"\n", self._searched)
            if found >= 0:
                return self._give(found, found + 1)
            self._searched = len(self._buffer)
            if self._searched > self._limit:
                self._dropped += self._searched - self._limit
                del self._buffer[self._limit :]
                self._searched = self._limit
            if not self._fill():
                return self._give(len(self._buffer), len(self._buffer)) if self.ended and self._buffer else None

    def _give(self, length: int, behind: int) -> bytes:
        line = bytes(self._buffer[:length])
        del self._buffer[:behind]
        self.cut = self._dropped > 0 or length > self._limit
        self.offset += behind + self._dropped
        self._searched = self._dropped = 0
        return line

    def _fill(self) -> bool:
        if self.ended or not _ready(self._file):
            return False
        chunk = _read(self._file)
        self.ended = not chunk
        self._buffer += chunk
        return bool(chunk)

    def close(self) -> None:
        """Closes what was opened here."""
        if self._file is not sys.stdin.buffer:
            self._file.close()


def _read(file: BinaryIO) -> bytes:
    """What is there; a buffered pipe would wait until a whole chunk is."""
    read1 = getattr(file, "read1", file.read)
    data: bytes = read1(_CHUNK_BYTES)
    return data


def _ready(file: BinaryIO) -> bool:
    try:
        return bool(select.select([file], [], [], 0)[0])
    except (OSError, ValueError, TypeError):
        return True
