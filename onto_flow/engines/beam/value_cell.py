"""One value of a key on Beam's user state, and the objects that its bytes are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..coding import decode_state, encode_state
from .live import Held

Write = Callable[[], None]

_UNREAD: Any = object()


class State:
    """One state of Beam's that holds bytes; read when it is asked for, once."""

    __slots__ = ("_held", "_state")

    def __init__(self, state: Any) -> None:
        self._state = state
        self._held: Any = _UNREAD

    def read(self) -> bytes | None:
        """Its bytes."""
        if self._held is _UNREAD:
            self._held = self._state.read()
        held: bytes | None = self._held
        return held

    def writes(self, raw: bytes | None) -> list[Write]:
        """What makes it hold these bytes, where it does not."""
        if raw == self.read():
            return []
        return [self._state.clear if raw is None else partial(self._state.write, raw)]


def decoded(raw: bytes, live: Held | None, name: Any) -> Any:
    """The object that some bytes are: the one that they were written as, if it is still there."""
    kept = None if live is None else live.get(name)
    return kept[1] if kept is not None and kept[0] == raw else decode_state(raw)


class NeedsWide(Exception):
    """A narrow step needs more states than it names: the shards of a map, or what is seldom there."""


class ValueCell:
    """One value.

    Args:
        state: Beam's.
        live: What is kept of the key; may be kept under `name`.
    """

    __slots__ = ("_got", "_live", "_name", "_new", "_state")
    needs_wide = False

    def __init__(self, state: Any, live: Held | None = None, name: str = "") -> None:
        self._state = State(state)
        self._new = self._got = _UNREAD
        self._live, self._name = live, name

    def get(self) -> Any:
        """What was last put, or the object of the bytes."""
        if self._new is not _UNREAD:
            return self._new
        if self._got is _UNREAD:
            held = self._state.read()
            self._got = None if held is None else decoded(held, self._live, self._name)
        return self._got

    def put(self, value: Any) -> None:
        """Keeps a value for the end of the step."""
        self._new = value

    def writes(self) -> list[Write]:
        """What was put, where it differs from what is held."""
        if self._new is _UNREAD:
            return []
        pack = getattr(self._new, "pack", None)
        value = self._new if pack is None else pack()
        raw = None if value is None else encode_state(value)
        if self._live is not None:
            self._live.pop(self._name, None)
            if raw is not None and pack is not None:
                self._live[self._name] = (raw, self._new)
        return self._state.writes(raw)


class UnnamedCell:
    """One value whose state a narrow step does not name.

    Args:
        is_there: Whether the state holds a value.
    """

    __slots__ = ("_is_there", "needs_wide")

    def __init__(self, is_there: Callable[[], bool]) -> None:
        self._is_there, self.needs_wide = is_there, False

    def get(self) -> None:
        """Nothing.

        Raises:
            NeedsWide: There is something.
        """
        if self._is_there():
            self._need_wide()

    def put(self, value: Any) -> None:
        """Lets nothing be nothing.

        Raises:
            NeedsWide: Something else is wanted.
        """
        if value is not None or self._is_there():
            self._need_wide()

    def writes(self) -> list[Write]:
        """There is nothing to write."""
        return []

    def _need_wide(self) -> None:
        self.needs_wide = True
        raise NeedsWide
