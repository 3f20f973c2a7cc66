"""Google's emulators for tests: found where their installers put them, started on loopback, ended afterwards.

No package registry has them: `gcloud components install`, Google's own apt repository and firebase-tools bring them. They
need Java.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..core.errors import EngineError

_HOMES = (Path("/usr/lib"), Path("/usr/share"), Path.home(), Path("/opt"))
_PATIENCE = 60.0
_PORTS = 5


def find_jar(variable: str, patterns: Sequence[str]) -> Path | None:
    """Where the jar of an emulator is; `None` where it, or Java, is not installed.

    Args:
        variable: Of the environment; names the jar, if it is set.
        patterns: Where it is below the folders that installers take; the last in order wins.
    """
    named = os.environ.get(variable)
    found = (sorted(home.glob(pattern), reverse=True) for pattern in patterns for home in _HOMES)
    places = [Path(named)] if named else [place for some in found for place in some]
    return next((place for place in places if place.is_file()), None) if shutil.which("java") else None


@contextmanager
def started(jar: Path, main: str, *options: str) -> Iterator[str]:
    """Starts an emulator, gives its address (`host:port`), and ends it.

    Args:
        jar: Where it is.
        main: Its class.
        options: Its own options, beside host and port.

    Raises:
        EngineError: `database-failed` where it does not start.
    """
    command = ["java", "-Duser.language=en", "-Xmx512m", "-XX:+UseSerialGC", "-cp", str(jar), main, *options]
    emulator = _first_that_starts(command)
    try:
        yield emulator.address
    finally:
        emulator.end()


def _first_that_starts(command: Sequence[str]) -> _Emulator:
    """An emulator that answers: between the choice of a port and its use, another program may take it."""
    for _ in range(_PORTS - 1):
        emulator = _Emulator(command)
        try:
            emulator.wait()
            return emulator
        except EngineError:
            if not emulator.found_its_port_taken():
                raise
    emulator = _Emulator(command)
    emulator.wait()
    return emulator


class _Emulator:
    """A process, and what it says."""

    def __init__(self, command: Sequence[str]) -> None:
        port = _free_port()
        self.address = f"127.0.0.1:{port}"
        line = [*command, "--host=127.0.0.1", f"--port={port}"]
        self._run = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
        self._said: list[str] = []
        self._hears = threading.Thread(target=self._hear, daemon=True)
        self._hears.start()

    def _hear(self) -> None:
        assert self._run.stdout is not None
        self._said.extend(self._run.stdout)

    def wait(self) -> None:
        """Returns when it answers, and ends it where it does not."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(f"http://{self.address}", timeout=5).close()
                return
            except OSError:
                if self._run.poll() is not None:
                    self.end()
                    what = f"the emulator has ended: {''.join(self._said)[-3000:]}"
                    raise EngineError("database-failed", what, where=self.address) from None
                time.sleep(0.1)
        self.end()
        raise EngineError("database-failed", "the emulator did not start within a minute", where=self.address)

    def found_its_port_taken(self) -> bool:
        return any("Address already in use" in line for line in self._said)

    def end(self) -> None:
        self._run.kill()
        self._run.wait()
        self._hears.join(_PATIENCE)
        assert self._run.stdout is not None
        self._run.stdout.close()


def _free_port() -> int:
    """A port that nothing listens on, below those which systems give to the ends of connections (from 32768, or 49152)."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
