"""What the bytes of messages begin with, for those that take plain changes without decoding them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from apache_beam.pvalue import TaggedOutput

from ...formats.native.plain import Make, Names
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


def _is_its_parts(tagged: Any) -> bool:
    """Whether to set the parts of such an object is all that making it does."""
    return tagged.__new__ is object.__new__ and vars(tagged("to", b"")) == {"tag": "to", "value": b""}


TAGGED: Make = TaggedOutput if _is_its_parts(TaggedOutput) else partial(TaggedOutput)
"""Makes what Beam carries to an operator."""


def in_order(names: Iterable[str]) -> Names:
    """Names of fields as plain changes take them."""
    return tuple(sorted(name.encode() for name in names))
