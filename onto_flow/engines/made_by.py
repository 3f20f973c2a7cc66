"""By which code a state was made, and whether it is the code that would go on with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..plan.nodes import Plan
from ..plan.wire import view_text

Fingerprints = Mapping[str, Mapping[str, str]]
"""View -> part of its code -> hash."""


def differences(made: Fingerprints, now: Fingerprints) -> Iterator[str]:
    """What differs, in words.

    Example:
        >>> list(differences({"Rooms": {"title": "a"}}, {"Rooms": {"title": "b"}, "Users": {}}))
        ['Rooms changed in title', 'Users is new']
    """
    for view in dict.fromkeys([*made, *now]):
        if view not in now:
            yield f"{view} is gone"
        elif view not in made:
            yield f"{view} is new"
        else:
            before, after = made[view], now[view]
            parts = [p for p in dict.fromkeys([*after, *before]) if before.get(p) != after.get(p)]
            if parts:
                yield f"{view} changed in {', '.join(parts)}"


def structures(plan: Plan) -> Fingerprints:
    """The structure of each view alone: where nobody knows the fingerprints of the code."""
    return {view.name: {"structure": view_text(plan, view.name)} for view in plan.views}
