"""A record of assemble of which some is new, on its bytes: compiled, or as what that means.

Law: the bytes are those that encoding the whole record gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from ...core.codec import decode, encode, encode_state
from . import extension
from .plain import layout_of, state_of

Followed = tuple[bytes, bytes, bytes]
"""A record, or what it begins with; its layout; and the bytes of the one document that it showed: none if it is no such."""

FollowedRecord = Callable[
    [bytes, "bytes | None", tuple[bytes, ...], "bytes | None", "bytes | None", bool], "Followed | None"
]
"""(record, its layout if that is known, registers, what is due, what answers a key has, whether it shows) -> the new record.

A register is (path, version, fields, keys); it takes the place of that of its path. A key's answers are (slot, key, weight).
What is `None` stays as it is. Where it shows something, what it showed is left off, and all behind it.
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
    answered: bytes | None,
    shows: bool,
) -> Followed | None:
    held = state_of(record)
    if not isinstance(held, tuple) or len(held) != 7 or len(registers) > MOST:
        return None
    entries = {path: tuple(doc) for path, *doc in held[0]}
    entries.update({path: tuple(doc) for path, *doc in map(decode, registers)})
    parts = (
        held[1] if due is None else decode(due),
        held[2] if answered is None else _opened(held[2], decode(answered)),
    )
    whole = encode_state((tuple((p, *d) for p, d in entries.items()), *parts, *held[3:]))
    behind = sum(len(encode(part)) for part in held[3:]) if shows else 0
    shown = b"".join(encode(document) for _, document in held[3] if len(held[3]) == 1)
    return whole[: len(whole) - behind], layout_of(entries, parts), shown


def _opened(opened: tuple[Any, ...], answered: tuple[Any, ...]) -> tuple[Any, ...]:
    """What is open, with one key's answers instead of those that it had: behind those of its slot, if it had none."""
    slot, key, weight = answered
    at = next((n for n, (s, k, _) in enumerate(opened) if (s, k) == (slot, key)), None)
    last = max((n for n, (s, *_) in enumerate(opened) if s == slot), default=len(opened) - 1)
    first, then = (last + 1, last + 1) if at is None else (at, at + 1)
    return (*opened[:first], *([answered] if weight else []), *opened[then:])
