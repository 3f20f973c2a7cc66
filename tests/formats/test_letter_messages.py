"""Dead letters as messages of a topic."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onto_flow.core.change import DeadLetter
from onto_flow.formats import letter_messages, redaction
from onto_flow.formats.letter_messages import letter_message, line_message, replayed
from onto_flow.formats.messages import LARGEST, LONGEST, Message

TEXTS = st.text(max_size=20)


def line(data, attributes):
    """What a feed keeps of a message that it cannot read."""
    return json.dumps({"attributes": attributes, "data_base64": base64.b64encode(data).decode()}).encode()


@settings(max_examples=40)
@given(st.binary(), st.dictionaries(TEXTS, TEXTS, max_size=5) | st.just({str(n): "x" for n in range(99)}), st.text())
def test_a_message_that_could_not_be_read_is_replayed_as_it_was(data, attributes, reason):
    own = {n: v for n, v in attributes.items() if n not in letter_messages.OURS}
    message = letter_message(DeadLetter("event:e1", reason, "stack", line(data, own)))
    assert replayed(message) == Message(data, own)
    assert len(message.attributes) <= 100
    assert all(len(v.encode()) <= LONGEST for v in message.attributes.values())
    if reason:
        assert reason.encode("utf-8", "backslashreplace").startswith(message.attributes["onto-flow-reason"].encode())


def test_what_the_policy_of_a_subscription_adds_is_taken_away():
    added = {"CloudPubSubDeadLetterSourceDeliveryCount": "5", "ce-type": "t"}
    assert replayed(Message(b"x", added, "k")) == Message(b"x", {"ce-type": "t"}, "k")


def test_a_line_of_a_feed_is_replayed_as_a_message_of_it():
    assert replayed(letter_message(DeadLetter("event:e1", "no", "", b'{"a": 1'))).data == b'{"a": 1'


@pytest.mark.parametrize(
    ("letter", "sensitive"),
    [
        (DeadLetter("view:V:a/b", "udf-failed: no", "stack", {"n": 1}), ()),
        (DeadLetter("event:e1", "", cleared=True), ()),
        (DeadLetter("event:e1", "no", "", line(b'{"iban": "DE12"}', {})), ("iban",)),
        (DeadLetter("event:e1", "no", "", line(b"x" * LARGEST, {})), ()),
        (DeadLetter("event:e1", "no", "", b"x" * redaction.MAX_PAYLOAD + b"x"), ()),
    ],
)
def test_what_tells_of_no_message_or_is_not_whole_cannot_be_replayed(letter, sensitive):
    message = letter_message(letter, frozenset(sensitive))
    assert replayed(message) is None
    assert message.size <= LARGEST
    assert b"DE12" not in message.data


def test_the_end_of_a_stack_is_shown():
    stack = "".join(f"line {n}\n" for n in range(1000))
    message = letter_message(DeadLetter("view:V:a/b", "udf-failed: é" + "é" * LONGEST, stack))
    assert message.attributes["onto-flow-stack"].endswith("line 999\n")
    assert message.attributes["onto-flow-reason"].startswith("udf-failed: é")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"attributes": {}}',
        '{"attributes": 1, "data_base64": ""}',
        '{"attributes": {}, "data_base64": "?"}',
        '{"attributes": {}, "data_base64": 1}',
    ],
)
def test_lines_that_keep_no_message(text):
    assert line_message(text) is None
