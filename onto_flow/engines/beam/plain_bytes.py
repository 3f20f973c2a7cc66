"""What the bytes of messages begin with, for those that take plain changes without decoding them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...formats.native.plain import Names
from ...operators.messages import Doc, Event, Told
from ..coding import encode, encode_message
from ..credit import wrap

Outputs = Sequence[Any]
Take = Callable[[bytes, bytes, Sequence[Any]], "Outputs | None"]
"""(key, envelope, states) -> what Beam is to carry; `None`: the change is not plain."""

WEIGHTLESS = wrap(b"")
BEGIN = len(WEIGHTLESS)
"""Where the message begins in an envelope that weighs nothing."""


def _head(message: Event | Told, then: Any) -> bytes:
    """What all messages of a type begin with, up to their first part."""
    raw = encode_message(message)
    return raw[: raw.index(encode(then))]


EVENT = _head(Event((5, 5), None), (5, 5))
TOLD = _head(Told("path", Doc((5, 5), None, None)), "path")


def in_order(names: Iterable[str]) -> Names:
    """Names of fields as plain changes take them."""
    return tuple(sorted(name.encode() for name in names))
