"""A leaderboard: the best players of each league, by the best of their results.

`players/{id}` has a `league` and a `name`; `players/{id}/results/{id}` has `points` and whether it was `disqualified`. A
player without a result is in the league and not on the board.
"""

from __future__ import annotations

from dataclasses import dataclass

from onto_flow import DomainModel, Store, ViewModel, agg, attrs, computed, many, operator, root

PLACES = 3


class Player(DomainModel):
    """Somebody who plays."""

    class Meta:
        path = "players/{player}"

    player: str = attrs.part
    name: str = attrs.str
    league: str | None = attrs.str


class Result(DomainModel):
    """What a player reached once."""

    class Meta:
        path = "players/{player}/results/{result}"

    player: str = attrs.part
    points: int = attrs.int(default=0)
    disqualified: bool = attrs.bool(default=False)


class PlayerStore(Store):
    """A player and all results."""

    player = root(Player)
    results = many(Result, on=(Player.player, Result.player))


@dataclass(frozen=True)
class Standing:
    """A place on the board."""

    name: str
    points: int


class Leaderboard(ViewModel):
    """The best of a league."""

    class Meta:
        collection_name = "leaderboards"

    store: PlayerStore

    @computed
    def _best(self) -> int | None:
        """The player's best result that counts."""
        return max((r.points for r in self.store.results if not r.disqualified), default=None)

    @operator.key
    @classmethod
    def league(cls, player: Player) -> str | None:
        """A player without a league is on no board."""
        return player.league

    players = agg.count()
    highest = agg.max(lambda _best: _best)
    mean = agg.avg(lambda _best: _best)
    top = agg.top_k(
        lambda player, _best: None if _best is None else Standing(player.name, _best),
        PLACES,
        order_by=lambda _best: _best,
    )
