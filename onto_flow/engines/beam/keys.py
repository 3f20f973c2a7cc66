"""Keys as Beam groups by them: canonical bytes, different for text and bytes.

Every collection holds bytes or pairs of bytes, so that Beam's coders never fall back to pickling.
"""

from __future__ import annotations

from ...operators.base import Key
from ..coding import decode, encode

KeyedMessage = tuple[bytes, bytes]
"""The key of an operator and the bytes of a message to it."""

ONLY = encode("")
"""The one key of stages that have one."""


def encode_key(key: Key) -> bytes:
    """The bytes of a key."""
    return encode(key)


def decode_key(data: bytes) -> Key:
    """The key that these bytes are."""
    key: Key = decode(data)
    return key
