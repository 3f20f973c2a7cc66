"""Who makes and reads the bytes of `core.codec`: the compiled extension where it was built, else the codec itself.

Law: bytes and values are the same; what the extension does not know is left to the codec, which tells what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...core.codec import decode, encode
from ...core.values import GeoPoint, Reference, Vector
from . import extension

Encode = Callable[..., bytes]
Decode = Callable[..., Any]


def value_encoder() -> Encode:
    """`encode(value, prefix=b"")`: the prefix, then the bytes of a value.

    Example:
        >>> value_encoder()((1, "a", None), b">") == b">" + encode((1, "a", None))
        True
    """
    compiled = getattr(extension(), "encode", None)
    return _encode if compiled is None else partial(compiled, GeoPoint, Reference, Vector, _encode)


def _encode(value: Any, prefix: bytes | None = None) -> bytes:
    return (prefix or b"") + encode(value)


def value_decoder() -> Decode:
    """`decode(data, begin=0)`: the value of the bytes from `begin` on.

    Example:
        >>> value_decoder()(b">" + encode({"a": [1.5]}), 1)
        {'a': [1.5]}
    """
    compiled = getattr(extension(), "decode", None)
    return _decode if compiled is None else partial(compiled, GeoPoint, Reference, Vector, _decode)


def _decode(data: bytes, begin: int = 0) -> Any:
    return decode(data[begin:])
