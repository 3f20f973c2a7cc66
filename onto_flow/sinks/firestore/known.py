"""What the database is known to hold: the last that was written or read there, as much of it as memory may have."""

from __future__ import annotations

from collections import OrderedDict

from .fence import Base

KNOWN_BYTES = 64 << 20
_OVERHEAD = 300


class Known:
    """path -> what is there; what was used least goes first.

    Args:
        most: Bytes that it may take.

    Example:
        >>> known = Known(700)
        >>> for path in ("v/1", "v/2", "v/3"):
        ...     known.put(path, Base(None, (1, 0, 1)))
        >>> [path for path in ("v/1", "v/2", "v/3") if known.get(path)]
        ['v/2', 'v/3']
    """

    def __init__(self, most: int = KNOWN_BYTES) -> None:
        self._most = most
        self._bytes = 0
        self._found: OrderedDict[str, Base] = OrderedDict()

    def get(self, path: str) -> Base | None:
        """What is known of a path."""
        found = self._found.get(path)
        if found is not None:
            self._found.move_to_end(path)
        return found

    def put(self, path: str, base: Base) -> None:
        """This is there now."""
        self.forget(path)
        self._found[path] = base
        self._bytes += _size(path, base)
        while self._bytes > self._most:
            oldest = next(iter(self._found))
            self.forget(oldest)

    def forget(self, path: str) -> None:
        """Somebody else was there."""
        found = self._found.pop(path, None)
        if found is not None:
            self._bytes -= _size(path, found)

    def clear(self) -> None:
        """Nothing is known."""
        self._found.clear()
        self._bytes = 0


def _size(path: str, base: Base) -> int:
    return len(path) + len(base.data or b"") + _OVERHEAD
