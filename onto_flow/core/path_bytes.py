"""Paths as bytes that sort as Firestore's documents do: for sorting what does not fit into memory.

| segment | bytes |
|---|---|
| a numeric id, `__id7__` | `01`, and the number above the least one, 8 bytes |
| a name | `02`, and its UTF-8, where `00` is `00 ff` |

`00` stands between segments.
"""

from __future__ import annotations

from .values import MIN_INTEGER, numeric_id


def path_bytes(path: str) -> bytes:
    """The bytes of a path.

    Law: `path_bytes(a) < path_bytes(b)` is `path_order(a) < path_order(b)`.

    Example:
        >>> path_bytes("users/u1"), path_bytes("a/__id1__").hex()
        (b'\\x02users\\x00\\x02u1', '026100018000000000000001')
    """
    if "__id" not in path:
        return b"\x02" + path.encode().replace(b"\0", b"\0\xff").replace(b"/", b"\0\x02")
    return b"\0".join(map(_segment, path.split("/")))


def _segment(segment: str) -> bytes:
    number = numeric_id(segment)
    if number is None:
        return b"\x02" + segment.encode().replace(b"\0", b"\0\xff")
    return b"\x01" + (number - MIN_INTEGER).to_bytes(8, "big")
