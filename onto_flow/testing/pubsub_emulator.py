"""Google's Pub/Sub emulator for tests (`emulators`).

It is right on delivery, acknowledgement and dead-letter policies. The order of messages that come again is wrong, filters
are ignored, and its snapshots do nothing: `onto_flow.testing.pubsub` does these. It goes on giving messages to streams that
were dropped or cancelled (0.8.20), which then come to nobody for an acknowledgement deadline.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import EngineError
from .emulators import find_jar, started

INSTALL = "gcloud components install pubsub-emulator (and Java), or name its jar with PUBSUB_EMULATOR_JAR"
_PLACES = ("google-cloud-sdk/platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar",)
_MAIN = "com.google.cloud.pubsub.testing.v1.Main"


def emulator_jar() -> Path | None:
    """Where the emulator is; `None` where it, or Java, is not installed."""
    return find_jar("PUBSUB_EMULATOR_JAR", _PLACES)


@contextmanager
def pubsub_emulator() -> Iterator[str]:
    """Starts an emulator, gives its address (`host:port`, for `PUBSUB_EMULATOR_HOST`), and ends it.

    Raises:
        EngineError: `missing-extra` where it is not installed; `database-failed` where it does not start.
    """
    jar = emulator_jar()
    if jar is None:
        raise EngineError("missing-extra", "Google's Pub/Sub emulator is not installed here", fix=INSTALL)
    with started(jar, _MAIN) as address:
        yield address
