"""Plain changes of the documents of roots: one register of the record is replaced.

The view is evaluated from what the worker has kept of the root, else from the whole record. The other registers stay the
bytes that they were, and what was shown last goes into the view change as the bytes that it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from ...core.change import ViewChange
from ...formats.native.plain import TYPES, Names, Register, plain_changes
from ...operators.base import Key
from ...operators.carried_keys import MAX_COLLECTIONS
from ...operators.messages import Doc
from ...operators.record import Record
from ...operators.remembering import RememberingAssemble
from ..carried import encode_carried
from ..coding import decode_state, encode, encode_state
from .keys import decode_key
from .live import Live
from .outlet import SHOWN, TimedStep
from .plain_bytes import BEGIN, TOLD, Outputs, in_order, path_told

_plain = plain_changes()
_root_of = lru_cache(maxsize=10_000)(decode_key)

_TUPLE = len(encode(()))
"""How many bytes a short tuple begins with."""

_ONE_SHOWN = encode((("", 1),))[: -len(encode("") + encode(1))]
"""What is shown last begins so, where it is one document; then come its path and fields."""

_WELL = encode((False, False))[_TUPLE:]
"""A record ends so whose view neither fails nor waits."""


class Host(Protocol):
    """What runs the steps of an operator."""

    live: Live

    def begun(self) -> TimedStep:
        """The context of a step."""

    def gate_key(self, change: ViewChange) -> bytes:
        """The key at which a view change goes through the gate."""

    def given(self, step: TimedStep) -> Outputs:
        """What Beam is to carry of a step that no load caused."""

    def failed(self, key: Key, waiting: Sequence[bytes], error: Exception) -> Any:
        """The dead letter of a step that failed."""


class PlainAssemble:
    """Takes plain changes of the documents of roots.

    Args:
        operator: Says what they are, and shows the view.
        at: State -> its place among those that are given.
        host: Runs its other steps.
    """

    def __init__(self, operator: RememberingAssemble, at: Mapping[str, int], host: Host) -> None:
        self._operator, self._host, self._record = operator, host, at["record"]
        self._stays: dict[bytes, Names | None] = {}
        view = operator.view.name
        change = encode_carried(ViewChange(view, "", None, None, (0, 0, 0)), SHOWN)
        self._shows = change[: change.index(encode(view)) + len(encode(view))]

    def __call__(self, key: bytes, envelope: bytes, given: Sequence[Any]) -> Outputs | None:
        """Puts the document into the record, and shows the view."""
        path, state = path_told(envelope), given[self._record]
        raw = None if path is None else state.read()
        if path is None or raw is None:
            return None
        collection = path[: path.rfind(b"/")]
        stays = self._stays[collection] if collection in self._stays else self._learn(collection, path)
        found = None if stays is None else _plain.plain_register(raw, envelope, BEGIN, TOLD, stays, *TYPES)
        if found is None:
            return None
        live = self._host.live
        held = live.find(key)
        kept = None if held is None else held.get("record")
        record = Record.of(decode_state(raw)) if kept is None or kept[0] != raw else kept[1]
        if not self._operator.can_change(record, found[2]):
            return None
        step = self._host.begun()
        try:
            now, outputs = self._changed(key, record, raw, found, step)
        except Exception as error:
            live.take(key)
            return [self._host.failed(_root_of(key), [envelope[BEGIN:]], error)]
        state.write(now)
        live.renew(key, "record", now, record)
        return outputs

    def _changed(
        self, key: bytes, record: Record, raw: bytes, found: Register, step: TimedStep
    ) -> tuple[bytes, Outputs]:
        """The record's bytes after the step, and what Beam is to carry."""
        (first, tail, path, version, fields, old), seq = found, record.seq
        self._operator.change(record, str(_root_of(key)), path, Doc(version, fields, record.reg[path].keys), step)
        if record.failed:
            return encode_state(record.pack()), self._host.given(step)
        if record.seq == seq:
            return first + raw[tail:], self._host.given(step)
        shown = step.shown
        if shown is None or shown.new is None or not old or len(record.last) != 1:
            last = encode((tuple(record.last.items()), record.seq, False, False))
            return first + last[_TUPLE:], self._host.given(step)
        at, new = encode(shown.path), encode(shown.new)
        change = b"".join((self._shows, at, old, new, encode((shown.version, False))[_TUPLE:]))
        now = b"".join((first, _ONE_SHOWN, at, new, encode(record.seq), _WELL))
        return now, ((self._host.gate_key(shown), change),)

    def _learn(self, collection: bytes, path: bytes) -> Names | None:
        if len(self._stays) >= MAX_COLLECTIONS:
            self._stays.clear()
        plain = self._operator.plain(path.decode())
        stays = self._stays[collection] = None if plain is None else in_order(plain.stays)
        return stays
