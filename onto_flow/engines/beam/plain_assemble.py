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
from .outlet import SHOWN, TimedStep, gate_key
from .plain_bytes import BEGIN, TOLD, Outputs, in_order, path_told

_plain = plain_changes()
_root_of = lru_cache(maxsize=10_000)(decode_key)

_TUPLE = len(encode(()))
"""How many bytes a short tuple begins with."""

_ONE_SHOWN = encode((("", 1),))[: -len(encode("") + encode(1))]
"""What is shown last begins so, where it is one document; then come its path and fields."""

_WELL = encode((False, False))[_TUPLE:]
"""A record ends so whose view neither fails nor waits."""

_WELL_SHOWN = encode(False)
"""A view change ends so whose document is not flagged."""


class Host(Protocol):
    """What runs the steps of an operator."""

    live: Live
    generation: int
    epoch: int
    shards: int

    def begun(self) -> TimedStep:
        """The context of a step."""

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
        if stays is None:
            return None
        live = self._host.live
        held = live.find(key)
        kept = None if held is None else held.get("record")
        record: Record | None = None if kept is None or kept[0] != raw else kept[1]
        noted = None if record is None else record.layout
        layout = noted[1] if noted is not None and kept is not None and noted[0] is kept[0] else None
        found = _plain.plain_register(raw, envelope, BEGIN, TOLD, stays, layout, *TYPES)
        if found is None:
            return None
        record = Record.of(decode_state(raw)) if record is None else record
        if not self._operator.can_change(record, found[2]):
            return None
        try:
            now, outputs = self._changed(key, record, raw, found)
        except Exception as error:
            live.take(key)
            return [self._host.failed(_root_of(key), [envelope[BEGIN:]], error)]
        state.write(now)
        record.layout = None if record.failed else (now, found[6])
        live.renew(key, "record", now, record)
        return outputs

    def _changed(self, key: bytes, record: Record, raw: bytes, found: Register) -> tuple[bytes, Outputs]:
        """The record's bytes after the step, and what Beam is to carry."""
        operator, (first, tail, path, version, fields, old, _) = self._operator, found
        shown = operator.change(record, path, Doc(version, fields, record.reg[path].keys))
        if shown is not None and not shown[1]:
            return first + raw[tail:], ()
        if old and shown is not None and operator.replaces(record, shown):
            return self._replaced(record, first, old)
        seq, step = record.seq, self._host.begun()
        operator.show(record, str(_root_of(key)), shown, step)
        if record.failed:
            return encode_state(record.pack()), self._host.given(step)
        if record.seq == seq:
            return first + raw[tail:], self._host.given(step)
        last = encode((tuple(record.last.items()), record.seq, False, False))
        return first + last[_TUPLE:], self._host.given(step)

    def _replaced(self, record: Record, first: bytes, old: bytes) -> tuple[bytes, Outputs]:
        """The one view document has become another one: `old` is what it was, as bytes."""
        host, seq = self._host, record.seq
        [(path, document)] = record.last.items()
        at, new = encode(path), encode(document)
        change = b"".join((self._shows, at, old, new, encode((host.generation, host.epoch, seq)), _WELL_SHOWN))
        now = b"".join((first, _ONE_SHOWN, at, new, encode(seq), _WELL))
        return now, ((gate_key(path, host.shards), change),)

    def _learn(self, collection: bytes, path: bytes) -> Names | None:
        if len(self._stays) >= MAX_COLLECTIONS:
            self._stays.clear()
        plain = self._operator.plain(path.decode())
        stays = self._stays[collection] = None if plain is None else in_order(plain.stays)
        return stays
