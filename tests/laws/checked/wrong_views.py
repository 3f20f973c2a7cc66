"""Views that are wrong, each in one way: what a user writes on a bad day."""

from __future__ import annotations

import functools
import itertools
import os
import random
import time
import uuid
from collections.abc import Iterable
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any, ClassVar

from onto_flow import DomainModel, Store, ViewModel, agg, attrs, computed, many, one, operator, root, udf


class Member(DomainModel):
    class Meta:
        collection_name = "members"

    name: str = attrs.str
    weight: str = attrs.str
    joined = attrs.timestamp
    score: int = attrs.int


class Team(DomainModel):
    class Meta:
        collection_name = "teams"

    title: str = attrs.str
    budget: float = attrs.float
    tags: list[str] = attrs.list(default=())
    members = attrs.relations(Member)
    lead = attrs.relation(Member)


class TeamStore(Store):
    team = root(Team)
    members = many(Member, via=Team.members)
    lead = one(Member, via=Team.lead)


class UsesRandom(ViewModel):
    class Meta:
        collection_name = "usesRandom"

    store: TeamStore

    @computed
    def lucky(self) -> float:
        return random.random()


class UsesRandomInAFilter(ViewModel):
    class Meta:
        collection_name = "usesRandomInAFilter"

    store: TeamStore

    @computed
    def title(self) -> str:
        return self.store.team.title

    @operator.filter
    @classmethod
    def sampled(cls, team: Team) -> bool:
        return random.random() < 0.5


class UsesUuid(ViewModel):
    class Meta:
        collection_name = "usesUuid"

    store: TeamStore

    @computed
    def token(self) -> str:
        return str(uuid.uuid4())


