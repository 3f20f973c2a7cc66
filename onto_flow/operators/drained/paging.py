"""The steps of match on a drained engine, where a change of a hot key is told page by page.

A page takes its roots through the whole change in one batch: they hear what an answer would say now, and subscribe to what
the documents ask for now. Roots that have not had their page hold what they were subscribed to, and what they know.

Law: between two batches the documents of a key are the present ones, so whoever sends content sends the newest there is,
and only departures can come late. A root's subscriptions from a key are those of the edition that it heard last.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..base import Context, Key
from ..joins import JoinKey
from ..match import Match, MatchStep
from ..messages import Doc, Subscribe
from .editions import MARK, Editions
from .untold import Untold


class PagedStep(MatchStep):
    """See `MatchStep`."""

    def __init__(self, match: Match, key: Key, ctx: Context, untold: Untold) -> None:
        super().__init__(match, key, ctx)
        self.untold = untold
        self.editions = Editions.of(ctx.get("round"), self.subs)

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
        return came, ceased

    def _tell(self, changed: dict[str, tuple[Doc | None, Doc]], came: dict[str, int]) -> None:
        page = self.profile.page
        if self.editions is None:
            if not page or len(self.subs) - len(came) <= page:
                super()._tell(changed, came)
                return
            self.editions = Editions.begin(self.subs, came)
        self.editions.changed({path: tuple(self._child_keys(path, before)) for path, (before, _) in changed.items()})
        self._go_on()

    def _go_on(self) -> None:
        over = self.editions is None or self.editions.over
        self.ctx.put("round", None if over else self.editions)
        if over:
            self.editions = None
            for path in list(self.left):
                del self.left[path]
        else:
            self.ctx.set_timer("coalesce", self.ctx.now)
        self.owe()

    def owe(self) -> None:
        """Says what members of this key roots wait for; that of a `via` key they know to be missing, or hold."""
        self.untold.goes_on(self.slot.index, self.key, self.editions is not None)
        if self.slot.kind != "via":
            paths = () if self.editions is None else self.editions.paths
            members = {path: doc for path in paths if (doc := self._member(path)) is not None}
            self.untold.owe(self.slot.index, self.key, members)

    def _settle(self, changed: Iterable[str]) -> None:
        if self.editions is None:
            for path in changed:
                self.left.pop(path, None)

    def _answer(self, roots: Iterable[str]) -> None:
        roots = list(roots)
        super()._answer(roots)
        if self.editions is not None:
            for root in roots:
                self.editions.hears(root, self.subs)

    def _end(self, ceased: dict[str, int], before: dict[str, list[tuple[str, JoinKey]]]) -> None:
        if self.editions is None:
            super()._end(ceased, before)
            return
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
        """Takes the next roots through what they have not heard."""
        if self.editions is None:
            return
        roots, unheard = self.editions.tell(self.subs, self.profile.page)
        answer = self._say(unheard, 0)
        for root in roots:
            self.ctx.send(self.match.assemble, root, answer)
        for path, asked in unheard.items() if roots else ():
            self._move(roots, asked, path)
        self._go_on()
