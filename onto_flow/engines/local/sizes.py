"""An estimate of what keys in memory take, from the bytes that keep them.

Law: of keys that were read from the disk and used, it is not less than what they take, but for a tenth: what a process takes
besides is known when it is started. Of documents with long texts it may be several times as much.
"""

from __future__ import annotations

BYTES_IN_MEMORY = 5.5
"""How many bytes of memory stand for one of a row: of names and small values; of a long text one does."""

BYTES_OF_A_KEY = 250
"""What a key and its cells take in memory besides."""

_MANY = 1_000_000


class Sizes:
    """How large the keys of one operator are, from those that passed by."""

    __slots__ = ("_bytes", "_keys")

    def __init__(self) -> None:
        self._keys = self._bytes = 0

    def saw(self, size: int, keys: int) -> None:
        """Bytes of rows went by, in which so many keys begin."""
        self._keys += keys
        self._bytes += size
        if self._keys > _MANY:
            self._keys //= 2
            self._bytes //= 2

    def of(self, keys: int) -> int:
        """Bytes of memory that so many keys take."""
        return int(keys * (BYTES_OF_A_KEY + BYTES_IN_MEMORY * self._bytes / max(1, self._keys)))
