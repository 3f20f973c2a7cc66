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
from .plain_bytes import BEGIN, EVENT, TAGGED, TOLD, WEIGHTLESS, Take, in_order

_LEAST = -(1 << 63)

_TOLD_ON = WEIGHTLESS + TOLD
_APART = MARK.encode()

_plain = plain_changes()


def _of_ingest(operator: Ingest, profile: Profile, at: Mapping[str, int]) -> Take:
    """Keeps a document's new fields, and tells of them."""
    known: dict[bytes, OfCollection | None] = {}
    floor = _LEAST if profile.snapshot is None else profile.snapshot
    learn = partial(_learn, operator, known)
    return partial(
        _plain.plain_event, BEGIN, EVENT, _TOLD_ON, _APART, floor, TAGGED, known, learn, clock, at["document"]
    )


def _learn(
    operator: Ingest, known: dict[bytes, OfCollection | None], collection: bytes, key: bytes
) -> OfCollection | None:
    """What is read of the documents of a collection, what stays in a plain change, and the operators that are told."""
    if len(known) >= MAX_COLLECTIONS:
        known.clear()
    plain: Plain | None = operator.plain(str(decode_key(key)))
    of = known[collection] = None if plain is None else _of_collection(plain)
    return of


def _of_collection(plain: Plain) -> OfCollection:
    read = None if plain.read is None else in_order(plain.read)
    return read, in_order(plain.stays), tuple(plain.tells)


def _of_match(operator: Match, profile: Profile, at: Mapping[str, int]) -> Take:
    """Keeps a member, and tells all active roots, unless they are so many that they are told page by page."""
    plain, page = operator.plain(), profile.page or sys.maxsize
    if plain is None:
        return _nothing
    places = at["docs"], at["subs"], len(at)
    stays = in_order(plain.stays)
    return partial(_plain.plain_member, BEGIN, TOLD, stays, TAGGED, operator.assemble, page, cells.SPLIT_BYTES, *places)


def _nothing(key: bytes, envelope: bytes, given: Sequence[Any]) -> None:
    """No change is plain."""


def plain_of(operator: Operator, profile: Profile, at: Mapping[str, int], host: Host) -> Take:
    """What takes the plain changes of an operator.

    Args:
        operator: It.
        profile: What this engine promises.
        at: State -> its place among those that are given; behind those is what the key waits for.
        host: Runs its other steps.
    """
    if isinstance(operator, Ingest):
        return _of_ingest(operator, profile, at)
    if isinstance(operator, Match):
        return _of_match(operator, profile, at)
    return plain_assemble(operator, at, host) if isinstance(operator, RememberingAssemble) else _nothing
