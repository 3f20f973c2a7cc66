"""Dead letters as messages of a topic, one form for all engines.

| letter | data | attributes |
|---|---|---|
| of a message that cannot be read | the message's own data | its own, and ours |
| of anything else | what failed, as JSON in Firestore's typed form | ours |

Ours are `onto-flow-key`, `onto-flow-reason`, `onto-flow-stack` (each as much as an attribute holds); `onto-flow-cleared` is
`true` where the letter of that key is taken back, `onto-flow-incomplete` where something was cut out: a sensitive field, or
what was too much. A message that could not be read is replayed by publishing it again without ours (`replayed`); a feed of
the dead-letter topic reads it as it is.

Law: of a letter that a feed made of a message, `replayed(letter_message(letter))` has the message's data and attributes, or
is `None`, where something was cut out.
"""

from __future__ import annotations

import base64
import json

from ..core.change import DeadLetter
from .messages import LARGEST, LONGEST, Message, ordering_key
from .redaction import is_whole, redacted

KEY, REASON, STACK = "onto-flow-key", "onto-flow-reason", "onto-flow-stack"
CLEARED, INCOMPLETE = "onto-flow-cleared", "onto-flow-incomplete"
OURS = (KEY, REASON, STACK, CLEARED, INCOMPLETE)
_MOST_ATTRIBUTES = 100
_ROOM = 10_000
"""Bytes that our attributes may take."""
_OF_PUBSUB = "CloudPubSubDeadLetter"
"""Begins the names of attributes that a subscription's own dead-letter policy adds."""


def letter_message(letter: DeadLetter, sensitive: frozenset[str] = frozenset()) -> Message:
    """The message of a dead letter.

    Args:
        letter: What failed.
        sensitive: Fields whose values are never shown.

    Example:
        >>> message = letter_message(DeadLetter("document:users/u1", "bad-document: no", payload={"n": 1}))
        >>> message.data, message.attributes["onto-flow-reason"]
        (b'{"mapValue": {"fields": {"n": {"integerValue": "1"}}}}', 'bad-document: no')
    """
    shown = redacted(letter, sensitive)
    payload = str(shown.payload)
    message = line_message(payload)
    if message is None or len(message.attributes) > _MOST_ATTRIBUTES - len(OURS):
        message = Message(payload.encode(), {})
    room = LARGEST - _ROOM - Message(b"", message.attributes).size
    is_cut = not is_whole(payload) or len(message.data) > room
    ours = {KEY: _cut(shown.key), REASON: _cut(shown.reason), STACK: _cut(shown.stack, from_end=True)}
    ours |= {CLEARED: "true" * shown.cleared, INCOMPLETE: "true" * is_cut}
    said = {name: text for name, text in ours.items() if text}
    return Message(message.data[:room], {**message.attributes, **said}, ordering_key(shown.key))


def replayed(message: Message) -> Message | None:
    """A message of a dead-letter topic as it was published first; `None` where it cannot be, or is no message of a feed."""
    said = message.attributes
    if CLEARED in said or INCOMPLETE in said or not said.get(KEY, "event:").startswith("event:"):
        return None
    own = {n: v for n, v in said.items() if n not in OURS and not n.startswith(_OF_PUBSUB)}
    key = "" if KEY in said else message.ordering_key
    return (None if own else line_message(message.data.decode(errors="replace"))) or Message(message.data, own, key)


def line_message(line: str) -> Message | None:
    """The message that a dead letter of a feed keeps in one line; `None` where it keeps none, or not all of it.

    Example:
        >>> line_message('{"attributes": {"a": "b"}, "data_base64": "eA=="}')
        Message(data=b'x', attributes={'a': 'b'}, ordering_key='')
    """
    try:
        content = json.loads(line)
    except ValueError:
        return None
    if not isinstance(content, dict) or content.keys() != {"attributes", "data_base64"}:
        return None
    attributes, data = content["attributes"], content["data_base64"]
    try:
        return Message(base64.b64decode(data, validate=True), dict(attributes))
    except (TypeError, ValueError):
        return None


def _cut(text: str, *, from_end: bool = False) -> str:
    raw = text.encode()
    return (raw[-LONGEST:] if from_end else raw[:LONGEST]).decode(errors="ignore")
