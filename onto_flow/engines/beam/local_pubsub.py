"""Reads a subscription on BundleBasedDirectRunner as a job that goes on needs it; only on versions that were looked at.

Beam's own read (2.77) pulls 10 messages and acknowledges them at once. It waits for them for up to 30 seconds, in which
neither timers nor the end of the job come, and takes it for a failure when that time is over. Here more are pulled, silence
is no failure, and messages are acknowledged at the next pull: the runner pulls again only when nothing else is to be done,
so what was pulled before has gone through all steps. State is in memory all the same: what a job knows is gone when it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.runners.direct.direct_runner import _DirectReadFromPubSub
from apache_beam.runners.direct.transform_evaluator import TransformEvaluatorRegistry, _PubSubReadEvaluator
from apache_beam.utils.timestamp import Timestamp

LOOKED_AT = ("2.77.0",)
"""Versions of Beam whose own read is known."""

MOST = 200
"""Messages of one pull."""
PULL_SECONDS = 5.0
"""How long a pull waits for messages: so late come timers, and the end of a job, while nothing comes."""

_pulled: WeakKeyDictionary[Any, list[str]] = WeakKeyDictionary()


class PatientRead(_PubSubReadEvaluator):  # type: ignore[misc]
    """Pulls; see the module."""

    def _read_from_pubsub(self, timestamp_attribute: str | None) -> list[tuple[Any, Any]]:
        from google.api_core.exceptions import DeadlineExceeded, ServiceUnavailable

        transform = self._applied_ptransform.transform
        client = self._get_subscriber_client(self._applied_ptransform)
        if done := _pulled.pop(transform, None):
            client.acknowledge(subscription=self._sub_name, ack_ids=done)
        try:
            pulled = client.pull(subscription=self._sub_name, max_messages=MOST, timeout=PULL_SECONDS, retry=None)
        except (DeadlineExceeded, ServiceUnavailable):
            return []
        _pulled[transform] = [each.ack_id for each in pulled.received_messages]
        messages = [each.message for each in pulled.received_messages]
        return [(Timestamp.from_utc_datetime(m.publish_time), PubsubMessage._from_message(m)) for m in messages]


@contextmanager
def patient_reads(version: str = beam.__version__) -> Iterator[None]:
    """While this lasts, pipelines of this process read subscriptions so."""
    overrides = TransformEvaluatorRegistry._test_evaluators_overrides
    if version in LOOKED_AT:
        overrides[_DirectReadFromPubSub] = PatientRead
    try:
        yield
    finally:
        overrides.pop(_DirectReadFromPubSub, None)
