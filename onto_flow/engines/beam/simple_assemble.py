"""Answers that a record which waits for others takes: their documents are put into its bytes.

The record itself is one that the worker has lately had, and knows what it waits for (`operators.record`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ...formats.native.simple import simple_steps
from ...operators.assemble import Assemble
from ...operators.messages import Answer
from ..coding import decode_message, encode, encode_message
from .live import Live

_whole = encode_message(Answer(1, "", 1))
ANSWER = _whole[: _whole.index(encode(1))]
"""What an answer begins with; then come its slot and its key."""

_HEAD = len(ANSWER)

_simple = simple_steps()


class Keeping(Protocol):
    """What has the objects of the keys that it had lately."""

    live: Live


class SimpleAssemble:
    """Takes answers.

    Args:
        operator: Says whether a record waits.
        at: State -> its place among those that are given.
        host: Has the records.
    """

    def __init__(self, operator: Assemble, at: Mapping[str, int], host: Keeping) -> None:
        self._operator, self._record, self._host = operator, at["record"], host

    def __call__(self, key: bytes, envelope: bytes, begin: int, given: Sequence[Any]) -> list[Any] | None:
        """Puts the documents into the record; nothing is sent."""
        live = self._host.live
        held = live.find(key) if envelope.startswith(ANSWER, begin) else None
        kept = None if held is None else held.get("record")
        missing = None if kept is None else kept[1].missing
        if (
            kept is None
            or missing is None
            or envelope.startswith(encode(missing[0]) + encode(missing[1]), begin + _HEAD)
        ):
            return None  # what it waits for has come
        state = given[self._record]
        raw = state.read()
        now = _simple.simple_answer(raw, envelope, begin, ANSWER) if kept[0] == raw else None
        if now is None:
            return None
        answer = decode_message(envelope[begin:])
        if not isinstance(answer, Answer) or not self._operator.take_while_it_waits(kept[1], answer):
            return None
        state.write(now)
        live.renew(key, "record", now, kept[1])
        return []
