"""Shows the roots that a batch has touched: what each of them keeps says what has changed since it was shown last.

Law: the compiled form (`core/native/assemble.c`) gives what the form in Python gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from ...core.change import ViewChange
from ...core.native import compiled
from ..base import Key, Output
from ..record import Record

Give = Callable[[Record, str, Mapping[Any, Any], Sequence[Any]], None]
"""Takes a record, its root, what the root shows now, and the outputs at which that has changed."""


def show(touched: dict[Key, Record], view: str, generation: int, outputs: list[Output], give: Give | None) -> list[Key]:
    """Shows what has changed of some roots.

    Args:
        touched: Root -> its record, in which something is kept.
        view: The view's name.
        generation: The first part of view versions.
        outputs: Where view changes go.
        give: Takes what has changed; view changes are made of it if `None`.

    Returns:
        The roots of which nothing is kept any more, as the view's code raised.
    """
    failed = []
    for key, record in touched.items():
        assert record.kept is not None
        try:
            shown, changed = record.kept.shown(record.last)
        except Exception:
            record.kept = None
            failed.append(key)
            continue
        if changed and give is not None:
            give(record, cast("str", key), shown, changed)
        elif changed:
            last, record.last = record.last, shown
            record.seq += 1
            version = (generation, 0, record.seq)
            outputs.extend(ViewChange(view, o, last.get(o), shown.get(o), version) for o in changed)
    return failed


in_python = show
if compiled() is not None:
    show = compiled().show((ViewChange,))