class UsesTime(ViewModel):
    class Meta:
        collection_name = "usesTime"

    store: TeamStore

    @computed
    def days(self) -> int:
        return int(time.time() // 86_400)


class UsesNow(ViewModel):
    class Meta:
        collection_name = "usesNow"

    store: TeamStore

    @computed
    def seniors(self) -> int:
        now = datetime.now(timezone.utc)
        joined = [m.joined for m in self.store.members if isinstance(m.joined, datetime)]
        return sum((now - j).days > 365 for j in joined)


class UsesToday(ViewModel):
    class Meta:
        collection_name = "usesToday"

    store: TeamStore

    @computed
    def year(self) -> int:
        return date.today().year


class UsesLocalTime(ViewModel):
    class Meta:
        collection_name = "usesLocalTime"

    store: TeamStore

    @computed
    def hours(self) -> list[str]:
        joined = [m.joined for m in self.store.members if isinstance(m.joined, datetime)]
        return [j.astimezone().strftime("%H:%M") for j in joined]


class OrderOfASet(ViewModel):
    class Meta:
        collection_name = "orderOfASet"

    store: TeamStore

    @computed
    def names(self) -> list[str]:
        return list({str(m.name) for m in self.store.members})


class FirstOfASet(ViewModel):
    class Meta:
        collection_name = "firstOfASet"

    store: TeamStore

    @computed
    def some_tag(self) -> str | None:
        return next(iter(frozenset(str(t) for t in self.store.team.tags or ())), None)


class UsesHash(ViewModel):
    class Meta:
        collection_name = "usesHash"

    store: TeamStore

    @computed
    def shard(self) -> int:
        return hash(self.store.team.title) % 16


class UsesIdentity(ViewModel):
    class Meta:
        collection_name = "usesIdentity"

    store: TeamStore

    @computed
    def key(self) -> str:
        return repr(object())


class MutableDefault(ViewModel):
    class Meta:
        collection_name = "mutableDefault"

    store: TeamStore

    @udf
    @staticmethod
    def seen(team: Team, known: list[str] = []) -> list[str]:  # noqa: B006 - the fault
        known.append(team.doc_id)
        return list(known)


class CacheInAClass(ViewModel):
    class Meta:
        collection_name = "cacheInAClass"

    store: TeamStore
    _names: ClassVar[dict[str, str]] = {}

    @computed
    def shown(self) -> str:
        team = self.store.team
        return self._names.setdefault(team.doc_id, str(team.title))


_CALLS = itertools.count()


class CounterOfAModule(ViewModel):
    class Meta:
        collection_name = "counterOfAModule"

    store: TeamStore

    @computed
    def number(self) -> int:
        return next(_CALLS)


class CachedByPath(ViewModel):
    class Meta:
        collection_name = "cachedByPath"

    store: TeamStore

    @computed
    def title(self) -> str:
        return _title_of(self.store.team)


@functools.cache
def _title_of(team: Team) -> str:
    return str(team.title)


class ComparesWithTheLast(ViewModel):
    class Meta:
        collection_name = "comparesWithTheLast"

    store: TeamStore
    _last: ClassVar[list[Any]] = [None]

    @computed
    def rises(self) -> bool:
        last, self._last[0] = self._last[0], len(self.store.members)
        return last is not None and last < len(self.store.members)


class SumByHandOverASet(ViewModel):
    class Meta:
        collection_name = "sumByHandOverASet"

    store: TeamStore

    @computed
    def total(self) -> float:
        weights = {"a": 0.1, "b": 0.2, "c": 0.3, "": 1e16, "1": -1e16, "é": 0.7}
        total = 0.0
        for name in {str(m.name) for m in self.store.members} | {str(t) for t in self.store.team.tags or ()}:
            total += weights.get(name, 0.0)
        return total


class RunningTotal(ViewModel):
    class Meta:
        collection_name = "runningTotal"

    store: TeamStore
    _totals: ClassVar[dict[str, float]] = {}

    @computed
    def budget(self) -> float:
        team = self.store.team
        budget = team.budget if isinstance(team.budget, float) else 0.0
        self._totals[team.doc_id] = self._totals.get(team.doc_id, 0.0) + budget
        return self._totals[team.doc_id]


class ChangesItsParameter(ViewModel):
    class Meta:
        collection_name = "changesItsParameter"

    store: TeamStore

    @computed
    def names(self) -> list[str]:
        return [str(m.name) for m in self.store.members]

    @udf
    @staticmethod
    def last_name(names: list[str]) -> str | None:
        return names.pop() if names else None


class ChangesADocument(ViewModel):
    class Meta:
        collection_name = "changesADocument"

    store: TeamStore

    @computed
    def tags(self) -> int:
        tags = self.store.team.tags
        if isinstance(tags, list):
            tags.append("seen")
        return len(tags or ())


class ReadsAFile(ViewModel):
    class Meta:
        collection_name = "readsAFile"

    store: TeamStore

    @computed
    def size(self) -> int:
        return len(Path(__file__).read_text())


class ListsAFolder(ViewModel):
    class Meta:
        collection_name = "listsAFolder"

    store: TeamStore

    @computed
    def files(self) -> int:
        return len(os.listdir("/"))  # noqa: PTH208


class FilterRaises(ViewModel):
    class Meta:
        collection_name = "filterRaises"

    store: TeamStore

    @computed
    def title(self) -> str:
        return self.store.team.title

    @operator.filter
    @classmethod
    def long(cls, team: Team) -> bool:
        return len(team.title) > 0


class NeedsEveryMember(ViewModel):
    class Meta:
        collection_name = "needsEveryMember"

    store: TeamStore

    @computed
    def names(self) -> list[str]:
        return [self.store.members[m].name for m in self.store.team.members]


class NeedsALead(ViewModel):
    class Meta:
        collection_name = "needsALead"

    store: TeamStore

    @computed
    def lead(self) -> str:
        return self.store.lead.name  # type: ignore[union-attr]


class DividesByNothing(ViewModel):
    class Meta:
        collection_name = "dividesByNothing"

    store: TeamStore

    @computed
    def share(self) -> float:
        return 1.0 / len(self.store.members)


class KnowsThreeTitles(ViewModel):
    class Meta:
        collection_name = "knowsThreeTitles"

    store: TeamStore

    @computed
    def number(self) -> int:
        return {"a": 1, "b": 2, None: 3}[self.store.team.title]


class SortsNulls(ViewModel):
    class Meta:
        collection_name = "sortsNulls"

    store: TeamStore

    @computed
    def names(self) -> list[str]:
        return sorted(m.name for m in self.store.members)


class ReturnsASet(ViewModel):
    class Meta:
        collection_name = "returnsASet"

    store: TeamStore

    @computed
    def names(self) -> Any:
        return {str(m.name) for m in self.store.members}


class ExpandsNull(ViewModel):
    class Meta:
        collection_name = "expandsNull"

    store: TeamStore

    @operator.expand
    @classmethod
    def tag(cls, team: Team) -> Iterable[str]:
        return [tag.upper() for tag in team.tags]

    @udf
    @staticmethod
    def text(tag: str) -> str:
        return str(tag)


class ByMember(Store):
    member = root(Member)


class RandomKey(ViewModel):
    class Meta:
        collection_name = "randomKey"

    store: ByMember

    @operator.key
    @classmethod
    def bucket(cls, member: Member) -> int:
        return random.randrange(4)

    members = agg.count()


class TimeInAnAccumulator(ViewModel):
    class Meta:
        collection_name = "timeInAnAccumulator"

    store: ByMember

    @operator.key
    @classmethod
    def name(cls, member: Member) -> str | None:
        return member.name

    even = agg.count(where=lambda member: int(time.time() * 1e6) % 2 == 0)


class SumsTexts(ViewModel):
    class Meta:
        collection_name = "sumsTexts"

    store: ByMember

    @operator.key
    @classmethod
    def name(cls, member: Member) -> str | None:
        return member.name

    weights = agg.sum(lambda member: member.weight)


WRONG_VIEWS: dict[str, type[ViewModel]] = {
    name: found
    for name, found in list(globals().items())
    if isinstance(found, type) and issubclass(found, ViewModel) and found is not ViewModel
}
