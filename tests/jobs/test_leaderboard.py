"""The leaderboard of a league."""

from onto_flow.testing import scenario
from udfs.leaderboard import Leaderboard


def board(league, players, highest, mean, *top):
    return {
        "league": league,
        "players": players,
        "highest": highest,
        "mean": mean,
        "top": [{"name": name, "points": points} for name, points in top],
    }


def test_the_best_result_that_counts_makes_the_place():
    (
        scenario(Leaderboard)
        .given(
            {
                "players/ada": {"name": "Ada", "league": "north"},
                "players/bob": {"name": "Bob", "league": "north"},
                "players/cyd": {"name": "Cyd", "league": "north"},
                "players/dan": {"name": "Dan", "league": "north"},
                "players/eve": {"name": "Eve"},
                "players/ada/results/1": {"points": 10},
                "players/ada/results/2": {"points": 30},
                "players/bob/results/1": {"points": 20},
                "players/cyd/results/1": {"points": 20},
            }
        )
        .then({"leaderboards/north": board("north", 4, 30, 70 / 3, ("Ada", 30), ("Bob", 20), ("Cyd", 20))})
        .when(("players/ada/results/2", {"disqualified": True}))
        .then({"leaderboards/north": board("north", 4, 20, 50 / 3, ("Bob", 20), ("Cyd", 20), ("Ada", 10))})
        .when(("players/dan/results/9", {"points": 15}), ("players/eve", {"league": "south"}))
        .then(
            {
                "leaderboards/north": board("north", 4, 20, 65 / 4, ("Bob", 20), ("Cyd", 20), ("Dan", 15)),
                "leaderboards/south": board("south", 1, None, None),
            }
        )
        .when(("players/bob", None), ("players/eve", None))
        .then({"leaderboards/north": board("north", 3, 20, 15.0, ("Cyd", 20), ("Dan", 15), ("Ada", 10))})
    )
