"""The topic of a feed as where a repair goes: CloudEvents in binary mode, as the publisher that is deployed sends them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.types import PublisherOptions

from ..core.change import Change
from ..core.errors import EngineError, UsageError
from ..formats.cloudevents import STRUCTURED
from ..formats.cloudevents_writer import encode_binary, encode_change
from ..formats.credentials import credentials_for

LONGEST = 1024
"""Bytes of an ordering key or of an attribute's value (Pub/Sub's quotas)."""

SECONDS = 60.0
"""How long Pub/Sub may take for a batch."""

_PLACE = re.compile(r"(?://|projects/)([^/?#]+)/(?:topics/)?([^/?#]+)")


class TopicOutlet:
    """A topic of Google Cloud Pub/Sub; credentials are those of the environment.

    Args:
        place: `//PROJECT/TOPIC`, or `projects/PROJECT/topics/TOPIC`.

    Raises:
        UsageError: `wrong-usage` for what is no topic.
    """

    def __init__(self, place: str) -> None:
        found = _PLACE.fullmatch(place)
        if found is None:
            raise UsageError("wrong-usage", f"{place:.200} is no topic", fix="Write pubsub://PROJECT/TOPIC.")
        with credentials_for("Pub/Sub"):
            self._client = PublisherClient(publisher_options=PublisherOptions(enable_message_ordering=True))
        self._topic = self._client.topic_path(*found.groups())

    def send(self, changes: Sequence[Change]) -> None:
        """See `repair.Outlet`."""
        waiting = [self._publish(change) for change in changes]
        try:
            for future in waiting:
                future.result(timeout=SECONDS)
        except (GoogleAPICallError, TimeoutError) as error:
            what = f"Pub/Sub does not take the repair: {type(error).__name__}: {error!s:.300}"
            raise EngineError(
                "feed-failed", what, where=self._topic, fix="Run it again: it does no harm twice."
            ) from error

    def _publish(self, change: Change) -> Any:
        body, attributes = encode_binary(change)
        if any(len(value.encode()) > LONGEST for value in attributes.values()):
            body, attributes = json.dumps(encode_change(change)).encode(), {"content-type": STRUCTURED}
        return self._client.publish(self._topic, body, ordering_key=_ordering_key(change.path), **attributes)

    def close(self) -> None:
        """See `repair.Outlet`."""
        self._client.stop()
        self._client.transport.close()


def _ordering_key(path: str) -> str:
    return path if len(path.encode()) <= LONGEST else hashlib.sha256(path.encode()).hexdigest()
