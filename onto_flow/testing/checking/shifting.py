"""Another day, in another time zone: what the second of two processes takes for now.

Must be put in place before user code is imported: `from datetime import datetime` takes what is there then.
"""

from __future__ import annotations

import datetime as datetime_module
import importlib
import os
import time
from collections.abc import Callable
from typing import Any

DAYS = 400
TIME_ZONE = "UTC-9"
"""POSIX writes nine hours east of Greenwich so."""

_RANDOM = (
    *(("random", n) for n in ("random", "choice", "choices", "randint", "randrange", "shuffle", "sample", "uniform")),
    ("uuid", "uuid1"),
    ("uuid", "uuid4"),
    ("os", "urandom"),
    ("secrets", "token_hex"),
)


def shift(note: Callable[[str], None], *, other_day: bool) -> None:
    """Replaces the clocks of this process, and says when they, or random numbers, are asked for.

    Args:
        note: Is told the name of what is asked for.
        other_day: Whether it is another day, in another time zone.
    """
    seconds = DAYS * 86_400 if other_day else 0
    if other_day:
        os.environ["TZ"] = TIME_ZONE
        time.tzset()
    _replace_time(note, seconds)
    _replace_datetime(note, datetime_module.timedelta(seconds=seconds))
    for module, name in _RANDOM:
        _tell(module, name, note)


def _tell(module: str, name: str, note: Callable[[str], None]) -> None:
    owner = importlib.import_module(module)
    original = getattr(owner, name)

    def told(*args: Any, **kwargs: Any) -> Any:
        note(f"{module}.{name}")
        return original(*args, **kwargs)

    setattr(owner, name, told)


def _replace_time(note: Callable[[str], None], seconds: int) -> None:
    original: dict[str, Any] = {n: getattr(time, n) for n in ("time", "time_ns", "localtime", "gmtime", "strftime")}

    def now() -> float:
        note("time.time")
        return float(original["time"]() + seconds)

    def now_ns() -> int:
        note("time.time_ns")
        return int(original["time_ns"]() + seconds * 10**9)

    time.time, time.time_ns = now, now_ns
    for name in ("localtime", "gmtime"):
        setattr(time, name, lambda at=None, name=name: original[name](now() if at is None else at))
    time.strftime = lambda form, *at: original["strftime"](form, *(at or (time.localtime(),)))


def _replace_datetime(note: Callable[[str], None], by: datetime_module.timedelta) -> None:
    """Classes that are the originals in everything but what they take for now."""
    moment: Any = datetime_module.datetime
    day: Any = datetime_module.date

    class OfMoments(type):
        def __instancecheck__(cls, value: Any) -> bool:
            return isinstance(value, moment)

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            return moment(*args, **kwargs)

    class OfDays(type):
        def __instancecheck__(cls, value: Any) -> bool:
            return isinstance(value, day)

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            return day(*args, **kwargs)

    class datetime(moment, metaclass=OfMoments):  # noqa: N801 - it stands for the original
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            note("datetime.now")
            return moment.now(tz) + by

        @classmethod
        def today(cls) -> Any:
            note("datetime.today")
            return moment.today() + by

        @classmethod
        def utcnow(cls) -> Any:
            note("datetime.utcnow")
            return moment.now(datetime_module.timezone.utc).replace(tzinfo=None) + by

    class date(day, metaclass=OfDays):  # noqa: N801 - it stands for the original
        @classmethod
        def today(cls) -> Any:
            note("date.today")
            return (moment.today() + by).date()

    datetime_module.datetime = datetime  # type: ignore[misc]
    datetime_module.date = date  # type: ignore[misc]
