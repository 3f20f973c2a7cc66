"""What type checkers are told of views that read other views: mypy and basedpyright check this module too (`.ci/checks`)."""

from __future__ import annotations

from collections.abc import Callable

from onto_flow import DomainModel, Many, Reference, Store, ViewModel, attrs, computed, many, one, plan_views, root, udf
from onto_flow.testing.oracle import recompute


class Member(DomainModel):
    class Meta:
        collection_name = "members"

    name: str = attrs.str
    team = attrs.relation("Team")


class Team(DomainModel):
    class Meta:
        collection_name = "teams"

    title: str = attrs.str


class TeamStore(Store):
    team = root(Team)
    members = many(Member, by=Member.team)


class TeamCard(ViewModel):
    class Meta:
        collection_name = "teamCards"

    store: TeamStore

    @computed
    def captain(self) -> Reference[Member] | None:
        return next((Reference(m.path) for m in self.store.members), None)

    @computed
    def names(self) -> list[str]:
        return [m.name for m in self.store.members]

    @udf
    @staticmethod
    def size(names: list[str]) -> int:
        return len(names)

    @computed
    def twice(self) -> int:
        return self.size * 2


class CardStore(Store):
    card = root(TeamCard)
    captain = one(Member, via=(card, TeamCard.captain))
    others = many(TeamCard, on=(TeamCard.size, TeamCard.size))


class Poster(ViewModel):
    class Meta:
        collection_name = "posters"

    store: CardStore

    @computed
    def text(self) -> str:
        size: int = self.store.card.size
        twice: int = self.store.card.twice
        names: list[str] = self.store.card.names
        captain: Member | None = self.store.captain
        others: Many[TeamCard] = self.store.others
        sizes: list[int] = [other.size for other in others]
        count: Callable[[list[str]], int] = TeamCard.size
        return f"{captain.name if captain else '?'}: {size}, {twice}, {count(names)}, {sum(sizes)}"


def test_the_values_are_what_type_checkers_are_told() -> None:
    documents: dict[str, dict[str, object]] = {
        "teams/red": {"title": "Red"},
        "members/ada": {"name": "Ada", "team": Reference("teams/red")},
        "members/bob": {"name": "Bob", "team": Reference("teams/red")},
    }
    tables = recompute(plan_views(TeamCard, Poster), documents)
    assert tables["Poster"] == {"posters/red": {"text": "Ada: 2, 4, 2, 2"}}
