"""Plain changes (`operators.plain`) on the bytes of messages and state.

A step reads bytes, makes objects of them, lets the operator look at everything, and makes bytes of everything again. Of a
plain change nearly all stays as it is: here its bytes are put where the older ones were, and told on as they came.

Law: state and messages are, byte for byte, those of the operator's step. What is not plain is left to that: `None`. Only
messages that weigh nothing (`engines.credit`) are taken, so there are no accounts.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ...formats.native.plain import OfCollection, plain_changes
from ...operators.base import Operator, Profile
from ...operators.carried_keys import MAX_COLLECTIONS
from ...operators.expiry import MARK
from ...operators.ingest import Ingest
from ...operators.match import Match
from ...operators.plain import Plain
from ...operators.remembering import RememberingAssemble
from . import cells, clock
from .keys import decode_key
from .plain_assemble import Host, plain_assemble
from .plain_bytes import BEGIN, EVENT, TAGGED, TOLD, WEIGHTLESS, Outputs, Take, in_order
from .waits import goes_on

_LEAST = -(1 << 63)

_TOLD_ON = WEIGHTLESS + TOLD
_APART = MARK.encode()

_plain = plain_changes()


class PlainIngest:
    """Takes plain changes of documents.

    Args:
        operator: Says what they are.
        profile: What this engine promises.
        at: State -> its place among those that are given.
    """

    def __init__(self, operator: Ingest, profile: Profile, at: Mapping[str, int]) -> None:
        self._operator, self._document = operator, at["document"]
        self._known: dict[bytes, OfCollection | None] = {}
        floor = _LEAST if profile.snapshot is None else profile.snapshot
        self._event = partial(
            _plain.plain_event, BEGIN, EVENT, _TOLD_ON, _APART, floor, TAGGED, self._known, self._learn
        )

    def __call__(self, key: bytes, envelope: bytes, given: Sequence[Any]) -> Outputs | None:
        """Keeps the document's new fields, and tells of them."""
        state = given[self._document]
        held = state.read()
        found = None if held is None else self._event(held, envelope, key, clock.micros())
        if found is None:
            return None
        raw, outputs = found
        state.write(raw)
        return outputs

    def _learn(self, collection: bytes, key: bytes) -> OfCollection | None:
        """What is read of the documents of a collection, what stays in a plain change, and the operators that are told."""
        if len(self._known) >= MAX_COLLECTIONS:
            self._known.clear()
        plain: Plain | None = self._operator.plain(str(decode_key(key)))
        known = self._known[collection] = None if plain is None else _of_collection(plain)
        return known


def _of_collection(plain: Plain) -> OfCollection:
    read = None if plain.read is None else in_order(plain.read)
    return read, in_order(plain.stays), tuple(plain.tells)


class PlainMatch:
    """Takes plain changes of members.

    Args:
        operator: Says what they are.
        profile: What this engine promises.
        at: State -> its place among those that are given; behind those is what the key waits for.
    """

    def __init__(self, operator: Match, profile: Profile, at: Mapping[str, int]) -> None:
        plain, take = operator.plain(), _plain.plain_member
        stays = () if plain is None else in_order(plain.stays)
        self._member = None if plain is None else partial(take, BEGIN, TOLD, stays, TAGGED, operator.assemble)
        self._page = profile.page or sys.maxsize
        self._docs, self._subs, self._waits = at["docs"], at["subs"], len(at)

    def __call__(self, key: bytes, envelope: bytes, given: Sequence[Any]) -> Outputs | None:
        """Keeps the member, and tells all active roots, unless they are so many that they are told page by page."""
        docs = given[self._docs]
        held = docs.read()
        if held is None or self._member is None:
            return None
        found = self._member(held, given[self._subs].read(), envelope)
        if found is None:
            return None
        raw, outputs = found
        if len(raw) > cells.SPLIT_BYTES or len(outputs) > self._page or goes_on(given[self._waits]):
            return None
        docs.write(raw)
        return outputs


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
    return plain_assemble(operator, at, host) if isinstance(operator, RememberingAssemble) else _nothing
