"""The bytes of `core.codec` for engines that keep and send everything as bytes: compiled where the extension was built.

Law: bytes, values and errors are those of `core.codec` and `operators.messages`.

Example:
    >>> from onto_flow.core import codec
    >>> encode((1, "a")) == codec.encode((1, "a")), decode(codec.encode([None]))
    (True, [None])
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

decode_message = partial(messages.decode_message, decode=decode)


def encode_message(message: messages.Message, prefix: bytes = b"") -> bytes:
    """The bytes of a message, behind others."""
    return encode(messages.form_of(message), prefix)


def decode_state(data: bytes) -> Any:
    """See `core.codec.decode_state`."""
    return decode(data, 1) if data[:1] == _VERSION else codec.decode_state(data)
