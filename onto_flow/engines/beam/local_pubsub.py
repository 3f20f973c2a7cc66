"""Reads a subscription on BundleBasedDirectRunner as a job that goes on needs it; only on versions that were looked at.

Beam's own read (2.77) pulls 10 messages and acknowledges them at once. It waits for them for up to 30 seconds, in which
neither timers nor the end of the job come, and takes it for a failure when that time is over. Here more are pulled, silence
is no failure, and messages are acknowledged at the next pull: the runner pulls again only when nothing else is to be done,
so what was pulled before has gone through all steps. Until then their lease is extended beside, whatever the subscription
says; when the job ends they are given back, and when it is killed they come again soon. State is in memory all the same:
what a job knows is gone then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.runners.direct.direct_runner import _DirectReadFromPubSub
from apache_beam.runners.direct.transform_evaluator import TransformEvaluatorRegistry, _PubSubReadEvaluator
from apache_beam.utils.timestamp import Timestamp

from ...core.errors import EngineError
from ...formats.credentials import credentials_for

LOOKED_AT = ("2.77.0",)
"""Versions of Beam whose own read is known."""

MOST = 200
"""Messages of one pull."""
LEASE_SECONDS = 30
"""So late come the messages again that a killed job had."""
EXTEND_SECONDS = 10.0
"""How often leases are extended: a job whose work holds the thread up for twice as long loses none."""
PULL_SECONDS = 5.0
"""How long a pull waits for messages: so late come timers, and the end of a job, while nothing comes."""


class _Pulled(NamedTuple):
    """Messages that are not acknowledged."""

    client: Any
    subscription: str
    ack_ids: list[str]

    def lease(self, seconds: int) -> None:
        """Keeps them for so long; 0 gives them back. Where that fails, they come again, which changes no result."""
        from google.api_core.exceptions import GoogleAPICallError, RetryError

        if self.ack_ids:
            with suppress(GoogleAPICallError, RetryError):
                self.client.modify_ack_deadline(
                    subscription=self.subscription,
                    ack_ids=self.ack_ids,
                    ack_deadline_seconds=seconds,
                    timeout=PULL_SECONDS,
                )


_pulled: WeakKeyDictionary[Any, _Pulled] = WeakKeyDictionary()
_lock = Lock()


def _all_pulled() -> list[_Pulled]:
    with _lock:
        return list(_pulled.values())


def _extend(over: Event) -> None:
    while not over.wait(EXTEND_SECONDS):
        for held in _all_pulled():
            held.lease(LEASE_SECONDS)


class PatientRead(_PubSubReadEvaluator):  # type: ignore[misc]
    """Pulls; see the module."""

    def _read_from_pubsub(self, timestamp_attribute: str | None) -> list[tuple[Any, Any]]:
        from google.api_core.exceptions import DeadlineExceeded, GoogleAPICallError, ServiceUnavailable

        transform = self._applied_ptransform.transform
        with credentials_for("Pub/Sub"):
            client = self._get_subscriber_client(self._applied_ptransform)
        with _lock:
            done = _pulled.pop(transform, None)
        if done and done.ack_ids:
            client.acknowledge(subscription=self._sub_name, ack_ids=done.ack_ids)
        try:
            pulled = client.pull(subscription=self._sub_name, max_messages=MOST, timeout=PULL_SECONDS, retry=None)
        except (DeadlineExceeded, ServiceUnavailable):
            return []
        except GoogleAPICallError as error:
            what = f"{self._sub_name} gives no messages: {type(error).__name__}: {error.message}"
            fix = "Look whether the subscription is there, and whether this account may consume it."
            raise EngineError("feed-failed", what, fix=fix) from error
        held = _Pulled(client, self._sub_name, [each.ack_id for each in pulled.received_messages])
        held.lease(LEASE_SECONDS)
        with _lock:
            _pulled[transform] = held
        messages = [each.message for each in pulled.received_messages]
        return [(Timestamp.from_utc_datetime(m.publish_time), PubsubMessage._from_message(m)) for m in messages]


@contextmanager
def patient_reads(version: str = beam.__version__) -> Iterator[None]:
    """While this lasts, pipelines of this process read subscriptions so."""
    overrides = TransformEvaluatorRegistry._test_evaluators_overrides
    if version in LOOKED_AT:
        overrides[_DirectReadFromPubSub] = PatientRead
    over = Event()
    extending = Thread(target=_extend, args=(over,), name="onto_flow-leases", daemon=True)
    extending.start()
    try:
        yield
    finally:
        overrides.pop(_DirectReadFromPubSub, None)
        over.set()
        extending.join()
        for held in _all_pulled():
            held.lease(0)
        _pulled.clear()
