"""Google's Firestore emulator for tests (`emulators`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import EngineError
from .emulators import find_jar, started

INSTALL = "gcloud components install cloud-firestore-emulator (and Java), or name its jar with FIRESTORE_EMULATOR_JAR"
_PLACES = (
    "google-cloud-sdk/platform/cloud-firestore-emulator/cloud-firestore-emulator.jar",
    ".cache/firebase/emulators/cloud-firestore-emulator-v*.jar",
)
_MAIN = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"


def emulator_jar() -> Path | None:
    """Where the emulator is; `None` where it, or Java, is not installed."""
    return find_jar("FIRESTORE_EMULATOR_JAR", _PLACES)


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
    with started(jar, _MAIN, *options) as address:
        yield address
