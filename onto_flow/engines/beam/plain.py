"""Plain changes (`operators.plain`) on the bytes of messages and state.

A step reads bytes, makes objects of them, lets the operator look at everything, and makes bytes of everything again. Of a
plain change nearly all stays as it is: here its bytes are put where the older ones were, and told on as they came.

Law: state and messages are, byte for byte, those of the operator's step. What is not plain is left to that: `None`. Only
messages that weigh nothing (`engines.credit`) are taken, so there are no accounts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from apache_beam.pvalue import TaggedOutput

from ...formats.native.plain import Names, plain_changes
from ...operators.base import Key, Operator, Profile
from ...operators.carried_keys import MAX_COLLECTIONS
from ...operators.expiry import MARK
from ...operators.ingest import Ingest
from ...operators.match import Match
from ...operators.messages import Doc, Event, Told
from ...operators.plain import Plain
from ...operators.record import Record
from ...operators.remembering import RememberingAssemble
from ..coding import decode, encode, encode_message, encode_state
from ..credit import wrap
from . import cells, clock
from .keys import decode_key
from .live import Live
from .outlet import Outlet, TimedStep, weightless

Outputs = Sequence[Any]
Take = Callable[[bytes, bytes, Sequence[Any]], "Outputs | None"]
"""(key, envelope, states) -> what Beam is to carry; `None`: the change is not plain."""

WEIGHTLESS = wrap(b"")
_BEGIN = len(WEIGHTLESS)
_LEAST = -(1 << 63)


def _head(message: Event | Told, then: Any) -> bytes:
    """What all messages of a type begin with, up to their first part."""
    raw = encode_message(message)
    return raw[: raw.index(encode(then))]


_EVENT = _head(Event((5, 5), None), (5, 5))
_TOLD = _head(Told("path", Doc((5, 5), None, None)), "path")

_plain = plain_changes()


def _names(names: Sequence[str] | frozenset[str]) -> Names:
    return tuple(sorted(name.encode() for name in names))


class PlainIngest:
    """Takes plain changes of documents.

    Args:
        operator: Says what they are.
        profile: What this engine promises.
        at: State -> its place among those that are given.
    """

    def __init__(self, operator: Ingest, profile: Profile, at: Mapping[str, int]) -> None:
        self._operator, self._document = operator, at["document"]
        self._floor = _LEAST if profile.snapshot is None else profile.snapshot
        self._known: dict[bytes, tuple[Names | None, Names, tuple[str, ...]] | None] = {}

    def __call__(self, key: bytes, envelope: bytes, given: Sequence[Any]) -> Outputs | None:
        """Keeps the document's new fields, and tells of them."""
        collection = key[: key.rfind(b"/")]
        try:
            known = self._known[collection]
        except KeyError:
            known = self._learn(collection, key)
        if known is None:
            return None
        state = given[self._document]
        held = state.read()
        if held is None:
            return None
        read, stays, tells = known
        found = _plain.plain_event(
            held, envelope, _BEGIN, _EVENT, _TOLD_ON, key, read, _APART, stays, self._floor, clock.micros()
        )
        if found is None:
            return None
        raw, told = found
        state.write(raw)
        return () if told is None else [TaggedOutput(operator, (key, told)) for operator in tells]

    def _learn(self, collection: bytes, key: bytes) -> tuple[Names | None, Names, tuple[str, ...]] | None:
        plain: Plain | None = self._operator.plain(str(decode_key(key)))
        if len(self._known) >= MAX_COLLECTIONS:
            self._known.clear()
        read = None if plain is None or plain.read is None else _names(plain.read)
        known = self._known[collection] = None if plain is None else (read, _names(plain.stays), plain.tells)
        return known


_TOLD_ON = WEIGHTLESS + _TOLD
_APART = MARK.encode()


