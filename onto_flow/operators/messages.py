"""What goes between operators, and its bytes.

Law: a message carries whole documents and versions, never a difference that depends on order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..core.change import Version
from ..core.codec import decode, encode
from ..core.values import Document


class Doc(NamedTuple):
    """A document at a version, as one view sees it.

    Attributes:
        version: Its version.
        fields: Its projected fields; `None`: deleted, or content unknown.
        keys: The join keys that it is found by, as ((slot, key), ...); `None` for a deleted document. With `fields`
            `None` and `keys` set, it is *gone*: known to exist at this version, content unknown.
    """

    version: Version
    fields: Document | None
    keys: tuple[tuple[int, str | bytes], ...] | None

    @property
    def gone(self) -> bool:
        """Whether only the departure of the document is known."""
        return self.fields is None and self.keys is not None


class Left(NamedTuple):
    """A document that left a key. `keys`: its join keys afterwards, `None` when it was deleted."""

    path: str
    version: Version
    keys: tuple[tuple[int, str | bytes], ...] | None
    young: bool


class Event(NamedTuple):
    """To ingest: a document's fields at a version (`None`: deleted).

    `time`: the event's, in microseconds. `previous`: as in `core.change.Change`, for the loss meter alone.
    """

    version: Version
    fields: Document | None
    time: int | None = None
    previous: Version | None = None


class Tick(NamedTuple):
    """To ingest, at the path of a clock: declared time has come to a tick (microseconds)."""

    tick: int


class Told(NamedTuple):
    """To match and assemble (D): a document changed."""

    path: str
    doc: Doc


class Subscribe(NamedTuple):
    """To match (S): weights of roots, +1 or -1 each, or sums of them."""

    roots: tuple[tuple[str, int], ...]


class Answer(NamedTuple):
    """From match to assemble (A, and E without members): what a key holds.

    `weight` > 0: the whole answer to a new subscription; 0: a page of changed documents; < 0: the end of an answer.
    """

    slot: int
    key: str | bytes
    weight: int
    members: tuple[tuple[str, Doc], ...] = ()
    left: tuple[Left, ...] = ()


class Withdrawn(NamedTuple):
    """From match to assemble on a drained engine: documents of a key that it tells no more, before the answer's end."""

    slot: int
    key: str | bytes
    paths: tuple[str, ...]


class Rows(NamedTuple):
    """From assemble to aggregate (G): the rows that a root had in a group and has now; `None`: it is not in it.

    `failed`, `was_failed`: whether the view's code fails on the root's documents now, and did so with `old`: these rows
    are then the last good ones.
    """

    root: str
    seq: int
    old: tuple[tuple[Any, ...], ...] | None
    new: tuple[tuple[Any, ...], ...] | None
    failed: bool = False
    was_failed: bool = False


class Claim(NamedTuple):
    """From assemble to own (O): the document that a root would show at a path; `None`: nothing any more.

    `failed`: whether it is the last good one.
    """

    root: str
    seq: int
    document: Document | None
    failed: bool = False


class CaughtUp(NamedTuple):
    """To assemble, aggregate and own (C), after a restore: all that was replayed has passed the stages above."""


class Republish(NamedTuple):
    """To the owner of an output path (R), after a restore: publish the present value again, changed or not."""

    path: str


class Seed(NamedTuple):
    """To any operator of a stream: the state that a batch job built of this key (`operators.seeded`).

    `cells`: cell -> what a value cell holds, or the entries of a map cell, as forms of `core.codec`.
    """

    cells: tuple[tuple[str, Any], ...]


Message = Event | Told | Subscribe | Answer | Rows | Claim | CaughtUp | Republish | Tick | Withdrawn | Seed

_TYPES: tuple[type[Any], ...] = (
    Event,
    Told,
    Subscribe,
    Answer,
    Rows,
    Claim,
    CaughtUp,
    Republish,
    Tick,
    Withdrawn,
    Seed,
)
_TAG = {cls: tag for tag, cls in enumerate(_TYPES)}


def encode_message(message: Message, encode: Callable[[Any], bytes] = encode) -> bytes:
    """The bytes of a message; `encode` may be another one of the same bytes.

    Example:
        >>> decode_message(encode_message(Subscribe((("meetings/m1", 1),))))
        Subscribe(roots=(('meetings/m1', 1),))
    """
    return encode(form_of(message))


def form_of(message: Message) -> tuple[Any, ...]:
    """A message as a form of `core.codec`."""
    return (_TAG[type(message)], *message)


def decode_message(data: bytes, decode: Callable[[bytes], Any] = decode) -> Message:
    """The message that these bytes are; `decode` may be another one of the same values."""
    form = decode(data)
    cls = _TYPES[form[0]]
    if cls is Told:
        return Told(form[1], Doc(*form[2]))
    if cls is Answer:
        _, slot, key, weight, members, left = form
        docs = tuple([(p, Doc(*d)) for p, d in members])
        return Answer(slot, key, weight, docs, tuple([Left(*e) for e in left]))
    message: Message = cls(*form[1:])
    return message
