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
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

from ...core.errors import DataError, EngineError, OntoFlowError, UsageError
from ...formats.credentials import credentials_for
from ..base import Unavailable

EMULATOR = "FIRESTORE_EMULATOR_HOST"
"""Where an emulator is, as Google's clients find it."""

_LARGE = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
_AWAY = (
    exceptions.ServiceUnavailable,
    exceptions.InternalServerError,
    exceptions.DeadlineExceeded,
    exceptions.ResourceExhausted,
)


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
        listen: The call itself: what wraps it in the client waits for the first message, and cannot be cancelled before.
        silence: Seconds after which a stream that says nothing is taken to be dead: Firestore itself says more often that
            nothing has changed; the emulator never does, but its streams die (`stream`), and to begin again costs nothing.
    """

    def __init__(self, project: str, database: str) -> None:
        self.name = f"projects/{project}/databases/{database}"
        self.metadata: Sequence[tuple[str, str]] = [("google-cloud-resource-prefix", self.name)]
        emulator = os.environ.get(EMULATOR)
        self.silence = 120.0 if emulator is None else 2.0
        self._channel: Any = None
        if emulator is None:
            with credentials_for("Firestore"):
                self.api = FirestoreClient()
        else:
            self._channel = grpc.insecure_channel(emulator, options=_LARGE)
            self.api = FirestoreClient(transport=FirestoreGrpcTransport(channel=self._channel))
            self.metadata = [*self.metadata, ("authorization", "Bearer owner")]
        self.listen = self.api.transport.grpc_channel.stream_stream(
            "/google.firestore.v1.Firestore/Listen",
            request_serializer=types.ListenRequest.pb().SerializeToString,
            response_deserializer=types.ListenResponse.pb().FromString,
        )
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
            EngineError: `database-failed`; `Unavailable` where that may pass.
        """
        if self.is_closed:
            raise UsageError("wrong-usage", "the database is closed", where=self.name)
        try:
            yield
        except exceptions.GoogleAPICallError as error:
            raise error_of(error, self.name) from error
        except exceptions.RetryError as error:
            what, fix = (
                f"it does not answer: {error.cause}",
                "Look at the network, and at where an emulator is said to be.",
            )
            raise EngineError("database-failed", what, where=self.name, fix=fix) from error


def error_of(error: exceptions.GoogleAPICallError, where: str) -> OntoFlowError:
    """What an error of the service is in words of this package."""
    if isinstance(error, exceptions.InvalidArgument):
        return DataError("bad-value", error.message, where=where)
    if isinstance(error, exceptions.Aborted):
        return Contended(error.message, where)
    what = f"{type(error).__name__}: {error.message}"
    if isinstance(error, _AWAY):
        return Unavailable(what, where)
    return EngineError("database-failed", what, where=where, fix=_fix(error))


def _fix(error: exceptions.GoogleAPICallError) -> str:
    if isinstance(error, exceptions.FailedPrecondition):
        return "Make the index that it names."
    if isinstance(error, (exceptions.PermissionDenied, exceptions.Unauthenticated)):
        return "Give this account the role roles/datastore.user in the project."
    return ""
