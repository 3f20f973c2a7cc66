"""What a pipeline carries: keys, messages, outputs and markers, all of them as our own bytes.

Every collection holds bytes or pairs of bytes, so that Beam's coders never fall back to pickling.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ...core.change import DeadLetter, ViewChange
from ...core.codec import decode, encode
from ...core.errors import DataError, EngineError, OntoFlowError
from ...operators.base import Key

KeyedMessage = tuple[bytes, bytes]
"""The key of an operator (`encode_key`) and a message to it (`encode_message`)."""

LOAD, FEED = "load", "feed"


class End(NamedTuple):
    """The end of a partition: the fence of a cutover as data.

    Attributes:
        phase: `load` or `feed`.
        partition: The name of the partition.
        read: How many documents or changes it held.
    """

    phase: str
    partition: str
    read: int


class Unreadable(NamedTuple):
    """A partition that could not be read to its end: the error, as its parts."""

    data: bool
    code: str
    what: str
    where: str
    fix: str

    @classmethod
    def of(cls, error: OntoFlowError) -> Unreadable:
        """The parts of an error."""
        return cls(isinstance(error, DataError), error.code, error.what, error.where, error.fix)

    def error(self) -> OntoFlowError:
        """The error that the source raised."""
        kind = DataError if self.data else EngineError
        return kind(self.code, self.what, where=self.where, fix=self.fix)


class Fenced(NamedTuple):
    """What the fence found when all partitions had ended: counts, and why nothing may be published (`None`: it may)."""

    documents: int
    changes: int
    refused: tuple[Any, ...] | None


Carried = ViewChange | DeadLetter | End | Unreadable | Fenced

_TYPES: tuple[type[Any], ...] = (ViewChange, DeadLetter, End, Unreadable, Fenced)
_TAG = {cls: tag for tag, cls in enumerate(_TYPES)}


def encode_key(key: Key) -> bytes:
    """The bytes that Beam groups by: canonical, and different for text and bytes."""
    return encode(key)


def decode_key(data: bytes) -> Key:
    """The key that these bytes are."""
    key: Key = decode(data)
    return key


def encode_carried(carried: Carried) -> bytes:
    """The bytes of an output or marker; what a dead letter holds that has no form is shown as text."""
    tag = _TAG[type(carried)]
    try:
        return encode((tag, *carried))
    except DataError:
        if not isinstance(carried, DeadLetter):
            raise
        return encode((tag, *carried._replace(payload=repr(carried.payload)[:10_000])))


def decode_carried(data: bytes) -> Carried:
    """The output or marker that these bytes are."""
    tag, *parts = decode(data)
    carried: Carried = _TYPES[tag](*parts)
    return carried
