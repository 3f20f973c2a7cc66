"""What the system gives to a command, and what it refuses: closed streams, signals, errors of files."""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import TextIO, cast

from ..core.errors import EngineError

_FIXES = {
    errno.ENOSPC: "Make room, and run it again.",
    errno.EDQUOT: "Make room, and run it again.",
    errno.EACCES: "Ask for the right to it, or name another place.",
    errno.EPERM: "Ask for the right to it, or name another place.",
    errno.EROFS: "Name another place.",
    errno.EISDIR: "Name a file.",
    errno.ENOTDIR: "Name a folder.",
    errno.EEXIST: "Name a place that holds nothing yet.",
    errno.EBADF: "It is closed: give the command one that is open.",
}


def refused(error: OSError) -> EngineError:
    """The error of a command whose file, stream or temporary file the system refuses."""
    what = error.strerror or str(error) or type(error).__name__
    where = error.filename if isinstance(error.filename, str) else "a standard stream, or a temporary file"
    return EngineError("io-failed", what, where=where, fix=_FIXES.get(error.errno or 0, ""))


def open_streams() -> None:
    """Puts something in the place of standard streams that were closed before the command began; output takes every text.

    Otherwise the first file that is opened gets their number, and what is meant for them goes into it. What is written
    to, or read from, a closed stream is an error, as everywhere; of standard error nothing is missed. What the encoding of
    standard output does not have becomes an escape.
    """
    if sys.stdin is None:
        sys.stdin = _standing_in(0, os.O_WRONLY, "r")
    if sys.stdout is None:
        sys.stdout = _standing_in(1, os.O_RDONLY, "w")
    if sys.stderr is None:
        sys.stderr = _standing_in(2, os.O_WRONLY, "w")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _standing_in(number: int, flags: int, mode: str) -> TextIO:
    opened = os.open(os.devnull, flags)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    return cast("TextIO", os.fdopen(number, mode))


def abandon_output() -> None:
    """Gives up what standard output does not take, so that the interpreter does not try again when it ends."""
    with suppress(OSError):
        sys.stdout.close()


def end_on_sigterm() -> None:
    """Ends as by Ctrl-C, so that temporary files go; a job replaces this by a stop."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
