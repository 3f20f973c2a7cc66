"""Seeds of match: the documents of a key, and the roots that asked for them.

Documents are registers and weights add up, as always. A root may be active in the seed, here, or in both; it is to be
active once, so an answer is ended where it had two, or should have none, and its subscriptions follow. What a root that
stays active has not been told goes to it as a page of a round does: what an answer would say now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ...core.change import NEVER
from ..base import Cells, Context, Key
from ..joins import JoinKey
from ..match import Match, MatchStep
from ..messages import Doc, Subscribe
from .taking import TakesSeeds

Asked = Counter[tuple[str, JoinKey]]
"""(operator, key) -> how many documents ask for it."""


class SeededMatch(TakesSeeds, Match):
    """One slot's match, with seeds."""

    def seed(self, cells: Cells) -> dict[str, Any]:
        """All but the round: a batch job tells all roots in one step."""
        assert cells.get("round") is None
        return {name: tuple((cells.get(name) or {}).items()) for name in ("docs", "left", "subs")}

    def merge(self, key: Key, cells: Mapping[str, Any], ctx: Context) -> None:
        """Takes a seed at a key that has state."""
        SeedStep(self, key, ctx).merge(cells)


class Active(NamedTuple):
    """Whether a root is active in the seed, was here, and is now."""

    there: bool
    here: bool
    now: bool

    @property
    def weight(self) -> int:
        """What is missing of the weight of its answers."""
        return self.now - self.there - self.here


class SeedStep(MatchStep):
    """The step at a key that takes a seed."""

    def merge(self, cells: Mapping[str, Any]) -> None:
        """Takes it."""
        docs = {path: Doc(*doc) for path, doc in cells.get("docs", ())}
        asked_there, asked_here = self._asks(docs.items()), self._asks(self._members())
        news_there, news_here = self._take_documents(docs, dict(cells.get("left", ())))
        asked_now = self._asks(self._members())
        roots = self._take_roots(dict(cells.get("subs", ())))
        for active, group in roots.items():
            asked = Counter(asked_now) if active.now else Counter()
            asked.subtract(asked_there if active.there else ())
            asked.subtract(asked_here if active.here else ())
            for (operator, key), weight in asked.items():
                if weight:
                    self.ctx.send(operator, key, Subscribe(tuple((root, weight) for root in group)))
        self._tell_news(roots, news_there, news_here)

    def _asks(self, docs: Iterable[tuple[str, Doc]]) -> Asked:
        return Counter(key for path, doc in docs for key in self._child_keys(path, doc))

    def _take_documents(self, docs: Mapping[str, Doc], left: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        """Keeps what is newer; the documents of which the seed's roots have not heard, and those of which ours have not."""
        there = {path: doc.version for path, doc in docs.items()} | {path: tuple(e[0]) for path, e in left.items()}
        here = {path: self._version(path) for path in dict.fromkeys([*there, *self.docs, *self.left])}
        for path in [p for p in there if there[p] > here[p]]:
            if path in docs:
                self._take(path, docs[path])
            else:
                version, keys, _ = left[path]
                self._take(path, Doc(tuple(version), None, keys))
        news_there = [p for p in here if here[p] > there.get(p, NEVER)]
        return news_there, [p for p in there if there[p] > here[p]]

    def _version(self, path: str) -> Any:
        member = self._member(path)
        return tuple(self._left_version(path)) if member is None else tuple(member.version)

    def _take_roots(self, subs: Mapping[str, int]) -> dict[Active, list[str]]:
        """Adds the weights up; the roots by where they are active."""
        roots: dict[Active, list[str]] = {}
        for root, weight in {**dict.fromkeys(self.subs, 0), **subs}.items():
            here = self.subs.get(root, 0)
            total = here + weight
            if total:
                self.subs[root] = total
            else:
                self.subs.pop(root, None)
            roots.setdefault(Active(weight > 0, here > 0, total > 0), []).append(root)
        return roots

    def _tell_news(self, roots: Mapping[Active, list[str]], there: list[str], here: list[str]) -> None:
        """Mends the answers of roots, and tells them what they have not heard."""
        under_way = self._round()
        news = {a: dict.fromkeys([*(there if a.there else ()), *(here if a.here else ())]) for a in roots}
        for active, group in roots.items():
            for root in group if active.weight else ():
                unheard = () if active.now or under_way is None else under_way.unheard(root)
                answer = self._say(dict.fromkeys([*news[active], *unheard]), active.weight)
                self.ctx.send(self.match.assemble, root, answer)
        waiting = {a: group for a, group in roots.items() if a.now and not a.weight and news[a]}
        paths = dict.fromkeys(path for active in waiting for path in news[active])
        if not waiting or self._pages(list(paths), [root for group in waiting.values() for root in group]):
            return
        for active, group in waiting.items():
            answer = self._say(news[active], 0)
            for root in group:
                self.ctx.send(self.match.assemble, root, answer)
