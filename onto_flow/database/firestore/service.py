"""The connection to Firestore's service, or to its emulator; and what its errors mean here.

Google's generated client is used, not the one above it: its bulk writer loses what is written after its first flush, and its
listeners turn descending answers round (google-cloud-firestore 2.34.1).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc
from google.api_core import exceptions
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

from ...core.errors import DataError, EngineError, UsageError

EMULATOR = "FIRESTORE_EMULATOR_HOST"
"""Where an emulator is, as Google's clients find it."""

_LARGE = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
_AWAY = (exceptions.ServiceUnavailable, exceptions.InternalServerError, exceptions.DeadlineExceeded)


class Contended(EngineError):
    """Others were at the same documents; nothing was written, and it may be tried again."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__("contention", what, where=where, fix="Try it again.")


class Service:
    """One database behind Firestore's API.

    Args:
        project: Its project.
        database: Its name in it.

    Attributes:
        name: `projects/P/databases/D`.
        api: The generated client; every call gets `metadata`.
    """

    def __init__(self, project: str, database: str) -> None:
        self.name = f"projects/{project}/databases/{database}"
        self.metadata: Sequence[tuple[str, str]] = [("google-cloud-resource-prefix", self.name)]
        emulator = os.environ.get(EMULATOR)
        self._channel: Any = None
        if emulator is None:
            self.api = FirestoreClient()
        else:
            self._channel = grpc.insecure_channel(emulator, options=_LARGE)
            self.api = FirestoreClient(transport=FirestoreGrpcTransport(channel=self._channel))
            self.metadata = [*self.metadata, ("authorization", "Bearer owner")]
        self.is_closed = False

    @property
    def root(self) -> str:
        """The name above all collections at the root."""
        return f"{self.name}/documents"

    def close(self) -> None:
        """Lets go of the channel."""
        self.is_closed = True
        self.api.transport.close()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Says errors of the service in words of this package.

        Raises:
            UsageError: `wrong-usage`: the database is closed.
            DataError: `bad-value`: what the database does not take.
            Contended: Others were at the same documents.
            EngineError: `database-failed`.
        """
        if self.is_closed:
            raise UsageError("wrong-usage", "the database is closed", where=self.name)
        try:
            yield
        except exceptions.InvalidArgument as error:
            raise DataError("bad-value", error.message, where=self.name) from error
        except exceptions.Aborted as error:
            raise Contended(error.message, self.name) from error
        except exceptions.GoogleAPICallError as error:
            what = f"{type(error).__name__}: {error.message}"
            raise EngineError("database-failed", what, where=self.name, fix=_fix(error)) from error


def _fix(error: exceptions.GoogleAPICallError) -> str:
    if isinstance(error, exceptions.FailedPrecondition):
        return "Make the index that it names."
    if isinstance(error, (exceptions.PermissionDenied, exceptions.Unauthenticated)):
        return "Give this account the role roles/datastore.user in the project."
    if isinstance(error, _AWAY):
        return "The service is away, or does not answer: try again later."
    return ""
