"""What Flink carries between operators and back to the submitting process: text keys, and our own bytes.

Flink forbids byte arrays as keys (their hash in Java is that of the object), so a key travels as text: a path behind
`s`, canonical bytes as hexadecimal digits behind `b`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ...core.change import DeadLetter, ViewChange
from ...core.codec import decode, encode
from ...core.errors import DataError, EngineError, OntoFlowError
from ...operators.base import Key

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

    def error(self) -> OntoFlowError:
        """The error that the source raised."""
        kind = DataError if self.data else EngineError
        return kind(self.code, self.what, where=self.where, fix=self.fix)


Output = ViewChange | DeadLetter | End | Unreadable

_TYPES: tuple[type[Any], ...] = (ViewChange, DeadLetter, End, Unreadable)
_TAG = {cls: tag for tag, cls in enumerate(_TYPES)}


def key_text(key: Key) -> str:
    """A key as text.

    Example:
        >>> key_text("users/u1"), key_text(b"\\x05\\x01"), key_of("b0501")
        ('susers/u1', 'b0501', b'\\x05\\x01')
    """
    return f"s{key}" if isinstance(key, str) else f"b{key.hex()}"


def key_of(text: str) -> Key:
    """The key that a text stands for."""
    return text[1:] if text[0] == "s" else bytes.fromhex(text[1:])


def encode_output(output: Output) -> bytes:
    """The bytes of an output; what a dead letter holds that has no form is shown as text."""
    tag = _TAG[type(output)]
    try:
        return encode((tag, *output))
    except DataError:
        if not isinstance(output, DeadLetter):
            raise
        return encode((tag, *output._replace(payload=repr(output.payload)[:10_000])))


def decode_output(data: bytes) -> Output:
    """The output that these bytes are."""
    tag, *parts = decode(data)
    output: Output = _TYPES[tag](*parts)
    return output
