"""Many times at once -> their RFC 3339 texts."""

from __future__ import annotations

import numpy as np

from .words import Ints

_DAY = 86_400_000_000
_MARKS = {4: b"-", 7: b"-", 10: b"T", 13: b":", 16: b":", 19: b"."}
_Z = ord("Z")


def time_texts(micros: Ints) -> list[bytes]:
    """The text of each time, as `times.format_time` writes it.

    Args:
        micros: Microseconds since 1970, of the years 1 to 9999.

    Example:
        >>> time_texts(np.array([0, -1, 1_500_000]))
        [b'1970-01-01T00:00:00Z', b'1969-12-31T23:59:59.999999Z', b'1970-01-01T00:00:01.500Z']
    """
    text = np.zeros((len(micros), 27), np.uint8)
    days, rest = np.divmod(micros, _DAY)
    year, month, day = _dates(days)
    seconds, fraction = np.divmod(rest, 1_000_000)
    minutes, second = np.divmod(seconds, 60)
    hour, minute = np.divmod(minutes, 60)
    for at, width, number in (
        (0, 4, year),
        (5, 2, month),
        (8, 2, day),
        (11, 2, hour),
        (14, 2, minute),
        (17, 2, second),
    ):
        _put(text, at, width, number)
    _put(text, 20, 6, fraction)
    for at, mark in _MARKS.items():
        text[:, at] = mark[0]
    text[:, 26] = _Z
    millis = np.flatnonzero(fraction % 1000 == 0)
    text[millis, 23] = _Z
    text[millis, 24:] = 0
    whole = np.flatnonzero(fraction == 0)
    text[whole, 19] = _Z
    text[whole, 20:] = 0
    return text.view("S27").reshape(-1).tolist()


def _put(text: np.ndarray[tuple[int, int], np.dtype[np.uint8]], at: int, width: int, number: Ints) -> None:
    rest = number.astype(np.int32)
    for place in range(at + width - 1, at - 1, -1):
        rest, digit = np.divmod(rest, np.int32(10))
        text[:, place] = digit + ord("0")


def _dates(days: Ints) -> tuple[Ints, Ints, Ints]:
    """Years, months and days of days since 1970; numpy's calendar is the proleptic Gregorian one, as Python's."""
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    day = days - months.astype("datetime64[D]").astype(np.int64) + 1
    year, month = np.divmod(months.astype(np.int64), 12)
    return year + 1970, month + 1, day
