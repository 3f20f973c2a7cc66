"""RFC 3339 times <-> aware UTC datetimes in microseconds.

Source: RFC 3339 section 5.6; the JSON form of `google.protobuf.Timestamp` (0, 3, 6 or 9 digits, `Z`).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from ..core.errors import DataError
from ..core.values import to_micros

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_PLAIN_LENGTHS = (20, 24, 27)
_WITH_MICROS = 27
"""With 0, 3 or 6 digits below the second."""


def parse_time(text: str) -> datetime:
    """The time that an RFC 3339 text stands for; digits below a microsecond are cut, as Firestore does.

    Raises:
        DataError: `bad-value` for anything else.

    Example:
        >>> parse_time("2024-05-01T02:00:00.123456789+02:00").isoformat()
        '2024-05-01T00:00:00.123456+00:00'
    """
    if isinstance(text, str) and len(text) in _PLAIN_LENGTHS and text[-1] == "Z" and text[10] == "T":
        time = _plain(text)
        if time is not None:
            return time
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    try:
        if match is None:
            raise ValueError("not of the form 2024-05-01T00:00:00Z")
        year, month, day, hour, minute, second, digits, sign, hours, minutes = match.groups()
        micros = int((digits or "").ljust(6, "0")[:6])
        zone = timezone.utc
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            zone = timezone(-offset if sign == "-" else offset)
        local = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), micros, zone)
        return local.astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise DataError("bad-value", f"{text!r:.80} is not an RFC 3339 time ({error})") from error


def parse_micros(text: str) -> int:
    """The time that an RFC 3339 text stands for, in microseconds since the epoch.

    Raises:
        DataError: As for `parse_time`.

    Example:
        >>> parse_micros("2024-05-01T12:00:00.25Z")
        1714564800250000
    """
    if isinstance(text, str) and len(text) == _WITH_MICROS and text.isascii() and text[16] == ":" and text[19] == ".":
        seconds, micros = text[17:19], text[20:26]
        if seconds.isdigit() and micros.isdigit() and seconds < "60" and text[26] == "Z":
            return _minute(text[:17]) + int(seconds) * 1_000_000 + int(micros)
    return to_micros(parse_time(text))


@lru_cache(maxsize=4096)
def _minute(text: str) -> int:
    """The beginning of a minute, which most events of a feed share with others."""
    return to_micros(parse_time(f"{text}00Z"))


def _plain(text: str) -> datetime | None:
    """The time of the form that Firestore writes, quickly; `None`: look closer."""
    if (
        text[4] != "-"
        or text[7] != "-"
        or text[13] != ":"
        or text[16] != ":"
        or text[19] not in ".Z"
        or text[11:13] == "24"
    ):
        return None
    try:
        return datetime.fromisoformat(text[:-1] + "+00:00")
    except ValueError:
        return None


def format_time(time: datetime) -> str:
    """The RFC 3339 text of a time, with as many digits (0, 3 or 6) as it needs.

    Example:
        >>> format_time(parse_time("0001-01-01T00:00:00Z")), format_time(parse_time("2024-05-01T00:00:00.5Z"))
        ('0001-01-01T00:00:00Z', '2024-05-01T00:00:00.500Z')
    """
    aware = time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)
    plain = aware.astimezone(timezone.utc).replace(tzinfo=None)
    unit = "seconds" if not plain.microsecond else "microseconds" if plain.microsecond % 1000 else "milliseconds"
    return plain.isoformat(timespec=unit) + "Z"
