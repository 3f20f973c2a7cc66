"""Whether a value fits its declared type: each check gives what a column holds, or raises. Nothing is cast.

An integer counts as a double where it is exact. What has no form anywhere fits nowhere: an integer beyond 64 bits, text
that is not Unicode.
"""

from __future__ import annotations

from typing import Any

from ..core.values import MAX_INTEGER, MIN_INTEGER, Reference

MISFITS = (TypeError, ValueError, KeyError, OverflowError)
"""What a check raises."""


def exactly(cls: type, value: Any) -> Any:
    """A value of a class; a boolean is no integer."""
    if type(value) is cls or (isinstance(value, cls) and not (cls is int and isinstance(value, bool))):
        return value
    raise TypeError(type(value).__name__)


def double(value: Any) -> float:
    """A double, or an integer that is one exactly."""
    if isinstance(value, int) and not isinstance(value, bool) and int(float(value)) == value:
        return float(value)
    number: float = exactly(float, value)
    return number


def integer(value: Any) -> int:
    """An integer of 64 bits."""
    number: int = exactly(int, value)
    if not MIN_INTEGER <= number <= MAX_INTEGER:
        raise OverflowError("beyond 64 bits")
    return number


def text(value: Any) -> str:
    """Unicode text."""
    found: str = exactly(str, value)
    if not found.isascii():
        found.encode()  # fails for what is not Unicode text
    return found


def reference(value: Any) -> str:
    """The path of a reference, with the database before it where it is another."""
    exactly(Reference, value)
    return text(value.path if value.database is None else f"{value.database}/documents/{value.path}")
