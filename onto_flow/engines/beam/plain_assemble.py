"""Plain changes of the documents of roots: one register of the record is replaced.

The view is evaluated from what the worker has kept of the root, else from the whole record. The other registers stay the
bytes that they were, and what was shown last goes into the view change as the bytes that it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Protocol

from ...core.compact import unseen
from ...formats.native.plain import TYPES, Known, Register, plain_changes, plain_root
from ...operators.base import Key
from ...operators.carried_keys import MAX_COLLECTIONS
from ...operators.kept_members import Shown
from ...operators.messages import Doc
from ...operators.record import Record
from ...operators.remembering import RememberingAssemble
from ..coding import decode_state, encode, encode_state
from .keys import decode_key
from .live import Live
from .one_shown import TUPLE, heads_of, one_shown
from .outlet import TimedStep, gate_key
from .plain_bytes import BEGIN, TOLD, Outputs, Take, in_order

_plain = plain_changes()
_root_of = lru_cache(maxsize=10_000)(decode_key)


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
        self._known: dict[bytes, Known] = {}
        self._register = partial(_plain.plain_register, *TYPES, BEGIN, TOLD, self._known)
        self._heads = heads_of(operator.view.name, host)
        self._shown = one_shown(self._heads)

    def __call__(self, key: bytes, envelope: bytes, given: Sequence[Any]) -> Outputs | None:
        """Puts the document into the record, and shows the view."""
        state = given[self._record]
        raw = state.read()
        return None if raw is None else self.take(key, envelope, state, raw)

    def take(self, key: bytes, envelope: bytes, state: Any, raw: bytes) -> Outputs | None:
        """The same, of the state and the record's bytes in it."""
        held = self._host.live.find(key)
        kept = None if held is None else held.get("record")
        record: Record | None = None
        layout = None
        if kept is not None and kept[0] == raw:
            record = kept[1]
            noted = record.layout
            layout = noted[1] if noted is not None and noted[0] is kept[0] else None
        registers = None if record is None else record.reg
        found = self._register(raw, envelope, layout, registers)
        if isinstance(found, bytes):
            self._learn(found)
            found = self._register(raw, envelope, layout, registers)
        if found is None or isinstance(found, bytes):
            return None
        record = Record.of(decode_state(raw)) if record is None else record
        path, slots = found[2], found[6]
        if not self._operator.can_change(record, path):
            return None
        shown = self._operator.change(record, path, unseen(Doc(found[3], found[4], record.reg[path].keys)), slots)
        return self.finish(key, envelope, state, raw, record, found, shown)

    def finish(
        self,
        key: bytes,
        envelope: bytes,
        state: Any,
        raw: bytes,
        record: Record,
        found: Register,
        shown: Shown | None,
    ) -> Outputs:
        """What is left to do when the record has taken the document: see `RememberingAssemble.change`."""
        live = self._host.live
        try:
            now, outputs = self._changed(key, record, raw, found, shown)
        except Exception as error:
            live.take(key)
            return [self._host.failed(_root_of(key), [envelope[BEGIN:]], error)]
        state.write(now)
        record.layout = None if record.failed else unseen((now, found[7]))
        live.renew(key, "record", now, record)
        return outputs

    def _changed(
        self, key: bytes, record: Record, raw: bytes, found: Register, shown: Shown | None
    ) -> tuple[bytes, Outputs]:
        """The record's bytes after the step, and what Beam is to carry."""
        operator, host, (first, tail, _, _, _, old, _, _) = self._operator, self._host, found
        seq = record.seq
        if shown is not None and not shown[1]:
            return first + raw[tail:], ()
        replaced = operator.replaces(record, shown) if old and shown is not None else None
        if replaced is not None:
            now, change = self._shown(first, old, *replaced, record.seq)
            return now, ((gate_key(replaced[0], host.shards), change),)
        step = host.begun()
        operator.show(record, str(_root_of(key)), shown, step)
        if record.failed:
            return encode_state(record.pack()), host.given(step)
        if record.seq == seq:
            return first + raw[tail:], host.given(step)
        shows = encode((tuple(record.last.items()), record.seq, False, False))
        return first + shows[TUPLE:], host.given(step)

    def _learn(self, path: bytes) -> None:
        if len(self._known) >= MAX_COLLECTIONS:
            self._known.clear()
        plain, slots = self._operator.plain(path.decode()), self._operator.slots_of(path.decode())
        self._known[path[: path.rfind(b"/") + 1]] = (None if plain is None else in_order(plain.stays), slots)

    def compiled(self) -> Take | None:
        """What does the same, and leaves to this what it does not know; `None` where there is no such thing."""
        take = plain_root()
        if take is None:
            return None
        operator, host = self._operator, self._host
        classes = (*TYPES, BEGIN, TOLD, self._known, self._heads, self._record, Record, Doc)
        kept = (host.live, host.live.entries, operator, operator.tells_sinks_alone)
        return partial(take, *classes, *kept, gate_key, host.shards, self.take, self.finish)


def plain_assemble(operator: RememberingAssemble, at: Mapping[str, int], host: Host) -> Take:
    """What takes the plain changes of the documents of roots; see `PlainAssemble`."""
    otherwise = PlainAssemble(operator, at, host)
    return otherwise.compiled() or otherwise
