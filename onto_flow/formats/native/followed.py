"""A record of assemble of which some is new, on its bytes: compiled, or as what that means.

Law: the bytes are those that encoding the whole record gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from ...core.codec import decode, encode_state
from . import extension
from .plain import layout_of, state_of

Followed = tuple[bytes, bytes]
"""A record, and its layout."""

FollowedRecord = Callable[
    [bytes, "bytes | None", tuple[bytes, ...], "bytes | None", "bytes | None", "bytes | None"], "Followed | None"
]
"""(record, its layout if that is known, registers, what is due, what is open, all that is behind it) -> the new record.

A register is (path, version, fields, keys); it takes the place of that of its path. What is `None` stays as it is.
`None`: the record's bytes are odd, or there are more registers than may be put at once.
"""

MOST = 8
"""How many registers may be put at once."""


def followed_record() -> FollowedRecord:
    """The compiled function, or this one."""
    return cast("FollowedRecord", getattr(extension(), "followed_record", None) or _in_python)


def _in_python(
    record: bytes,
    layout: bytes | None,
    registers: tuple[bytes, ...],
    due: bytes | None,
    opened: bytes | None,
    shown: bytes | None,
) -> Followed | None:
    held = state_of(record)
    if not isinstance(held, tuple) or len(held) != 7 or len(registers) > MOST:
        return None
    entries = {path: tuple(doc) for path, *doc in held[0]}
    entries.update({path: tuple(doc) for path, *doc in map(decode, registers)})
    parts = [old if new is None else decode(new) for old, new in zip(held[1:3], (due, opened))]
    last = held[3:] if shown is None else decode(_FOUR + shown)
    whole = encode_state((tuple((p, *d) for p, d in entries.items()), *parts, *last))
    return whole, layout_of(entries, parts)


_FOUR = encode_state((0, 0, 0, 0))[1:3]
"""What a tuple of four begins with."""
