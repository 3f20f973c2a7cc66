"""A file that is read by ranges of a bounded size, from something that may be replaced meanwhile."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, NamedTuple

from ..core.errors import DataError

FIRST_READ, READAHEAD = 1 << 18, 8 << 20
"""Bytes of the first range of an object, and of the largest: each is twice the one before."""


class Stat(NamedTuple):
    """What is known of an object: its size, and a property that is another one after every change, with its value."""

    st_size: int
    kind: str = ""
    identity: str = ""

    def same(self, other: Stat) -> bool:
        """Whether both can be the same object; listings and single answers may know different properties."""
        return self.st_size == other.st_size and (self.kind != other.kind or self.identity == other.identity)


class RangedFile(io.RawIOBase):
    """An object being read: one range is held, and the next is larger until they are `READAHEAD` bytes.

    Args:
        name: What it is called in errors.
        stat: What was known of it when it was found.
        fetch: Gives the bytes from a place to another one.
        now: Says what is known of it now.

    Raises:
        DataError: `bad-export` when it is not what was found.
    """

    def __init__(
        self, name: str, stat: Stat, fetch: Callable[[int, int], bytes], now: Callable[[], Stat | None]
    ) -> None:
        self._name = name
        self._stat = stat
        self._bytes_of = fetch
        self._now = now
        self._at = 0
        self._range, self._begin = b"", 0
        self._ahead = FIRST_READ
        self.check()

    def check(self) -> None:
        """Asks the store whether it is still the same object.

        Raises:
            DataError: `bad-export` when it is not.
        """
        now = self._now()
        if now is None or not now.same(self._stat):
            raise DataError(
                "bad-export",
                "The object is gone" if now is None else "The object is another one than when the export was listed",
                where=self._name,
                fix="Somebody writes to the export: wait until that is done, and read it again.",
            )

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Goes to a place; nothing is read."""
        base = (0, self._at, self._stat.st_size)[whence]
        self._at = max(base + offset, 0)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes: all of them unless the object ends before."""
        total = self._stat.st_size
        end = total if size is None or size < 0 else min(self._at + size, total)
        pieces = []
        while self._at < end:
            held = self._at - self._begin
            if not 0 <= held < len(self._range):
                self._fetch()
                held = 0
            piece = self._range[held : held + end - self._at]
            self._at += len(piece)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readinto(self, buffer: Any) -> int:
        """The next bytes, as many as there is room for unless the object ends before."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _fetch(self) -> None:
        end = min(self._at + self._ahead, self._stat.st_size)
        self._range, self._begin = b"", self._at
        try:
            self._range = self._bytes_of(self._at, end)
        except (FileNotFoundError, DataError):
            self.check()
            raise
        self._ahead = min(self._ahead * 2, READAHEAD)
