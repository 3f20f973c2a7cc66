"""Net changes of view documents: what is to be told of each, while nothing is told.

Law: in whatever order the changes of a document come, and however often, `old` is that of the lowest version, and `new` that
of the highest.

Example:
    >>> held = {}
    >>> for seq, old, new in ((2, {"n": 1}, {"n": 2}), (1, None, {"n": 1})):
    ...     net(held, ViewChange("V", "v/1", old, new, (7, 0, seq)))
    >>> held
    {('V', 'v/1'): ((7, 0, 1), None, (7, 0, 2), {'n': 2}, False, False)}
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from ..core.change import ViewChange
from ..core.equality import same
from ..formats.native.netted import net_changes
from .carried import VIEW_CHANGE, decode_carried
from .coding import decode_state, encode_state


def net(held: MutableMapping[Any, Any], change: ViewChange) -> None:
    """Puts a view change among net changes.

    Args:
        held: (view, path) -> (version of old, old, version of new, new, flagged, whether a flag moved).
        change: It.
    """
    key = (change.view, change.path)
    begins = (change.version, change.old, change.version, change.new, change.failed, False)
    first, old, last, new, failed, flags = held.get(key) or begins
    if change.version < tuple(first):
        first, old = change.version, change.old
    if change.version > tuple(last):
        last, new, failed = change.version, change.new, change.failed
    held[key] = (first, old, last, new, failed, flags or change.failed or same(change.old, change.new))


def net_of_bytes(state: bytes | None, data: bytes, begin: int) -> bytes:
    """The state of net changes with one put in whose bytes begin there."""
    held: dict[Any, Any] = {} if state is None else dict(decode_state(state))
    change = decode_carried(data, begin)
    assert isinstance(change, ViewChange)
    net(held, change)
    return encode_state(tuple(held.items()))


put_in = net_changes(VIEW_CHANGE, net_of_bytes)
"""`net_of_bytes`, compiled where the extension was built."""
