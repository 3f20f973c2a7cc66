"""Steps of a root whose documents come and go: what they change of its record is put into the bytes that it had.

What the worker has kept of the root follows (`RememberingAssemble.follow`); nothing else of the record is packed or encoded.
Law: state, timers, messages and outputs are, byte for byte, those of the operator's step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from ...core.compact import unseen
from ...formats.native.followed import Followed, followed_record
from ...operators.base import Operator
from ...operators.kept_members import Shown
from ...operators.messages import Answer, Message, Told
from ...operators.reached import Reached
from ...operators.record import Record
from ...operators.remembering import NEWS, SHOWS, RememberingAssemble
from ..coding import decode_message, encode, encode_state
from . import clock
from .keys import decode_key
from .one_shown import TUPLE, heads_of, one_shown
from .outlet import gate_key
from .plain_assemble import Host
from .plain_bytes import BEGIN, TOLD, Outputs, Take
from .simple_assemble import ANSWER
from .waits import Waiting, set_garbage

_put = followed_record()
_KINDS = (TOLD, ANSWER)


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
        self._shown = one_shown(heads_of(operator.view.name, host))

    def __call__(self, key: bytes, envelope: bytes, given: Sequence[Any]) -> Outputs | None:
        """Takes a document, or an answer, into the record; shows the view."""
        live = self._host.live
        held = live.find(key) if envelope.startswith(_KINDS, BEGIN) else None
        kept = None if held is None else held.get("record")
        if kept is None or not self._operator.can_follow(kept[1]):
            return None
        raw, record = kept
        state = given[self._record]
        message = decode_message(envelope[BEGIN:]) if state.read() == raw else None
        if message is None or not Reached.takes(message):
            return None
        due = record.due
        try:
            now, outputs = self._followed(record, raw, str(decode_key(key)), message)
        except Exception as error:
            live.take(key)
            return [self._host.failed(decode_key(key), [envelope[BEGIN:]], error)]
        if now != raw:
            state.write(now)
        live.renew(key, "record", now, record)
        # While something is due, a timer has been set that comes no later.
        if record.due is not due and (at := _earliest(record.due)) and at != _earliest(due):
            set_garbage(Waiting(given[self._waits]), given[self._timer], at)
        return outputs

    def _followed(self, record: Record, raw: bytes, root: str, message: Message) -> tuple[bytes, Outputs]:
        """The record's bytes after the step, and what Beam is to carry."""
        due, noted = record.due, record.layout
        taken = self._operator.take(record, root, (message,), clock.micros())
        shown = self._operator.shows(record) if taken & SHOWS else None
        shows = taken & SHOWS and (shown is None or shown[1])
        path, answered = "", None
        if isinstance(message, Answer):
            slot, path = message.slot, cast("str", message.key)
            if message.weight:
                answered = encode((slot, path, record.open.get(slot, _NOTHING).get(path, 0)))
        elif isinstance(message, Told):
            path = message.path
        found = _put(
            raw,
            noted[1] if noted is not None and noted[0] is raw else None,
            (encode((path, *record.reg[path])),) if taken & NEWS else (),
            None if record.due is due else encode(tuple(record.due.items())),
            answered,
            bool(shows),
        )
        record.layout = None
        now, outputs = self._emitted(record, root, shown, found) if shows else (None if found is None else found[0], ())
        if found is None or now is None:
            return encode_state(record.pack()), outputs
        record.layout = unseen((now, found[1]))
        return now, outputs

    def _emitted(
        self, record: Record, root: str, shown: Shown | None, found: Followed | None
    ) -> tuple[bytes | None, Outputs]:
        """Shows the view: the record's bytes, where they are known, and what Beam is to carry."""
        operator, host = self._operator, self._host
        replaced = operator.replaces(record, shown) if found is not None and found[2] and shown is not None else None
        if found is not None and replaced is not None:
            now, change = self._shown(found[0], found[2], *replaced, record.seq)
            return now, ((gate_key(replaced[0], host.shards), change),)
        step = host.begun()
        operator.show(record, root, shown, step)
        last = encode((tuple(record.last.items()), record.seq, record.failed, record.behind))
        return None if found is None else found[0] + last[TUPLE:], host.given(step)


_NOTHING: Mapping[Any, int] = {}


def _earliest(due: Mapping[str, int]) -> int:
    return min(due.values(), default=0)


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
