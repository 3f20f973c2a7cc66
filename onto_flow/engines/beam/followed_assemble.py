"""Steps of a root whose documents come and go: what they change of its record is put into the bytes that it had.

What the worker has kept of the root follows (`RememberingAssemble.follow`); nothing else of the record is packed or encoded.
Law: state, timers, messages and outputs are, byte for byte, those of the operator's step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...formats.native.followed import followed_record
from ...operators.base import Operator
from ...operators.messages import Answer, Message
from ...operators.reached import Reached
from ...operators.record import Record
from ...operators.remembering import RememberingAssemble
from ..coding import decode_message, encode, encode_state
from .keys import decode_key
from .outlet import TimedStep
from .plain_assemble import Host
from .plain_bytes import BEGIN, TOLD, Outputs, Take
from .simple_assemble import ANSWER
from .waits import Waiting, set_garbage

_put = followed_record()

_TUPLE = len(encode(()))
"""How many bytes a short tuple begins with."""


class FollowedAssemble:
    """Takes messages of roots whose records the worker has.

    Args:
        operator: Follows them.
        at: State -> its place among those that are given; behind those is what the key waits for.
        timer: The place of the garbage timer.
        host: Runs its other steps.
    """

    def __init__(self, operator: RememberingAssemble, at: Mapping[str, int], timer: int, host: Host) -> None:
        self._operator, self._host = operator, host
        self._record, self._waits, self._timer = at["record"], len(at), timer

    def __call__(self, key: bytes, envelope: bytes, given: Sequence[Any]) -> Outputs | None:
        """Takes a document, or an answer, into the record; shows the view."""
        live = self._host.live
        held = live.find(key)
        kept = None if held is None else held.get("record")
        if kept is None or not envelope.startswith((TOLD, ANSWER), BEGIN) or not self._operator.can_follow(kept[1]):
            return None
        state = given[self._record]
        raw = state.read()
        message = decode_message(envelope[BEGIN:]) if raw == kept[0] else None
        if message is None or not Reached.takes(message):
            return None
        record: Record = kept[1]
        step = self._host.begun()
        try:
            now = self._followed(record, kept[0], str(decode_key(key)), message, step)
            outputs = self._host.given(step)
        except Exception as error:
            live.take(key)
            return [self._host.failed(decode_key(key), [envelope[BEGIN:]], error)]
        if now != raw:
            state.write(now)
        live.renew(key, "record", now, record)
        if "garbage" in step.asked:
            set_garbage(Waiting(given[self._waits]), given[self._timer], step.asked["garbage"])
        return outputs

    def _followed(self, record: Record, raw: bytes, root: str, message: Message, step: TimedStep) -> bytes:
        """The record's bytes after the step."""
        due, seq, noted = record.due, record.seq, record.layout
        news = self._operator.follow(record, root, [message], step)
        opened = None
        if isinstance(message, Answer) and message.weight:
            opened = encode(tuple([(s, k, w) for s, keys in record.open.items() for k, w in keys.items()]))
        shown = None
        if record.seq != seq or record.failed:
            shown = encode((tuple(record.last.items()), record.seq, record.failed, record.behind))[_TUPLE:]
        found = _put(
            raw,
            noted[1] if noted is not None and noted[0] is raw else None,
            tuple([encode((path, *record.reg[path])) for path in news]),
            None if record.due is due else encode(tuple(record.due.items())),
            opened,
            shown,
        )
        if found is None:
            return encode_state(record.pack())
        record.layout = found
        return found[0]


def _nothing(key: bytes, envelope: bytes, given: Sequence[Any]) -> None:
    """No step is taken."""


def followed_of(operator: Operator, at: Mapping[str, int], timer: int, host: Host) -> Take:
    """What takes the steps of roots whose documents come and go.

    Args:
        operator: It.
        at: State -> its place among those that are given.
        timer: The place of the garbage timer.
        host: Runs its other steps.
    """
    return FollowedAssemble(operator, at, timer, host) if isinstance(operator, RememberingAssemble) else _nothing
