"""Credentials for Google's services, which are those of the environment: what is said where there are none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..core.errors import EngineError

_EMULATORS = {"Firestore": "FIRESTORE_EMULATOR_HOST", "Pub/Sub": "PUBSUB_EMULATOR_HOST"}


@contextmanager
def credentials_for(service: str) -> Iterator[None]:
    """While this lasts, a client of a service is made.

    Args:
        service: What it is called.

    Raises:
        EngineError: `no-credentials`.
    """
    from google.auth.exceptions import DefaultCredentialsError

    try:
        yield
    except DefaultCredentialsError as error:
        why = str(error).partition(" To set up")[0].rstrip(".")
        emulator = f" For an emulator, set {_EMULATORS[service]}." if service in _EMULATORS else ""
        fix = f"Run gcloud auth application-default login; on Google Cloud, give the machine an account.{emulator}"
        raise EngineError("no-credentials", f"{service} cannot be asked: {why}", fix=fix) from error
