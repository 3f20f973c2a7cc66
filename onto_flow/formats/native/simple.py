"""Simple steps on bytes, compiled or as what they mean: a document comes, comes anew, or goes; a root asks, or ceases to.

Law: what is given back is, byte for byte, what decoding, changing and encoding gives; `None` where a step is not simple, or
the bytes are not what they always are. Where it is not compiled, this is no faster than the operator's own step.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from ...core.change import NEVER
from ...core.codec import decode, encode, encode_state
from . import extension
from .plain import Names, behind_head, state_of

Came = tuple[bytes, bytes | None, bytes | None, bytes | None]
Placed = tuple[bytes, bytes | None, bytes, bool]
Gone = tuple[bytes | None, bytes, bytes]
Weighed = tuple[bytes | None, bytes, int, int]


class SimpleSteps(Protocol):
    """What is done with simple steps. `begin`: where the message begins in its envelope; a state may be `None`."""

    def simple_event(
        self,
        state: bytes | None,
        message: bytes,
        begin: int,
        event_head: bytes,
        told_head: bytes,
        key: bytes,
        wanted: Names | None,
        apart: bytes,
        floor: int,
        oldest: int,
        now: int,
    ) -> Came | None:
        """An event for ingest: the new state, what is told if anything changed, the fields before and after.

        The fields are `None` of a document that is not there.

        Args:
            state: (version, fields, since) of the document.
            message: The event.
            begin: See above.
            event_head: What an event begins with.
            told_head: What a message begins with that tells of a document.
            key: The bytes of the document's path.
            wanted: The fields that are read; `None`: all.
            apart: A name that such a document has not.
            floor: The event is above this, or at (this, 0); a deletion, and its time, are above it.
            oldest: One of which nothing is known is not older.
            now: Microseconds.
        """

    def simple_member(self, docs: bytes | None, message: bytes, begin: int, head: bytes) -> Placed | None:
        """What is told to match: its documents with this one, its fields before and after, whether its keys stay.

        Args:
            docs: A map of documents.
            message: What is told.
            begin: See above.
            head: What such a message begins with.
        """

    def simple_deletion(
        self, docs: bytes | None, left: bytes | None, message: bytes, begin: int, head: bytes, now: int
    ) -> Gone | None:
        """A member is deleted: the documents of match without it, those that left with it, its fields before.

        Args:
            docs: A map of documents, which has it.
            left: A map of those that left, which has it not.
            message: What is told.
            begin: See above.
            head: What such a message begins with.
            now: Microseconds.
        """

    def simple_weight(self, subs: bytes | None, message: bytes, begin: int, head: bytes) -> Weighed | None:
        """One root asks or ceases to: its subscriptions, the bytes of the root, its weight before and after.

        Args:
            subs: A map of weights.
            message: A subscription of one root, of weight 1 or -1.
            begin: See above.
            head: What such a message begins with.
        """

    def simple_answer(self, record: bytes, message: bytes, begin: int, head: bytes) -> bytes | None:
        """The record with the documents of an answer, none of which it has.

        Args:
            record: The form of a record.
            message: The answer.
            begin: See above.
            head: What such a message begins with.
        """


def simple_steps() -> SimpleSteps:
    """The compiled functions, or these."""
    return cast("SimpleSteps", extension() or _InPython())


class _InPython:
    """See `SimpleSteps`."""

    def simple_event(
        self,
        state: bytes | None,
        message: bytes,
        begin: int,
        event_head: bytes,
        told_head: bytes,
        key: bytes,
        wanted: Names | None,
        apart: bytes,
        floor: int,
        oldest: int,
        now: int,
    ) -> Came | None:
        held, event = state_of(state, ()), behind_head(message, begin, event_head)
        if event is None or not isinstance(held, tuple) or not _is_news(event, held, floor, oldest):
            return None
        version, fields, *_ = event
        before = None if not held or held[1] is None else encode(held[1])
        if fields is None:
            return encode_state((version, None, now)), told_head + key + encode((version, None, None)), before, None
        if apart.decode() in fields:
            return None
        after = encode({n: v for n, v in fields.items() if wanted is None or n.encode() in wanted})
        told = told_head + key + encode((version, decode(after), ())) if after != before else None
        return encode_state((version, decode(after), now)), told, before, after

    def simple_member(self, docs: bytes | None, message: bytes, begin: int, head: bytes) -> Placed | None:
        held, told = state_of(docs, ()), behind_head(message, begin, head)
        if not isinstance(held, tuple) or told is None:
            return None
        path, doc = told
        entries, (version, fields, keys) = dict(held), doc
        before = entries.get(path)
        if not isinstance(fields, dict) or not isinstance(keys, tuple):
            return None
        if before is not None and not isinstance(before[1], dict):
            return None
        if version <= (NEVER if before is None else before[0]):
            return None
        was, stays = (None, False) if before is None else (encode(before[1]), encode(before[2]) == encode(keys))
        return encode_state(tuple({**entries, path: doc}.items())), was, encode(fields), stays

    def simple_deletion(
        self, docs: bytes | None, left: bytes | None, message: bytes, begin: int, head: bytes, now: int
    ) -> Gone | None:
        held, gone, told = state_of(docs, ()), state_of(left, ()), behind_head(message, begin, head)
        if not isinstance(held, tuple) or not isinstance(gone, tuple) or told is None:
            return None
        path, (version, fields, keys) = told
        entries = dict(held)
        before = entries.pop(path, None)
        if before is None or fields is not None or keys is not None:
            return None
        if not isinstance(before[1], dict) or version <= before[0]:
            return None
        rest = encode_state(tuple(entries.items())) if entries else None
        return rest, encode_state((*gone, (path, (version, None, now)))), encode(before[1])

    def simple_weight(self, subs: bytes | None, message: bytes, begin: int, head: bytes) -> Weighed | None:
        held, asked = state_of(subs, ()), behind_head(message, begin, head)
        if not isinstance(held, tuple) or asked is None or len(asked[0]) != 1:
            return None
        (root, more), weights = asked[0][0], dict(held)
        if more not in (1, -1):
            return None
        before = weights.get(root, 0)
        weights[root] = before + more
        now = tuple((r, weight) for r, weight in weights.items() if weight)
        return encode_state(now) if now else None, encode(root), before, before + more

    def simple_answer(self, record: bytes, message: bytes, begin: int, head: bytes) -> bytes | None:
        held, answer = state_of(record), behind_head(message, begin, head)
        if not isinstance(held, tuple) or len(held) != 7 or answer is None:
            return None
        slot, key, weight, members, left = answer
        registers, due, opened, *rest = held
        asked: dict[int, dict[Any, int]] = {}
        for s, k, w in opened:
            asked.setdefault(s, {})[k] = w
        keys = asked.setdefault(slot, {})
        if weight != 1 or left or keys.get(key, 0) < 0 or {p for p, *_ in registers} & {p for p, _ in members}:
            return None
        keys[key] = keys.get(key, 0) + 1
        weights = tuple((s, k, w) for s, each in asked.items() for k, w in each.items())
        return encode_state(((*registers, *((p, *doc) for p, doc in members)), due, weights, *rest))


def _is_news(event: Any, held: Any, floor: int, oldest: int) -> bool:
    """Whether an event, which takes the place of what is known, may be told of as it is."""
    version, fields, time, previous = event
    if held and (len(held) != 3 or not _may_be(held[1]) or held[0][1] < 0 or held[0] <= NEVER):
        return False
    if not _may_be(fields) or version[1] < 0 or not _is_above(version, fields, time, floor):
        return False
    if not held:
        return fields is not None and previous is None and version > NEVER and (time is None or time >= oldest)
    return bool(version > held[0]) and previous in (None, held[0]) and (fields is not None or held[1] is not None)


def _may_be(fields: Any) -> bool:
    return fields is None or isinstance(fields, dict)


def _is_above(version: Any, fields: Any, time: int | None, floor: int) -> bool:
    if fields is None:
        return bool(version[0] > floor) and (time is None or time > floor)
    return bool(version[0] > floor) or version == (floor, 0)
