"""A function that hands each change of Firestore to a Pub/Sub topic: deployed by itself, so it imports nothing of onto_flow.

An event is acknowledged when Pub/Sub has the message: what fails is raised, answered with 500 and delivered again. Messages
are CloudEvents in binary mode (body and `ce-*` attributes as they came); where an attribute is longer than Pub/Sub takes,
in structured mode. The ordering key is the document's path, and where that is too long, its SHA-256.

Environment:
    ONTO_FLOW_TOPIC: `projects/P/topics/T`.
    ONTO_FLOW_COLLECTIONS: Collections to hand on, with commas: `users,stocks/{symbol}/daily`, `**/daily` for every
        collection of that name. Views are never among them, so that no view feeds itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import functions_framework
from google.cloud import pubsub_v1

LONGEST = 1024
"""Bytes of an ordering key or of an attribute's value (Pub/Sub's quotas)."""

SECONDS = 50.0
"""How long a message may take to Pub/Sub; the trigger tries again after it."""


@functions_framework.cloud_event
def publish(event: Any) -> None:
    """Hands one change on.

    Args:
        event: A CloudEvent of `google.cloud.firestore.document.v1`.

    Raises:
        google.api_core.exceptions.GoogleAPIError: Pub/Sub did not take it.
    """
    attributes = {name: str(value) for name, value in event.get_attributes().items()}
    path = unquote(attributes.get("document") or attributes.get("subject", "").removeprefix("documents/"))
    if not wanted(path, os.environ["ONTO_FLOW_COLLECTIONS"]):
        return
    data, headers = message(attributes, event.get_data())
    topic, key = os.environ["ONTO_FLOW_TOPIC"], ordering_key(path)
    client = _client()
    try:
        client.publish(topic, data, ordering_key=key, **headers).result(timeout=SECONDS)
    except Exception:
        client.resume_publish(topic, key)
        raise


def wanted(path: str, collections: str) -> bool:
    """Whether a document lies in one of the collections."""
    parts = path.split("/")[:-1]
    return any(_is_in(parts, pattern.strip().split("/")) for pattern in collections.split(","))


def _is_in(parts: list[str], pattern: list[str]) -> bool:
    if pattern[0] == "**":
        return len(parts) % 2 == 1 and parts[-1] == pattern[-1]
    return len(parts) == len(pattern) and all(p.startswith("{") or p == q for p, q in zip(pattern, parts))


def message(attributes: dict[str, str], data: Any) -> tuple[bytes, dict[str, str]]:
    """The body of a message, and its attributes."""
    kind = attributes.get("datacontenttype", "application/protobuf")
    if isinstance(data, (dict, list)):
        data = json.dumps(data, separators=(",", ":")).encode()
    body = data.encode() if isinstance(data, str) else bytes(data or b"")
    headers = {f"ce-{name}": value for name, value in attributes.items() if name != "datacontenttype"}
    if all(len(value.encode()) <= LONGEST for value in headers.values()):
        return body, {**headers, "content-type": kind}
    whole = {**attributes, "datacontenttype": kind, "data_base64": base64.b64encode(body).decode()}
    return json.dumps(whole).encode(), {"content-type": "application/cloudevents+json"}


def ordering_key(path: str) -> str:
    """What keeps the messages of a document in order, for subscriptions that ask for it."""
    return path if len(path.encode()) <= LONGEST else hashlib.sha256(path.encode()).hexdigest()


@lru_cache(maxsize=1)
def _client() -> pubsub_v1.PublisherClient:
    options = pubsub_v1.types.PublisherOptions(enable_message_ordering=True)
    return pubsub_v1.PublisherClient(publisher_options=options)
