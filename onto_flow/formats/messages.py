"""What goes to a topic of Pub/Sub: changes as CloudEvents, and view changes.

| message | data | attributes | ordering key |
|---|---|---|---|
| of a change | its CloudEvent in protobuf | `ce-*` and `content-type`, as the publisher of `deploy` sends them | its path |
| of a view change | JSON (`view_changes`) | `view`, `path`, `version` | its path |

Law: a feed reads the message of a change as that change, and the version of a view change rises as its text does.
Source: Pub/Sub's quotas; a key, and the value of an attribute, has 1,024 bytes at most, a message 10 MB.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import NamedTuple

from ..core.change import Change, ViewChange, ViewVersion
from .cloudevents_writer import encode_binary, encode_change
from .names import DEFAULT_DATABASE
from .view_changes import encode_view_change

LONGEST = 1024
"""Bytes of an ordering key, or of an attribute's value."""
LARGEST = 9_900_000
"""Bytes of a message; beyond it Pub/Sub may refuse the request that carries it alone."""


class Message(NamedTuple):
    """A message as it is published.

    Attributes:
        data: Its bytes.
        attributes: Names and texts beside them.
        ordering_key: Messages of one key come in order to who asks for that; empty: in any order.
    """

    data: bytes
    attributes: Mapping[str, str]
    ordering_key: str = ""

    @property
    def size(self) -> int:
        """Its bytes, all in all."""
        texts = (self.ordering_key, *self.attributes, *self.attributes.values())
        return len(self.data) + sum(len(text.encode()) + 8 for text in texts)


def change_message(change: Change, *, database: str = DEFAULT_DATABASE) -> Message:
    """The message of a change of a document.

    Args:
        change: Its version is that of an event: (time, 0) for an upsert, (time, 1) for a deletion.
        database: `projects/P/databases/D`, where the document lies.

    Raises:
        DataError: `bad-change` for a version that no event has; `bad-value`, `too-deep`.

    Example:
        >>> message = change_message(Change("users/u1", None, {"n": 1}, (1_700_000_000_000_000, 0)))
        >>> message.attributes["ce-type"], message.ordering_key
        ('google.cloud.firestore.document.v1.written', 'users/u1')
    """
    data, attributes = encode_binary(change, database=database)
    if any(len(value.encode()) > LONGEST for value in attributes.values()):
        data = json.dumps(encode_change(change, database=database), ensure_ascii=False).encode()
        attributes = {"content-type": "application/cloudevents+json"}
    return Message(data, attributes, ordering_key(change.path))


def view_change_message(change: ViewChange) -> Message:
    """The message of a view change; a path that is too long for an attribute is in the data alone.

    Example:
        >>> message = view_change_message(ViewChange("V", "v/1", None, {"n": 1}, (7, 0, 26)))
        >>> message.attributes
        {'view': 'V', 'path': 'v/1', 'version': '0000000000000007/0000000000000000/000000000000001a'}
    """
    attributes = {"view": change.view, "path": change.path, "version": version_text(change.version)}
    fitting = {name: value for name, value in attributes.items() if len(value.encode()) <= LONGEST}
    return Message(encode_view_change(change), fitting, ordering_key(change.path))


def version_text(version: ViewVersion) -> str:
    """A version as text that rises with it: three numbers in hexadecimal, of 16 digits each."""
    return "/".join(f"{part:016x}" for part in version)


def ordering_key(path: str) -> str:
    """What keeps the messages of a document in order: its path; where that is too long, its SHA-256."""
    return path if len(path.encode()) <= LONGEST else hashlib.sha256(path.encode()).hexdigest()
