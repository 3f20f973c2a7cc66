"""The bytes of `core.codec` for engines that keep and send everything as bytes: compiled where the extension was built.

Law: bytes, values and errors are those of `core.codec` and `operators.messages`.

Example:
    >>> from onto_flow.core import codec
    >>> encode((1, "a")) == codec.encode((1, "a")), decode(codec.encode([None])), decode_from(encode(1) + b"x")
    (True, [None], (1, b'x'))
    >>> decode_state(encode_state({"a": 1})), encode_state(2) == codec.encode_state(2)
    ({'a': 1}, True)
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ..core import codec
from ..formats.native.values import value_decoder, value_encoder
from ..operators import messages

encode = value_encoder()
decode = value_decoder()

_VERSION = codec.encode_state(None)[:1]

encode_state = partial(encode, prefix=_VERSION)

encode_message = partial(messages.encode_message, encode=encode)
decode_message = partial(messages.decode_message, decode=decode)


def decode_state(data: bytes) -> Any:
    """See `core.codec.decode_state`."""
    return decode(data, 1) if data[:1] == _VERSION else codec.decode_state(data)


def decode_from(data: bytes) -> tuple[Any, bytes]:
    """The value that some bytes begin with, and what is left of them."""
    value, end = codec.decode_from(data, 0)
    return value, data[end:]