class PlainMatch:
    """Takes plain changes of members.

    Args:
        operator: Says what they are.
        profile: What this engine promises.
        at: State -> its place among those that are given.
    """

    def __init__(self, operator: Match, profile: Profile, at: Mapping[str, int]) -> None:
        plain = operator.plain()
        self._stays = None if plain is None else _names(plain.stays)
        self._assemble, self._page = operator.assemble, profile.page
        self._docs, self._subs, self._round = at["docs"], at["subs"], at["round"]

    def __call__(self, key: bytes, envelope: bytes, given: Sequence[Any]) -> Outputs | None:
        """Keeps the member, and tells all active roots, unless they are so many that they are told page by page."""
        if self._stays is None:
            return None
        docs, subs = given[self._docs], given[self._subs].read()
        held = docs.read()
        if held is None:
            return None
        raw = _plain.plain_member(held, envelope, _BEGIN, _TOLD, self._stays)
        if raw is None or len(raw) > cells.SPLIT_BYTES:
            return None
        roots = [] if subs is None else _plain.active(subs)
        if roots is None or (self._page and len(roots) > self._page) or given[self._round].read() is not None:
            return None
        docs.write(raw)
        assemble = self._assemble
        return [TaggedOutput(assemble, (root, envelope)) for root in roots]


class Host(Protocol):
    """What runs the steps of an operator."""

    live: Live

    def begun(self) -> TimedStep:
        """The context of a step."""

    def outlets(self, step: TimedStep) -> list[Outlet]:
        """What a step shows, and its letters."""

    def failed(self, key: Key, waiting: Sequence[bytes], error: Exception) -> Any:
        """The dead letter of a step that failed."""


class PlainAssemble:
    """Takes plain changes of the documents of roots whose objects the worker has.

    Args:
        operator: Says what they are, and shows the view.
        at: State -> its place among those that are given.
        host: Runs its other steps.
    """

    def __init__(self, operator: RememberingAssemble, at: Mapping[str, int], host: Host) -> None:
        self._operator, self._host, self._record = operator, host, at["record"]
        self._stays: dict[str, Names | None] = {}

    def __call__(self, key: bytes, envelope: bytes, given: Sequence[Any]) -> Outputs | None:
        """Puts the document into the record, and shows the view."""
        state, held = given[self._record], self._host.live.find(key)
        kept = None if held is None else held.get("record")
        if kept is None or not envelope.startswith(_TOLD, _BEGIN):
            return None
        raw, record = kept
        if state.read() != raw or not self._operator.can_change(record):
            return None
        _, path, doc = decode(envelope, _BEGIN)
        stays = self._staying(path)
        found = None if stays is None else _plain.plain_register(raw, envelope, _BEGIN, _TOLD, stays)
        if found is None:
            return None
        self._host.live.take(key)
        step, root = self._host.begun(), str(decode_key(key))
        try:
            seq = record.seq
            self._operator.change(record, root, path, Doc(*doc), step)
            sent, outputs = list(step.sent()), self._host.outlets(step)
            now = _written(raw, found, record, shown=record.seq != seq)
        except Exception as error:
            return [self._host.failed(root, [envelope[_BEGIN:]], error)]
        state.write(now)
        self._host.live.give(key, {"record": (now, record)})
        return weightless(sent, outputs)

    def _staying(self, path: str) -> Names | None:
        collection = path.rpartition("/")[0]
        if collection not in self._stays:
            if len(self._stays) >= MAX_COLLECTIONS:
                self._stays.clear()
            plain = self._operator.plain(path)
            self._stays[collection] = None if plain is None else _names(plain.stays)
        return self._stays[collection]


def _written(raw: bytes, found: tuple[bytes, int], record: Record, *, shown: bool) -> bytes:
    """A record as bytes, of which registers changed, and what it showed last if anything was shown."""
    first, tail = found
    if record.kept is None:
        return encode_state(record.pack())
    return first + (encode((tuple(record.last.items()), record.seq, False, False))[_TUPLE:] if shown else raw[tail:])


_TUPLE = len(encode(()))
"""How many bytes a short tuple begins with."""


def _nothing(key: bytes, envelope: bytes, given: Sequence[Any]) -> None:
    """No change is plain."""


def plain_of(operator: Operator, profile: Profile, at: Mapping[str, int], host: Host) -> Take:
    """What takes the plain changes of an operator.

    Args:
        operator: It.
        profile: What this engine promises.
        at: State -> its place among those that are given.
        host: Runs its other steps.
    """
    if isinstance(operator, Ingest):
        return PlainIngest(operator, profile, at)
    if isinstance(operator, Match):
        return PlainMatch(operator, profile, at)
    return PlainAssemble(operator, at, host) if isinstance(operator, RememberingAssemble) else _nothing
