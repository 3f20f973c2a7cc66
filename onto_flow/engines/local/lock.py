"""One writer: the lock of a checkpoint directory, held by the system for as long as the process lives."""

from __future__ import annotations

import json
import os
import socket
from datetime import datetime, timezone
from pathlib import Path

from ...core.errors import EngineError

FILE = "lock"


class WriterLock:
    """Holds a directory.

    Where the system has no `flock`, nothing is locked, and the epoch in the store alone keeps a second process from
    writing what a first one believes to be its own.

    Raises:
        EngineError: `checkpoint-locked` when another process holds it: which one, and since when.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(directory / FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._file)
        except BlockingIOError:
            holder = os.read(self._file, 1000)
            os.close(self._file)
            raise EngineError(
                "checkpoint-locked",
                f"{_told(holder)} is using this checkpoint",
                where=directory,
                fix="Stop it first, or give this job a directory of its own.",
            ) from None
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        told = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": now})
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, told.encode(), 0)

    def release(self) -> None:
        """Lets another process in."""
        os.close(self._file)


def _lock(file: int) -> None:
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _told(holder: bytes) -> str:
    try:
        told = json.loads(holder)
        return f"process {told['pid']} on {told['host']}, which began at {told['since']},"
    except (ValueError, TypeError, KeyError):
        return "another process"
