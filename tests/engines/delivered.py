"""Documents, their changes, and a delivery of them, for engines whose tables are to be those of the local flow."""

from __future__ import annotations

import random
from typing import Any

from onto_flow.core.change import Change
from onto_flow.demo import data as demo

Story = tuple[list[Change], list[Change], list[Change]]
"""What exists, how it changes, and the changes as they are delivered."""


def meeting_room_twice() -> Story:
    """The demo's script, each change twice, in any order."""
    existing = [Change(p, None, f, (0, 1)) for p, f in demo.documents().items()]
    changes = [step.change for step in demo.script()]
    return existing, changes, random.Random(3).sample([*changes, *changes], 2 * len(changes))


def movies_that_change() -> Story:
    """Movies change their genres and years, and go, out of order and some of it twice."""
    pick = random.Random(4)

    def movie() -> dict[str, Any]:
        rated = {
            "ratings": pick.randrange(200),
            "total_rating": pick.randrange(900) / 2,
            "avg_rating": pick.randrange(50) / 10,
        }
        genres = pick.sample(["Drama", "Comedy", "War", "Noir"], pick.randrange(3))
        return {"title": f"M{pick.randrange(99)}", "year": str(1990 + pick.randrange(4)), "genres": genres, **rated}

    existing = [Change(f"movies/{i}", None, movie(), (0, 1)) for i in range(40)]
    changes = [
        Change(f"movies/{pick.randrange(50)}", None, movie() if at % 4 else None, (at, int(at % 4 == 0)))
        for at in range(1, 80)
    ]
    return existing, changes, pick.sample([*changes, *changes[:20]], len(changes) + 20)
