"""The objects of the keys that a worker had lately, so that a state which is as it was left need not be decoded again.

Law: an object stands for bytes. It is given back only where the state holds the very bytes that it was written as, so a
bundle that failed, another worker's step or an older state is never mistaken for it. What a failed step touched is dropped.
"""

from __future__ import annotations

from typing import Any

BYTES = 8 << 20
"""How many bytes of state the objects of one operator may stand for; as objects they take some eight times as many."""

Held = dict[Any, tuple[bytes, Any]]
"""Which cell, or part of one -> the bytes of its state, and the object that they are."""


class Live:
    """What is kept of one operator.

    Args:
        most: How many bytes all of it may stand for.
    """

    def __init__(self, most: int = BYTES) -> None:
        self._most, self._size = most, 0
        self._keys: dict[bytes, tuple[int, Held]] = {}

    def find(self, key: bytes) -> Held | None:
        """What is kept of a key, to look at."""
        found = self._keys.get(key)
        return None if found is None else found[1]

    def take(self, key: bytes) -> Held:
        """What is kept of a key, which is nobody's until it is given back."""
        size, held = self._keys.pop(key, _NOTHING)
        self._size -= size
        return held if size else {}

    def renew(self, key: bytes, name: Any, raw: bytes, made: Any) -> None:
        """The object of a cell, which was changed in place, or is new, stands for these bytes now."""
        size, held = self._keys.pop(key, _NOTHING)
        if not size:
            self.give(key, {name: (raw, made)})
            return
        more = len(raw) - (len(held[name][0]) if name in held else 0)
        held[name] = (raw, made)
        self._keys[key] = (size + more, held)
        self._size += more
        if self._size > self._most:
            self._fit()

    def give(self, key: bytes, held: Held) -> None:
        """Keeps objects; those of the keys that were not met for longest go."""
        size = sum([len(raw) for raw, _ in held.values()])
        if not size or size > self._most:
            return
        self._keys[key] = (size, held)
        self._size += size
        self._fit()

    def _fit(self) -> None:
        while self._size > self._most:
            self._size -= self._keys.pop(next(iter(self._keys)))[0]


_NOTHING: tuple[int, Held] = (0, {})
