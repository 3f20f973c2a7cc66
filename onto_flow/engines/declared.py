"""Declared time of a job: the wall's, one that stands still, or one that was recorded.

Law: a job's tables are a function of its documents and of the last moment of its declared time, so a job that is run again
with the moments of before gives the same tables. Moments are whole seconds and never go back.

A recorded time is JSON Lines, `{"changes": 120, "now": "2024-05-01T12:00:00Z"}`: from that many changes of the feed on, it
is that moment.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol

from ..core.errors import UsageError
from ..core.values import from_micros, to_micros

SECOND = 1_000_000
MAX_FILE_BYTES = 1 << 30


class DeclaredTime(Protocol):
    """What declared time it is."""

    def moment(self, changes: int) -> int:
        """The moment when so many changes of the feed have been taken, in microseconds."""

    def last(self) -> int:
        """The moment at the end of the job: also that of a job which has only one."""


class WallTime:
    """The time of the machine's clock, in whole seconds.

    Args:
        clock: Seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def moment(self, changes: int) -> int:
        """See `DeclaredTime`."""
        return int(self._clock()) * SECOND

    def last(self) -> int:
        """See `DeclaredTime`."""
        return self.moment(0)


class FixedTime:
    """A time that stands still.

    Args:
        now: Where.
    """

    def __init__(self, now: datetime) -> None:
        self._moment = to_micros(now) // SECOND * SECOND

    def moment(self, changes: int) -> int:
        """See `DeclaredTime`."""
        return self._moment

    def last(self) -> int:
        """See `DeclaredTime`."""
        return self._moment


class Moment(NamedTuple):
    """From so many changes on it is this moment (microseconds)."""

    changes: int
    moment: int


class RecordedTime:
    """A time that was recorded.

    Args:
        moments: In order, at least one.

    Example:
        >>> time = RecordedTime([Moment(0, 5_000_000), Moment(3, 9_000_000)])
        >>> time.moment(0), time.moment(2), time.moment(3), time.last()
        (5000000, 5000000, 9000000, 9000000)
    """

    def __init__(self, moments: Sequence[Moment]) -> None:
        self._moments = list(moments)
        self._at = 0

    @classmethod
    def read(cls, file: str | Path) -> RecordedTime:
        """The time that a file holds.

        Raises:
            UsageError: `not-found`, and `wrong-usage` with the line that is none.
        """
        path = Path(file)
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise UsageError("wrong-usage", f"a recorded time of more than {MAX_FILE_BYTES:,} bytes", where=path)
            lines = path.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError("not-found", f"the recorded time cannot be read: {error}", where=path) from error
        moments = [_parsed(line, path, number) for number, line in enumerate(lines, 1)]
        if not moments:
            raise UsageError("wrong-usage", "the recorded time has no line", where=path)
        for number, (before, after) in enumerate(pairwise(moments), 2):
            if after < before or after.moment < before.moment:
                raise UsageError("wrong-usage", "the recorded time goes back", where=f"{path}, line {number}")
        return cls(moments)

    def moment(self, changes: int) -> int:
        """See `DeclaredTime`; changes never become fewer. Before its first line it is that line's moment."""
        while self._at + 1 < len(self._moments) and self._moments[self._at + 1].changes <= changes:
            self._at += 1
        return self._moments[self._at].moment

    def last(self) -> int:
        """See `DeclaredTime`."""
        return self._moments[-1].moment


class RecordingTime:
    """Another time, whose moments go to a file as they come.

    Args:
        of: The time.
        file: Written anew.
    """

    def __init__(self, of: DeclaredTime, file: str | Path) -> None:
        self._of = of
        self._before: int | None = None
        self._changes = 0
        try:
            self._file = open(file, "w", encoding="utf-8", buffering=1)  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise UsageError("wrong-usage", f"the time cannot be recorded: {error}", where=file) from error

    def moment(self, changes: int) -> int:
        """See `DeclaredTime`."""
        moment = self._of.moment(changes)
        self._changes = changes
        self._note(moment)
        return moment

    def last(self) -> int:
        """See `DeclaredTime`."""
        moment = self._of.last()
        self._note(moment)
        return moment

    def _note(self, moment: int) -> None:
        if self._before is None or moment > self._before:
            self._before = moment
            now = from_micros(moment).isoformat().replace("+00:00", "Z")
            self._file.write(json.dumps({"changes": self._changes, "now": now}) + "\n")

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()


def _parsed(line: str, path: Path, number: int) -> Moment:
    with suppress(ValueError, KeyError, TypeError, AttributeError, OverflowError):
        fields = json.loads(line)
        now = datetime.fromisoformat(fields["now"].replace("Z", "+00:00"))
        changes = fields["changes"]
        if now.tzinfo is not None and type(changes) is int and changes >= 0:
            return Moment(changes, to_micros(now) // SECOND * SECOND)
    what = f"no line of a recorded time: {line!r:.80}"
    fix = 'A line is {"changes": 120, "now": "2024-05-01T12:00:00Z"}.'
    raise UsageError("wrong-usage", what, where=f"{path}, line {number}", fix=fix)


def declared_time(now: datetime | None, recorded: str | Path | None, record: str | Path | None) -> DeclaredTime:
    """The declared time that a job's options ask for.

    Raises:
        UsageError: `wrong-usage` for options that exclude each other.
    """
    given: Iterable[object] = (o for o in (now, recorded) if o is not None)
    if len(list(given)) > 1:
        raise UsageError("wrong-usage", "declared time stands still (--now) or is recorded (--clock), not both")
    time: DeclaredTime = WallTime()
    if now is not None:
        time = FixedTime(now)
    if recorded is not None:
        time = RecordedTime.read(recorded)
    return time if record is None else RecordingTime(time, record)
