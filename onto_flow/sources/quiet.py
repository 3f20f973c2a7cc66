"""Feeds that never end, told to end when nothing has come for a while: for tests, and for jobs that catch up."""

from __future__ import annotations

from ..core.errors import UsageError


def quiet_seconds(value: float | str) -> float:
    """The seconds of an option `until_quiet`; 0: never.

    Raises:
        UsageError: `wrong-usage`: it is no number of seconds.

    Example:
        >>> quiet_seconds("1.5")
        1.5
    """
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise UsageError("wrong-usage", f"until_quiet={value!s:.40} is no number of seconds")
    return seconds
