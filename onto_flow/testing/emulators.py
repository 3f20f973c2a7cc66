"""Google's emulators for tests: found where their installers put them, started on loopback, ended afterwards.

No package registry has them: `gcloud components install`, Google's own apt repository and firebase-tools bring them. They
need Java.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import EngineError

_HOMES = (Path("/usr/lib"), Path("/usr/share"), Path.home(), Path("/opt"))
_PATIENCE = 60.0


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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["java", "-Duser.language=en", "-Xmx512m", "-XX:+UseSerialGC", "-cp", str(jar), main]
    command += ["--host=127.0.0.1", f"--port={port}", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:  # noqa: S603
        said: list[str] = []
        assert run.stdout is not None
        hears = threading.Thread(target=lambda lines: said.extend(lines), args=(run.stdout,), daemon=True)
        hears.start()
        try:
            _wait(f"http://127.0.0.1:{port}", run, said)
            yield f"127.0.0.1:{port}"
        finally:
            run.kill()
            hears.join(_PATIENCE)


def _wait(address: str, run: subprocess.Popen[str], said: list[str]) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310 - loopback
            return
        except OSError:
            if run.poll() is not None:
                what = f"the emulator has ended: {''.join(said)[-3000:]}"
                raise EngineError("database-failed", what, where=address) from None
            time.sleep(0.1)
    raise EngineError("database-failed", "the emulator did not start within a minute", where=address)
