"""What an option says, of a URI or from Python: a number, or whether something is to be."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from inspect import signature
from typing import Any

from .errors import UsageError, did_you_mean

_TRUTHS = {"": True, "true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def refuse_unknown(
    names: Iterable[str], factory: Callable[..., Any], what: str, where: str, besides: Collection[str] = ()
) -> None:
    """Refuses options that a factory does not have.

    Args:
        names: The options that were given.
        factory: Has its options as parameters that are given by name.
        what: What it makes.
        where: Who asks for it.
        besides: Parameters that no text can give.

    Raises:
        UsageError: `unknown-name`, with the nearest one.
    """
    parameters = signature(factory).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in besides]
    for name in names:
        if name not in known:
            said = f"{what} has no option {name!r:.80}"
            raise UsageError("unknown-name", said, where=where, fix=did_you_mean(name, known))


def truth_of(name: str, value: bool | str) -> bool:
    """Whether an option is true; it is where it has no value, as in `?shared`.

    Raises:
        UsageError: `wrong-usage`: it says neither.

    Example:
        >>> truth_of("shared", "yes"), truth_of("shared", ""), truth_of("shared", "False"), truth_of("shared", False)
        (True, True, False, False)
    """
    truth = _TRUTHS.get(str(value).lower())
    if truth is None:
        raise UsageError("wrong-usage", f"{name}={value!s:.40} is neither true nor false")
    return truth


def count_of(name: str, value: int | str) -> int:
    """The whole number that an option says, at least 1.

    Raises:
        UsageError: `wrong-usage` for anything else.

    Example:
        >>> count_of("batch_lines", "20")
        20
    """
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text)):
        raise UsageError("wrong-usage", f"{name}={text:.80} is no number from 1 on")
    return int(text)


def amount_of(name: str, value: float | str, *, of: str = "", below: float = math.inf) -> float:
    """The amount that an option says, from 0 on.

    Args:
        name: Of the option.
        value: What it says.
        of: What is counted.
        below: It must be less.

    Raises:
        UsageError: `wrong-usage` for anything else.

    Example:
        >>> amount_of("grace", "1.5", of="seconds")
        1.5
    """
    amount = _number(value)
    if not 0 <= amount < below:
        raise UsageError("wrong-usage", f"{name}={value!s:.80} is no number{' of ' * bool(of)}{of}")
    return amount


def positive_of(name: str, value: float | str, *, below: float = math.inf) -> float:
    """The number that an option says, above 0.

    Raises:
        UsageError: `wrong-usage` for anything else.

    Example:
        >>> positive_of("max_share", "0.5")
        0.5
    """
    number = _number(value)
    if not 0 < number < below:
        raise UsageError("wrong-usage", f"{name}={value!s:.80} is no number above 0")
    return number


def _number(value: float | str) -> float:
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan
