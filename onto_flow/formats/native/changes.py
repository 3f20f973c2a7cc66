"""Changes of a feed as bytes, and view changes of bytes: compiled where the extension was built.

Law: bytes and objects are those of `otherwise`, which takes what the extension does not know, and everything without it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...core.change import Change, ViewChange
from ...core.values import GeoPoint, Reference, Vector
from . import extension

_TYPES = (GeoPoint, Reference, Vector)


def change_encoder(
    head: bytes, otherwise: Callable[[Change], tuple[bytes, bytes]]
) -> Callable[..., tuple[bytes, bytes]]:
    """`encode(change)`: the bytes of its path, and of (version, fields, microseconds, previous version) behind a head.

    Args:
        head: What the bytes of an event begin with.
        otherwise: Gives the same.
    """
    compiled = getattr(extension(), "keyed_event", None)
    return otherwise if compiled is None else partial(compiled, *_TYPES, otherwise, head)


def view_change_decoder(head: bytes, otherwise: Callable[[bytes, int], Any]) -> Callable[..., Any]:
    """`decode(data, begin=0)`: the view change of the bytes from `begin` on, or what else they are.

    Args:
        head: What the bytes of a view change begin with.
        otherwise: Gives the same, when it is told where to begin.
    """
    compiled = getattr(extension(), "view_change", None)
    return otherwise if compiled is None else partial(compiled, *_TYPES, otherwise, ViewChange, head)
