"""Values and messages <-> compact bytes; the same bytes are the canonical form that equality is defined on.

Law: `decode(encode(v))` is `v`, and two values are equal (`core.equality.same`) exactly when their bytes are equal.

The bytes of each type of value are in `value_bytes`. State cells begin with `STATE_VERSION`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from .errors import DataError
from .value_bytes import LIST, get_value, put_size, put_value

STATE_VERSION = 1


def encode(value: Any) -> bytes:
    """The canonical bytes of a value, or the bytes of a message.

    Raises:
        DataError: `bad-value` for a type that has no form, `too-deep` beyond 64 levels.

    Example:
        >>> encode(1) == encode(1.0), encode({"b": 1, "a": 2}) == encode({"a": 2, "b": 1})
        (False, True)
    """
    out = bytearray()
    put_value(out, value, 0)
    return bytes(out)


def joined(encoded: Sequence[bytes]) -> bytes:
    """The bytes of the list of some values, from the bytes of each.

    Example:
        >>> joined([encode("a"), encode(1)]) == encode(["a", 1])
        True
    """
    out = bytearray((LIST,))
    put_size(out, len(encoded))
    return bytes(out) + b"".join(encoded)


def decode(data: bytes) -> Any:
    """The value that `encode` made these bytes from.

    Raises:
        DataError: `bad-value` when the bytes are not such a form.

    Example:
        >>> decode(encode(("D", "users/u1", {"name": "Ada", "tags": [1, None]})))
        ('D', 'users/u1', {'name': 'Ada', 'tags': [1, None]})
    """
    value, end = decode_from(data, 0)
    if end != len(data):
        raise DataError("bad-value", f"{len(data) - end} bytes are left after an encoded value")
    return value


def decode_from(data: bytes, at: int) -> tuple[Any, int]:
    """The value whose bytes begin at `at`, and where they end.

    Raises:
        DataError: `bad-value` when the bytes are not such a form.

    Example:
        >>> decode_from(encode("a") + encode(1), len(encode("a")))
        (1, 6)
    """
    try:
        return get_value(data, at)
    except (IndexError, struct.error, UnicodeDecodeError, KeyError) as error:
        raise DataError("bad-value", f"these {len(data)} bytes are not an encoded value ({error})") from error


def encode_state(value: Any) -> bytes:
    """The bytes of a state cell: the version of the format, then the value."""
    return bytes((STATE_VERSION,)) + encode(value)


def decode_state(data: bytes) -> Any:
    """The value of a state cell.

    Raises:
        DataError: `state-version` when it was written by a format that this release does not know.
    """
    if not data or data[0] != STATE_VERSION:
        raise DataError(
            "state-version", f"state of format {data[:1].hex() or 'none'}; this release reads {STATE_VERSION}"
        )
    return decode(data[1:])
