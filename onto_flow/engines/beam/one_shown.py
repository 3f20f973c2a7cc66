"""The one document that a record shows becomes another one: the record's bytes, and the view change.

The document is written from its bytes before (`formats.native.plain`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from ...core.change import ViewChange
from ...formats.native.plain import TYPES, Heads, in_python, plain_changes
from ..carried import encode_carried
from ..coding import encode
from .outlet import SHOWN

OneShown = Callable[[bytes, bytes, str, Any, Any, int], tuple[bytes, bytes]]
"""(what the record begins with, the document's bytes before, its path, it before, it now, seq) -> the record, the change."""

TUPLE = len(encode(()))
"""How many bytes a short tuple begins with."""

_ONE_SHOWN = encode((("", 1),))[: -len(encode("") + encode(1))]
_WELL = encode((False, False))[TUPLE:]
_WELL_SHOWN = encode(False)


class Shows(Protocol):
    """What runs the steps of an operator: how it numbers what they show."""

    generation: int
    epoch: int


def heads_of(view: str, host: Shows) -> Heads:
    """The bytes around what a view shows.

    Args:
        view: The view's name.
        host: Runs the operator's steps.
    """
    number = encode(0)
    change = encode_carried(ViewChange(view, "", None, None, (0, 0, 0)), SHOWN)
    shows = change[: change.index(encode(view)) + len(encode(view))]
    versions = encode((host.generation, host.epoch, 0))[: -len(number)]
    return Heads(shows, _ONE_SHOWN, versions, _WELL, _WELL_SHOWN)


def one_shown(heads: Heads) -> OneShown:
    """What writes it, with the bytes around it."""
    return partial(plain_changes().plain_shown, *TYPES, in_python().plain_shown, heads)
