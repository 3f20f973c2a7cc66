"""Histories of which a feed loses some, and exports that are made since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from onto_flow.core.equality import same
from onto_flow.testing.cases import Case, random_case
from onto_flow.testing.histories import DELIVERIES, deliver
from onto_flow.testing.oracle import project
from tests.audit.jobs import Taken, documents_after


@dataclass
class Story:
    """A case, and what of it came when."""

    case: Case
    random: Random
    taken: int
    lost: set[int]

    @classmethod
    def of(cls, random: Random, *, loses: bool) -> Story:
        case = random_case(random, most=25)
        history = case.history
        taken = random.randint(max(1, history.exported), len(history.commits))
        fed = [i for i in history.feed if history.exported <= i < taken]
        lost = set(random.sample(fed, random.randint(0, len(fed)))) if loses else set()
        return cls(case, random, taken, lost)

    @property
    def at(self) -> int:
        """When the later export was taken."""
        return self.case.history.commits[self.taken - 1].time

    @property
    def right(self) -> dict[str, Any]:
        """The documents when the export was taken."""
        return documents_after(self.case.history.commits[: self.taken])

    @property
    def has(self) -> dict[str, Any]:
        """What the job takes each document for, by what came: fields, or `None` for deleted."""
        return {path: self.case.history.commits[index].fields for path, index in self._newest().items()}

    def _newest(self) -> dict[str, int]:
        """The last commit of each document that came."""
        history = self.case.history
        newest: dict[str, int] = {}
        for index in (*range(history.exported), *(i for i in history.feed if i < self.taken and i not in self.lost)):
            path = history.commits[index].path
            newest[path] = max(index, newest.get(path, -1))
        return newest

    @property
    def doubtful(self) -> set[str]:
        """Documents whose deletion came and whose return was lost: a clock must tell which was later."""
        return {path for path, fields in self.has.items() if fields is None and path in self.right}

    @property
    def ghosts(self) -> set[str]:
        """Documents that were made after the first export, and whose deletion was lost: neither export has them."""
        gone = {path for path, fields in self.has.items() if fields is not None and path not in self.right}
        return gone - self.case.history.documents.keys()

    def late(self, repair: Mapping[str, bool]) -> list[int]:
        """Some of what was lost comes after all; not what would stand, applied last.

        The deletion of what a repair brings does. Of a document that no repair names, as what was lost had left it as it
        was, whatever is younger than what came does.
        """
        commits, newest = self.case.history.commits, self._newest()
        some = [i for i in sorted(self.lost) if self.random.random() < 0.2]

        def stands(index: int) -> bool:
            path, fields, _ = commits[index]
            named = repair.get(path)
            return fields is None and named if named is not None else newest.get(path, -1) < index

        return [i for i in some if not stands(i)]

    def come(self, indexes: list[int]) -> list:
        history = self.case.history
        return [history.change(i) for i in deliver(indexes, self.random, self.random.choice(DELIVERIES))]

    def early(self) -> list:
        """What came before the export was taken."""
        return self.come([i for i in self.case.history.feed if i < self.taken and i not in self.lost])

    def later(self) -> list:
        return self.come([i for i in self.case.history.feed if i >= self.taken])

    def export(self) -> Taken:
        return Taken(documents_after(self.case.history.commits[: self.taken]), self.at)

    def names(self, *, seen_later: bool) -> set[str]:
        """The documents that the job has not as the export says."""
        history, plan = self.case.history, self.case.plan
        has = {path: fields for path, fields in self.has.items() if fields is not None}
        right = self.right
        changed = {c.path for c in history.commits[self.taken :]} if seen_later else set()
        written = {view.collection for view in plan.views}
        return {
            path
            for path in (has.keys() | right.keys()) - changed
            if plan.projection.wants(path)
            and path.rpartition("/")[0] not in written
            and not same(_projected(plan, path, has.get(path)), _projected(plan, path, right.get(path)))
        }


def _projected(plan, path, fields):
    return None if fields is None else project(plan, path, fields)
