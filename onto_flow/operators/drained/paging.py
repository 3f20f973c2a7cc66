"""The steps of match on a drained engine, where a change of a hot key is told page by page.

A page takes its roots through the whole change in one batch: they hear what an answer would say now, and subscribe to what
the documents ask for now. Roots that have not had their page hold what they were subscribed to, and what they know.

Law: between two batches the documents of a key are the present ones, so whoever sends content sends the newest there is,
and only departures can come late. A root's subscriptions from a key are those of the edition that it heard last.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from ...core.unread import is_unread
from ..base import Context, Key
from ..joins import JoinKey
from ..match import Changed, Match, MatchStep
from ..messages import Doc, Subscribe, Withdrawn
from .editions import MARK, Editions
from .parts import Turns
from .untold import Untold

_SLICE = 256
"""So many documents of a large key that was not read yet are read beside a step, until all are there."""


class PagedStep(MatchStep):
    """See `MatchStep`."""

    def __init__(self, match: Match, key: Key, ctx: Context, untold: Untold, weigh: Callable[[str], int]) -> None:
        super().__init__(match, key, ctx)
        self.untold, self._weigh = untold, weigh
        turns = Turns.of(ctx.get("round"), self.subs)
        self.editions, self.parts, self.last = turns.editions, turns.parts, turns.last
        self._changes: Changed = {}
        self._came: list[str] = []
        self._went: dict[str, int] = {}

    def _changed(self, newest: dict[str, Doc]) -> Changed:
        self._changes = super()._changed(newest)
        for path in self._changes if self.parts else ():
            self.parts.came(path)
        return self._changes

    def _reweigh(self, weights: dict[str, int]) -> tuple[dict[str, int], dict[str, int]]:
        came: dict[str, int] = {}
        ceased: dict[str, int] = {}
        for root, weight in weights.items():
            held = self.subs.get(root, 0)
            old = held % MARK
            if old + weight:
                self.subs[root] = held + weight
            else:
                self.subs.pop(root, None)
            if not old and weight:
                came[root] = held
            elif old and not old + weight:
                ceased[root] = held
        if self.parts or (weights and self._is_large()):
            self._part(came, ceased)
        return came, ceased

    def _is_large(self) -> bool:
        """Whether the documents that were here before are more than a page, for one root."""
        page = self.profile.page
        if not page or is_unread(self.docs):
            return page > 0
        return len(self.docs) - sum(before is None for before, _ in self._changes.values()) > page

    def _part(self, came: dict[str, int], ceased: dict[str, int]) -> None:
        """Takes out the roots that are told page by page that they came, or went."""
        large = self._is_large()
        for root in list(came):
            if root in self.parts:
                del came[root]
            elif large:
                self.parts.begin(root, whole=False)
                self._came.append(root)
                del came[root]
        for root in list(ceased):
            if root in self.parts:
                del ceased[root]
            elif large:
                self.parts.begin(root, whole=True)
                self._went[root] = ceased.pop(root)

    def _tell(self, changed: Changed, came: Collection[str]) -> None:
        page, out = self.profile.page, frozenset((*came, *self.parts))
        if self.editions is None:
            if not page or not (is_unread(self.subs) or self._counts(out) > page):
                super()._tell(changed, out)
                return
            self.editions = Editions.begin(self.subs, out, self.last)
        self.editions.changed({path: tuple(self._child_keys(path, before)) for path, (before, _) in changed.items()})
        self._go_on()

    def _counts(self, but: Collection[str]) -> int:
        """How many roots ask for the key, but some."""
        return len(self.subs) - sum(root in self.subs for root in but)

    def _go_on(self) -> None:
        if self.editions is None or self.editions.over:
            self.last = self.last if self.editions is None else self.editions.now
            self.editions = None
            for path in list(self.left):
                del self.left[path]
        self._note()
        if self.editions is not None or self.parts:
            self.ctx.set_timer("coalesce", self.ctx.now)
        self.owe()

    def _note(self) -> None:
        """Notes who waits for a page, or how far editions have been counted: not where the roots can be told afresh."""
        if self.last and self.editions is None and not is_unread(self.subs) and len(self.subs) <= self.profile.page:
            self.last = 0
            for root, held in list(self.subs.items()):
                self.subs[root] = held % MARK
        self.ctx.put("round", Turns(self.editions, self.parts, self.last).held())

    def resume(self) -> None:
        """After a restart: what is under way is said again."""
        self.owe()
        self._note()

    def owe(self) -> None:
        """Says what members of this key roots wait for; that of a `via` key they know to be missing, or hold."""
        self.untold.goes_on(self.slot.index, self.key, self.editions is not None)
        self.untold.parts(self.slot.index, self.key, self.parts)
        if self.slot.kind != "via":
            paths = () if self.editions is None else self.editions.paths
            members = {path: doc for path in paths if (doc := self._member(path)) is not None}
            self.untold.owe(self.slot.index, self.key, members)

    def _round(self) -> None:
        """It has none of those of engines without order."""

    def _settle(self, changed: Iterable[str]) -> None:
        if self.parts:
            self._tell_parts()
            self._go_on()
        if self.editions is None:
            for path in changed:
                self.left.pop(path, None)
        if self.last and self.editions is None:
            self._note()
        if is_unread(self.docs):
            self.docs.read_on(_SLICE)

    def _tell_parts(self) -> None:
        """Tells the roots that know a part of what has changed in it, and those that came that more will follow.

        What has left the key is told to all of them: they may know it from another key that has ended since.
        """
        asked = {path: tuple(self._child_keys(path, before)) for path, (before, _) in self._changes.items()}
        for root in self.parts if asked or self._went else ():
            news = {path: keys for path, keys in asked.items() if self.parts.knows(root, path)}
            if root in self._went and self.editions is not None:
                news.update(self.editions.unheard(self._went[root]))
            told = [*news, *(path for path in asked if path not in news and path not in self.docs)]
            if told:
                self.ctx.send(self.match.assemble, root, self._say(told, 0))
            for path, keys in news.items():
                self._move((root,), keys, path)
        for root in self._came:
            self.ctx.send(self.match.assemble, root, self._say(list(self.left), 1))

    def _answer(self, roots: Iterable[str]) -> None:
        roots = list(roots)
        super()._answer(roots)
        if self.editions is not None:
            for root in roots:
                self.editions.hears(root, self.subs)

    def _end(self, ceased: dict[str, int], changed: Changed) -> None:
        if self.editions is None or not ceased:
            super()._end(ceased, changed)
            return
        before = self._asked_before(changed)
        lost: dict[tuple[str, JoinKey], list[tuple[str, int]]] = {}
        for root, value in ceased.items():
            unheard = self.editions.unheard(value)
            self.ctx.send(self.match.assemble, root, self._say(unheard, -1))
            held: dict[str, Any] = {**before, **unheard}
            for asked in held.values():
                for target in asked:
                    lost.setdefault(target, []).append((root, -1))
        for (operator, key), roots in lost.items():
            self.ctx.send(operator, key, Subscribe(tuple(roots)))

    def page(self) -> None:
        """Takes the next roots through what they have not heard, or one root through more of the documents, in turn."""
        if self.parts and (self.editions is None or self.parts.turn):
            if is_unread(self.docs):
                self.docs.read_on(self.profile.page)
            else:
                self._page_of_part(next(iter(self.parts)))
        elif self.editions is not None:
            self._page_of_round(self.editions)
        else:
            return
        self.parts.turn = not self.parts.turn
        self._go_on()

    def _page_of_part(self, root: str) -> None:
        grows = root in self.subs
        paths = self.parts.take(root, self.docs, self.profile.page, grows=grows)
        self.ctx.send(
            self.match.assemble,
            root,
            self._say(paths, 0) if grows else Withdrawn(self.slot.index, self.key, tuple(paths)),
        )
        for path in paths:
            for operator, key in self._child_keys(path, self._member(path)):
                self.ctx.send(operator, key, Subscribe(((root, 1 if grows else -1),)))
        if root in self.parts:
            return
        if not grows:
            self.ctx.send(self.match.assemble, root, self._say((), -1))
        elif self.editions is not None:
            self.editions.hears(root, self.subs)

    def _page_of_round(self, editions: Editions) -> None:
        roots, unheard = editions.tell(self.subs, self.profile.page, self.parts, self._weigh)
        answer = self._say(unheard, 0)
        for root in roots:
            self.ctx.send(self.match.assemble, root, answer)
        for path, asked in unheard.items() if roots else ():
            self._move(roots, asked, path)
