"""The suite that every engine passes: the table after a first load and a feed is the table recomputed from scratch.

Example:
    class TestMyEngine(EngineSuite):
        def run(self, plan, documents, snapshot, changes):
            ...  # a job with these documents and this feed, to its end
            return {"Sessions": {"sessions/m1": {...}}}

An engine that starts slowly binds `OneJobSuite`: many views and histories in one job, told apart by prefixes of paths
(`testing.multiplexed`). What an engine cannot do, its `cannot` says: a strict xfail with its reason.

The plans hold code that a worker finds by its import path (`testing.shapes`), so an engine may run them anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings

from ..core.change import Change
from ..core.equality import same
from ..core.values import Document, from_micros
from ..plan.nodes import Plan
from .cases import Case, random_case
from .histories import History, deliver, history_of
from .multiplexed import SNAPSHOT, Multiplexed, Told, by_paths, stands_alone, with_another_history
from .named_cases import FIXED
from .oracle import recompute
from .session_view import MINUTE, Visit
from .strategies import cases

Tables = Mapping[str, Mapping[str, Document]]
"""view -> path -> document."""


class OneJobSuite:
    """Law 1 in a few jobs of many views and histories; subclass it and give `run`.

    Attributes:
        views: How many generated views one job has.
        histories: How many histories each of them has.
        seed: Which views are generated.
        every: Which of the cases with a name are run: every one, every second, ...
        feeds: Whether the engine takes a feed; without one it is given the documents at the end.
        loads: Whether it begins with an export; without one all comes by the feed.
        cannot: Name of a test -> why this engine cannot pass it; it must fail then.
    """

    views = 12
    histories = 6
    seed = 1
    every = 1
    feeds = loads = True
    cannot: Mapping[str, str] = {}

    @pytest.fixture(autouse=True)
    def _what_it_cannot(self, request: pytest.FixtureRequest) -> None:
        reason = self.cannot.get(request.function.__name__)
        if reason is not None:
            request.applymarker(pytest.mark.xfail(strict=True, reason=reason))

    def knows(self, plan: Plan) -> bool:
        """Whether the engine can run a plan; the cases of others are left out."""
        return True

    def run(
        self, plan: Plan, documents: Mapping[str, Document], snapshot: int | None, changes: Sequence[Change]
    ) -> Tables:
        """Runs a job to its end.

        Args:
            plan: The views.
            documents: What the source holds.
            snapshot: The time of the source in microseconds; `None`: its documents rank below all changes.
            changes: The feed, in any order and with repeats.

        Returns:
            The final tables.
        """
        raise NotImplementedError

    def judge(self, case: Case, order: Sequence[int]) -> None:
        """Fails when the tables of one case are not the recomputed ones."""
        history = case.history
        changes = [history.change(i) for i in order]
        if self.feeds:
            tables = self.run(case.plan, history.documents, history.snapshot, changes)
        else:
            tables = self.run(case.plan, history.final, None, [])
        compare(case, order, tables)

    def judge_together(self, groups: Sequence[Sequence[Told]]) -> None:
        """Fails when the tables of one case of a job of many are not the recomputed ones."""
        job = Multiplexed(groups, Random(self.seed))
        if self.feeds:
            tables = self.run(job.plan, job.documents, SNAPSHOT, job.changes)
        else:
            tables = self.run(job.plan, job.final, None, [])
        for (case, order), found in zip(job.cases, job.apart(tables)):
            compare(case, order, found)

    def test_named_cases_in_one_job(self) -> None:
        """Law 1 for the cases with a name: in order, reversed, repeated, shuffled, and the export holding half."""
        known = [by_paths(c) for c in FIXED.values() if not stands_alone(c) and self.knows(c.plan)]
        assert len(known) > len(FIXED) / 2
        self.judge_together([list(_told(self._begun(case))) for case in known[:: self.every]])

    def test_cases_of_views_over_views(self) -> None:
        """Law 1 for the cases that cannot share a job."""
        alone = [c for c in FIXED.values() if stands_alone(c) and self.knows(c.plan)]
        for number, case in enumerate(map(self._begun, alone)):
            self.judge(case, deliver(case.history.feed, Random(number), "shuffled"))

    def test_generated_views_in_one_job(self) -> None:
        """Law 1 for generated views, each with several generated histories."""
        random = Random(self.seed)
        groups: list[list[Told]] = []
        while len(groups) < self.views:
            first = by_paths(random_case(random, most=25))
            if not stands_alone(first) and self.knows(first.plan):
                more = (by_paths(with_another_history(first, random)) for _ in range(self.histories - 1))
                groups.append([_shuffled(self._begun(case), random) for case in (first, *more)])
        self.judge_together(groups)

    def _begun(self, case: Case) -> Case:
        return case if self.loads else replace(case, history=replace(case.history, exported=0, snapshot=None))


def _told(case: Case) -> Iterator[Told]:
    """A case in several deliveries."""
    feed, commits = list(case.history.feed), case.history.commits
    yield from (Told(case, order) for order in (feed, feed[::-1], [*feed, *feed]))
    yield _shuffled(case, Random(0))
    half = len(commits) // 2
    if half and case.history.exported:
        yield _shuffled(replace(case, history=History(commits, half, commits[half - 1].time)), Random(half))


def _shuffled(case: Case, random: Random) -> Told:
    return Told(case, deliver(case.history.feed, random, "shuffled"))


def compare(case: Case, order: Sequence[int], tables: Tables) -> None:
    """Fails when the tables of a case are not the recomputed ones."""
    for view, expected in recompute(case.plan, case.history.final).items():
        found = dict(tables.get(view, {}))
        paths = sorted({*found, *expected})
        wrong = {p: (found.get(p), expected.get(p)) for p in paths if not same(found.get(p), expected.get(p))}
        if wrong:
            lines = [f"  {p} is {is_} and should be {should}" for p, (is_, should) in wrong.items()]
            pytest.fail("\n".join([f"{view} is wrong:", *lines, case.describe(), f"  delivered: {list(order)}"]))


class EngineSuite(OneJobSuite):
    """Law 1 and the cases with a name, one by one too, which finds what is wrong; subclass it and give `run`.

    Attributes:
        generated: How many generated plans and histories are run one after the other.
        together: How many of them are run with Hypothesis, which shrinks what fails; 0 for engines that start slowly.
        thorough: Whether cases with a name also run with the export at every place.
    """

    thorough = True
    generated = 120
    together = 40

    @pytest.mark.parametrize("name", FIXED)
    def test_fixed_case(self, name: str) -> None:
        """Law 1 for a case with a name, in four deliveries, and with the export at every place."""
        case = FIXED[name]
        feed = list(case.history.feed)
        for order in (feed, feed[::-1], [*feed, *feed], deliver(feed, Random(0), "shuffled")):
            self.judge(case, order)
        for cut in range(1, len(case.history.commits) + 1) if self.thorough else ():
            history = History(case.history.commits, cut, case.history.commits[cut - 1].time)
            self.judge(Case(case.shapes, history), deliver(history.feed, Random(cut), "shuffled"))

    def test_first_load_alone(self) -> None:
        """A backfill is the special case without a feed."""
        for name, case in FIXED.items():
            history = case.history
            whole = History(history.commits, len(history.commits), history.commits[-1].time)
            self.judge(Case(case.shapes, whole), [])
            assert not self.run(case.plan, {}, None, []).get("V"), name

    def test_sessions_are_joined_and_parted(self) -> None:
        """Law 1 where rows that come and go join and part the sessions of a group."""
        minutes = {"a": 0, "b": 4, "c": 8, "d": 20, "e": 26}
        clicks = {f"clicks/{n}": {"user": "ada", "at": from_micros(MINUTE * at)} for n, at in minutes.items()}
        moved = ("clicks/e", {**clicks["clicks/e"], "at": from_micros(MINUTE * 24)})
        history = history_of(*clicks.items(), ("clicks/b", None), moved, ("clicks/d", None), exported=4)
        changes = [history.change(i) for i in deliver(history.feed, Random(3), "shuffled")]
        tables = self.run(Visit.plan(), history.documents, history.snapshot, changes)
        expected = recompute(Visit.plan(), history.final)["Visit"]
        found = tables.get("Visit", {})
        assert len(expected) == 3
        assert found.keys() == expected.keys()
        assert all(same(found[path], expected[path]) for path in expected)

    def test_generated_cases(self) -> None:
        """Law 1 for generated views and histories."""
        for seed in range(self.generated):
            random = Random(seed)
            case = random_case(random)
            self.judge(case, deliver(case.history.feed, random, "shuffled"))

    def test_generated_cases_shrink(self) -> None:
        """Law 1 again; what fails is made small."""
        if not self.together:
            pytest.skip("the engine starts slowly: test_generated_cases has its generated cases")

        @settings(
            max_examples=self.together,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(cases(most=20))
        def law(case: Case) -> None:
            self.judge(case, deliver(case.history.feed, Random(1), "shuffled"))

        law()
