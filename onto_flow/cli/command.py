"""What every command shares: its arguments, its exit codes, and how it speaks."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.errors import DataError, UsageError

DONE, FAILED, WRONG_USAGE, WITH_DEAD_LETTERS = 0, 1, 2, 3


@dataclass(frozen=True)
class Command:
    """One command of the tool.

    Attributes:
        name: Its word.
        text: What it does, in a line.
        arguments: Adds its arguments to a parser.
        run: Does it, and returns the exit code.
        engine: Whether arguments that nobody knows go to an engine.
    """

    name: str
    text: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    engine: bool = False


VIEWS = "module:Class, module, or file.py:Class"


class Shown:
    """Progress on one line of a terminal; nothing elsewhere.

    Attributes:
        on: Whether there is a terminal that shows it.
    """

    def __init__(self, quiet: bool) -> None:
        self.on = not quiet and sys.stderr.isatty()
        self._began = self._last = time.monotonic()

    def __call__(self, progress: Any) -> None:
        """Shows a `Progress`, a few times a second."""
        now = time.monotonic()
        if not self.on or now - self._last < 0.2:
            return
        self._last = now
        done = progress.changes or progress.documents
        rate = done / max(now - self._began, 0.001)
        text = f"{progress.stage}: {progress.documents:,} documents"
        if progress.expected and progress.stage == "reading" and rate:
            text += f" of {progress.expected:,}, {(progress.expected - progress.documents) / rate:.0f} s left"
        if progress.changes:
            text += f", {progress.changes:,} changes, {progress.view_changes:,} view changes"
        if progress.gaps_open:
            text += f", {progress.gaps_open:,} gaps open"
        print(f"\r{text}, {rate:,.0f}/s\x1b[K", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Takes the line away."""
        if self.on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def plain(text: str) -> str:
    r"""A text without anything that a terminal would obey but the ends of lines.

    Example:
        >>> print(plain("a\x1b[31m b"))
        a\x1b[31m b
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def say(text: str, quiet: bool) -> None:
    """A line on standard error, unless it shall be quiet."""
    if not quiet:
        print(("\r\x1b[K" if sys.stderr.isatty() else "") + text, file=sys.stderr)


def time_of(text: str) -> datetime:
    """The time that an argument names.

    Raises:
        UsageError: `wrong-usage`.
    """
    from ..formats.times import parse_time

    try:
        return parse_time(text)
    except DataError as error:
        raise UsageError("wrong-usage", f"{text!r} is not a time", fix="Use RFC 3339: 2026-05-01T12:00:00Z") from error
