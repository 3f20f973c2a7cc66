"""`window`: time cut into pieces that can be keys.

| window | as | a moment lies in |
|---|---|---|
| tumbling | a key | one: the last multiple of its size |
| hopping | the values of `expand` | each that began within its size before the moment |
| session | a class attribute beside a key | the one that its neighbours in the group make, see `window.session` |

Tumbling and hopping windows are pure functions of a timestamp; they begin at multiples of their step since 1970, UTC,
moved by `offset`. The key is the window's first moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, NamedTuple, overload

from ..core.errors import DataError, DeclarationError, SourceLine
from ..core.values import from_micros, to_micros
from .meta import Namespace, refuse_options

_MICROSECOND = timedelta(microseconds=1)
MOST_HOPS = 10_000
"""In so many hopping windows one moment may lie."""

Starts = Callable[[int, int, int, int], Sequence[int]]
"""(moment, size, every, offset) -> the starts of the windows that the moment lies in, the earliest first; microseconds."""

_RECKONED: ContextVar[Starts | None] = ContextVar("onto_flow_windows", default=None)


def starts_of(at: int, size: int, every: int, offset: int) -> Sequence[int]:
    """The starts of the windows that a moment lies in; a window begins at each multiple of `every`, moved by `offset`.

    Example:
        >>> list(starts_of(47, 60, 30, 0)), list(starts_of(-1, 30, 30, 10))
        ([0, 30], [-20])
    """
    last = at - (at - offset) % every
    return range(last, at - size, -every)[::-1]


@contextmanager
def reckoned_by(starts: Starts) -> Iterator[None]:
    """Within it, windows are what another function says: whoever judges the arithmetic has one of its own."""
    token = _RECKONED.set(starts)
    try:
        yield
    finally:
        _RECKONED.reset(token)


class Session(NamedTuple):
    """A session: its first and its last row's moment."""

    start: datetime
    end: datetime


class SessionDeclaration:
    """A session window as the user wrote it.

    Attributes:
        at: A function whose parameters name what is known of a row; gives its moment.
        gap: Microseconds.
    """

    name = ""

    def __init__(self, at: Callable[..., Any], gap: int, line: SourceLine) -> None:
        self.at, self.gap, self.line = at, gap, line

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else instance._result(self.name)


class Windows(Namespace):
    """The namespace `window`."""

    written = "window"

    @overload
    def tumbling(self, at: datetime, size: timedelta, *, offset: timedelta = ...) -> datetime: ...
    @overload
    def tumbling(self, at: None, size: timedelta, *, offset: timedelta = ...) -> None: ...
    def tumbling(self, at: datetime | None, size: timedelta, *, offset: timedelta = timedelta(0)) -> datetime | None:
        """The start of the window of this size that a moment lies in; `None` of none, so that there is no document.

        Args:
            at: The moment.
            size: How long the windows are.
            offset: How much later than at multiples of `size` since 1970, UTC, they begin.

        Raises:
            DataError: `bad-value` for what is no timestamp.

        Example:
            >>> from datetime import timezone
            >>> window.tumbling(datetime(2024, 5, 1, 13, 47, tzinfo=timezone.utc), timedelta(hours=1)).isoformat()
            '2024-05-01T13:00:00+00:00'
        """
        if at is None:
            return None
        step = _positive(size)
        return from_micros(_starts(_micros(at), step, step, offset)[-1])

    def hopping(
        self, at: datetime | None, size: timedelta, *, every: timedelta, offset: timedelta = timedelta(0)
    ) -> list[datetime]:
        """The starts of all windows of this size that a moment lies in, the earliest first; a window begins every `every`.

        Example:
            >>> from datetime import timezone
            >>> at = datetime(2024, 5, 1, 13, 47, tzinfo=timezone.utc)
            >>> [s.strftime("%H:%M") for s in window.hopping(at, timedelta(hours=1), every=timedelta(minutes=30))]
            ['13:00', '13:30']
        """
        if at is None:
            return []
        micros, length, step = _micros(at), _positive(size), _positive(every)
        if length > MOST_HOPS * step:
            raise DataError("bad-value", f"a moment lies in more than {MOST_HOPS:,} windows of {size} every {every}")
        return [from_micros(start) for start in _starts(micros, length, step, offset)]

    def session(self, at: Callable[..., Any], *, gap: timedelta, **unknown: Any) -> Any:
        """A document per session of a group: rows of one key that are no further apart than `gap`, from one to the next.

        A class attribute of a view with a key: `visit = window.session(lambda click: click.at, gap=timedelta(minutes=30))`.
        The attribute holds the session's `start` and `end`, the first and the last moment of its rows; the document's id is
        made of the key and the start, so a session that an earlier row joins moves. Rows without a moment are left out.
        Keeps the rows of the group; a change costs what the sessions that it touches do.

        Args:
            at: The moment of a row; its parameters name slots, attributes, the expanded value or parts of the key.
            gap: What ends a session.

        Raises:
            DeclarationError: `bad-value`, `unknown-name`.
        """
        line = SourceLine.of_caller()
        refuse_options("window.session", unknown, ("gap",), line)
        if not callable(at) or not isinstance(gap, timedelta) or gap <= timedelta(0):
            fix = "Write window.session(lambda click: click.at, gap=timedelta(minutes=30))."
            what = f"a session window takes a function and a gap, not {at!r:.60} and {gap!r}"
            raise DeclarationError("bad-value", what, where=line, fix=fix)
        return SessionDeclaration(at, gap // _MICROSECOND, line)


window = Windows()


def _starts(at: int, size: int, every: int, offset: timedelta) -> Sequence[int]:
    return (_RECKONED.get() or starts_of)(at, size, every, offset // _MICROSECOND)


def _micros(at: Any) -> int:
    if not isinstance(at, datetime):
        raise DataError("bad-value", f"a window takes a timestamp, not {at!r:.80}", fix="Give None for no document.")
    return to_micros(at)


def _positive(size: timedelta) -> int:
    if size <= timedelta(0):
        raise DataError("bad-value", f"a window lasts longer than {size}")
    return size // _MICROSECOND
