"""Net changes of view documents on bytes: compiled where the extension was built, or as what they mean.

Law: the bytes are those of `otherwise`, which takes what is not as it is always written, and all without the extension.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from . import extension

Net = Callable[["bytes | None", bytes, int], bytes]
"""(state, message, where the view change begins in it) -> the state with the view change put in.

The state is that of a map of (view, path) -> (version of old, old, version of new, new, failed, whether a flag moved).
"""


def net_changes(head: bytes, otherwise: Net) -> Net:
    """What puts view changes into such a state.

    Args:
        head: What the bytes of a view change begin with.
        otherwise: Gives the same.
    """
    compiled = getattr(extension(), "net_change", None)
    return otherwise if compiled is None else partial(compiled, otherwise, head)
