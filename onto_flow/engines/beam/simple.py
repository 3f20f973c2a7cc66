"""Simple steps on the bytes of messages and state: a document comes, comes anew, or goes; a root asks, or ceases to.

With plain changes (`plain`) these are nearly all steps of ingest and match, also while a stream loads: nothing is made into
objects but the fields that say what a document asks for.

Law: state, messages and timers are, byte for byte, those of the operator's step. What is not simple is left to that: `None`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from ...core.change import NEVER
from ...core.values import Document
from ...formats.native.plain import Names, plain_changes
from ...formats.native.simple import simple_steps
from ...operators.base import Operator, Profile
from ...operators.carried_keys import MAX_COLLECTIONS
from ...operators.expiry import MARK
from ...operators.ingest import Ingest
from ...operators.joins import JoinKey
from ...operators.match import Match
from ...operators.messages import Answer, Doc, Subscribe, Told
from ...operators.remembering import RememberingAssemble
from ...operators.routes import Route, differences
from ..coding import decode, decode_state, encode, encode_message, encode_state
from . import cells, clock
from .keys import decode_key, encode_key
from .plain_bytes import EVENT, TOLD, in_order
from .simple_assemble import Keeping, SimpleAssemble
from .waits import Waiting, goes_on, set_garbage

Sent = list[tuple[str, bytes, bytes]]
"""(operator, the bytes of the key, those of the message)."""

TakeSimple = Callable[[bytes, bytes, int, Sequence[Any]], "Sent | None"]
"""(key, envelope, where the message begins in it, states) -> what is sent; `None`: the step is not simple."""

_LEAST = -(1 << 63)
_APART = MARK.encode()
_EMPTY = encode(())
_DELETED = encode_message(Told("path", Doc(NEVER, None, None)))[-2:]
"""What tells of a deletion ends with; other messages may too."""
_ENTRIES = encode_state(())[:-1]
"""What the state of a map that is in one state begins with."""

SUBSCRIBE = encode_message(Subscribe(()))[: -len(_EMPTY)]
_CAME, _CEASED = encode(1), encode(-1)

_simple, _active = simple_steps(), plain_changes().active


class SimpleIngest:
    """Takes documents that come, and versions that ask for others than the one before.

    Args:
        operator: Says to whom they go.
        profile: What this engine promises.
        at: State -> its place among those that are given; behind those is what the key waits for.
        timer: The place of the garbage timer.
    """

    def __init__(self, operator: Ingest, profile: Profile, at: Mapping[str, int], timer: int) -> None:
        self._operator, self._profile, self._document = operator, profile, at["document"]
        self._waits, self._timer = len(at), timer
        self._floor = _LEAST if profile.snapshot is None else profile.snapshot
        self._known: dict[bytes, tuple[Route, Names | None] | None] = {}

    def __call__(self, key: bytes, envelope: bytes, begin: int, given: Sequence[Any]) -> Sent | None:
        """Keeps the document, and tells of it."""
        collection = key[: key.rfind(b"/")]
        known = self._known[collection] if collection in self._known else self._learn(collection, key)
        if known is None:
            return None
        route, read = known
        state, now = given[self._document], clock.micros()
        oldest = now - self._profile.horizon
        oldest = oldest if self._profile.born < oldest else _LEAST
        found = _simple.simple_event(
            state.read(), envelope, begin, EVENT, TOLD, key, read, _APART, self._floor, oldest, now
        )
        if found is None:
            return None
        raw, told, before, after = found
        sent = [] if told is None else self._told(route, key, told, before, after)
        state.write(raw)
        if after is None:
            set_garbage(Waiting(given[self._waits]), given[self._timer], now + self._profile.horizon)
        return sent

    def _told(self, route: Route, key: bytes, told: bytes, before: bytes | None, after: bytes | None) -> Sent:
        if not route.asks:
            return [(operator, key, told) for operator in route.at_path]
        path = str(decode_key(key))
        whom = route.simply(path, _fields(before), _fields(after))
        return [
            (to, key, told) if not weight else (to, encode_key(at), _subscribe(path, weight)) for to, at, weight in whom
        ]

    def _learn(self, collection: bytes, key: bytes) -> tuple[Route, Names | None] | None:
        if len(self._known) >= MAX_COLLECTIONS:
            self._known.clear()
        route = self._operator.simple(str(decode_key(key)))
        read = None if route is None or route.fields is None else in_order(route.fields)
        known = self._known[collection] = None if route is None else (route, read)
        return known


class SimpleMatch:
    """Takes documents of the slot, and one root that asks or ceases to.

    Args:
        operator: Says what they ask for.
        profile: What this engine promises.
        at: State -> its place among those that are given; behind those is what the key waits for.
        timer: The place of the garbage timer.
    """

    def __init__(self, operator: Match, profile: Profile, at: Mapping[str, int], timer: int) -> None:
        self._operator, self._page, self._assemble = operator, profile.page, operator.assemble
        self._docs, self._left, self._subs = at["docs"], at["left"], at["subs"]
        self._waits, self._timer, self._keep_left = len(at), timer, profile.keep_left
        slot = operator.slot
        self._by_path, self._slot = slot.kind == "via", slot.index
        whole = encode_message(Answer(slot.index, "", 1))
        self._answers = whole[: whole.index(encode(""))]

    def __call__(self, key: bytes, envelope: bytes, begin: int, given: Sequence[Any]) -> Sent | None:
        """Takes a document, or a root; none where a round is under way."""
        asks = envelope.startswith(SUBSCRIBE, begin)
        if not asks and not envelope.startswith(TOLD, begin):
            return None
        if goes_on(given[self._waits]):
            return None
        if asks:
            return self._asked(key, envelope, begin, given)
        if envelope.endswith(_DELETED):
            return self._went(envelope, begin, given)
        return self._came(envelope, begin, given)

    def _came(self, envelope: bytes, begin: int, given: Sequence[Any]) -> Sent | None:
        """A document; where others have left, only one that is a member."""
        docs = given[self._docs]
        found = _simple.simple_member(docs.read(), envelope, begin, TOLD)
        if found is None or len(found[0]) > cells.SPLIT_BYTES:
            return None
        raw, before, after, stays = found
        if before is None and given[self._left].read() is not None:
            return None
        roots = self._roots(given)
        if not (self._by_path or stays) or roots is None:
            return None
        sent = self._told(roots, envelope[begin:], before, after)
        docs.write(raw)
        return sent

    def _went(self, envelope: bytes, begin: int, given: Sequence[Any]) -> Sent | None:
        """A member is deleted."""
        docs, left, now = given[self._docs], given[self._left], clock.micros()
        found = _simple.simple_deletion(docs.read(), left.read(), envelope, begin, TOLD, now)
        roots = None if found is None or len(found[1]) > cells.SPLIT_BYTES else self._roots(given)
        if found is None or roots is None:
            return None
        sent = self._told(roots, envelope[begin:], found[2], None)
        _put(docs, found[0])
        left.write(found[1])
        set_garbage(Waiting(given[self._waits]), given[self._timer], now + self._keep_left)
        return sent

    def _roots(self, given: Sequence[Any]) -> list[bytes] | None:
        """The active roots; `None` where they are so many that they are told page by page."""
        subs = given[self._subs].read()
        roots = [] if subs is None else _active(subs)
        return None if roots is not None and self._page and len(roots) > self._page else roots

    def _told(self, roots: Sequence[bytes], message: bytes, before: bytes | None, after: bytes | None) -> Sent:
        sent = self._moved(roots, message, before, after) if roots and self._operator.children else []
        assemble = self._assemble
        return sent + [(assemble, root, message) for root in roots]

    def _moved(self, roots: Sequence[bytes], message: bytes, before: bytes | None, after: bytes | None) -> Sent:
        """The subscriptions of roots that follow from what a document asks for now, and asked for before."""
        path = decode(message)[1]
        old, new = (
            [] if fields is None else self._operator.asked_by(path, decode(fields)) for fields in (before, after)
        )
        moves = differences(old, new)
        asking = list(map(decode_key, roots)) if moves else []
        return [
            (to, encode_key(at), encode_message(Subscribe(tuple([(cast("str", root), weight) for root in asking]))))
            for (to, at), weight in moves
        ]

    def _asked(self, key: bytes, envelope: bytes, begin: int, given: Sequence[Any]) -> Sent | None:
        subs, docs = given[self._subs], given[self._docs].read()
        if given[self._left].read() is not None or (docs is not None and not docs.startswith(_ENTRIES)):
            return None
        found = _simple.simple_weight(subs.read(), envelope, begin, SUBSCRIBE)
        if found is None:
            return None
        raw, root, before, now = found
        if raw is not None and len(raw) > cells.SPLIT_BYTES:
            return None
        sent: Sent = []
        if before <= 0 < now:
            members = docs[1:] if docs is not None else self._nobody(key)
            sent.append((self._assemble, root, b"".join((self._answers, key, _CAME, members, _EMPTY))))
        elif now <= 0 < before:
            sent.append((self._assemble, root, b"".join((self._answers, key, _CEASED, _EMPTY, _EMPTY))))
        if sent and docs is not None and self._operator.children:
            sent += [(to, encode_key(at), envelope[begin:]) for to, at in self._all_asked(docs)]
        _put(subs, raw)
        return sent

    def _nobody(self, key: bytes) -> bytes:
        """The members of an answer of a key without any."""
        return encode(((decode_key(key), Doc(NEVER, None, None)),) if self._by_path else ())

    def _all_asked(self, docs: bytes) -> list[tuple[str, JoinKey]]:
        members: Sequence[tuple[str, tuple[Any, Document, Any]]] = decode_state(docs)
        return [asked for path, (_, fields, _) in members for asked in self._operator.asked_by(path, fields)]


def _fields(raw: bytes | None) -> Document | None:
    fields: Document | None = None if raw is None else decode(raw)
    return fields


def _put(state: Any, raw: bytes | None) -> None:
    if raw is None:
        state.clear()
    else:
        state.write(raw)


def _subscribe(path: str, weight: int) -> bytes:
    return encode_message(Subscribe(((path, weight),)))


def _nothing(key: bytes, envelope: bytes, begin: int, given: Sequence[Any]) -> None:
    """No step is simple."""


def simple_of(operator: Operator, profile: Profile, at: Mapping[str, int], timer: int, host: Keeping) -> TakeSimple:
    """What takes the simple steps of an operator.

    Args:
        operator: It.
        profile: What this engine promises.
        at: State -> its place among those that are given.
        timer: The place of the garbage timer.
        host: Has the objects of the keys that it had lately.
    """
    if isinstance(operator, Ingest):
        return SimpleIngest(operator, profile, at, timer)
    if isinstance(operator, Match):
        return SimpleMatch(operator, profile, at, timer)
    return SimpleAssemble(operator, at, host) if isinstance(operator, RememberingAssemble) else _nothing
