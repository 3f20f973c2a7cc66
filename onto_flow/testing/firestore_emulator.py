"""Google's Firestore emulator for tests: found where its installers put it, started on loopback, ended afterwards.

No package registry has it. `gcloud components install cloud-firestore-emulator`, Google's own apt repository and
firebase-tools bring it; it needs Java.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import EngineError

INSTALL = "gcloud components install cloud-firestore-emulator (and Java), or name its jar with FIRESTORE_EMULATOR_JAR"
_JAR = "google-cloud-sdk/platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
_MAIN = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
_PATIENCE = 60.0


def emulator_jar() -> Path | None:
    """Where the emulator is; `None` where it, or Java, is not installed."""
    named = os.environ.get("FIRESTORE_EMULATOR_JAR")
    homes = (Path("/usr/lib"), Path("/usr/share"), Path.home(), Path("/opt"))
    cached = sorted(Path.home().glob(".cache/firebase/emulators/cloud-firestore-emulator-v*.jar"), reverse=True)
    places = [Path(named)] if named else [*(home / _JAR for home in homes), *cached]
    return next((place for place in places if place.is_file()), None) if shutil.which("java") else None


@contextmanager
def firestore_emulator(*options: str) -> Iterator[str]:
    """Starts an emulator, gives its address (`host:port`, for `FIRESTORE_EMULATOR_HOST`), and ends it.

    Args:
        options: More of the emulator's own options: `--seed_from_export=FILE`.

    Raises:
        EngineError: `missing-extra` where it is not installed; `database-failed` where it does not start.
    """
    jar = emulator_jar()
    if jar is None:
        raise EngineError("missing-extra", "Google's Firestore emulator is not installed here", fix=INSTALL)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["java", "-Duser.language=en", "-Xmx512m", "-XX:+UseSerialGC", "-cp", str(jar), _MAIN]
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
