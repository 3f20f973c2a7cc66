"""The suite that every engine passes: the table after a first load and a feed is the table recomputed from scratch.

Example:
    class TestMyEngine(EngineSuite):
        def run(self, plan, documents, snapshot, changes):
            ...  # a job with these documents and this feed, to its end
            return {"Sessions": {"sessions/m1": {...}}}

The plans hold code that a worker finds by its import path (`testing.shapes`), so an engine may run them anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings

from ..core.change import Change
from ..core.equality import same
from ..core.values import Document, from_micros
from ..plan.nodes import Plan
from .cases import Case, random_case
from .histories import History, deliver, history_of
from .named_cases import FIXED
from .oracle import recompute
from .session_view import MINUTE, Visit
from .strategies import cases

Tables = Mapping[str, Mapping[str, Document]]
"""view -> path -> document."""


class EngineSuite:
    """Law 1 and the cases with a name; subclass it and give `run`.

    Attributes:
        generated: How many generated plans and histories are run one after the other.
        together: How many of them are run with Hypothesis, which shrinks what fails; 0 for engines that start slowly.
        thorough: Whether cases with a name also run with the export at every place.
    """

    thorough = True
    generated = 120
    together = 40

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
        tables = self.run(case.plan, history.documents, history.snapshot, changes)
        for view, expected in recompute(case.plan, history.final).items():
            found = dict(tables.get(view, {}))
            wrong = {
                p: (found.get(p), expected.get(p))
                for p in {*found, *expected}
                if not same(found.get(p), expected.get(p))
            }
            if wrong:
                lines = [f"  {p} is {is_} and should be {should}" for p, (is_, should) in sorted(wrong.items())]
                pytest.fail("\n".join([f"{view} is wrong:", *lines, case.describe(), f"  delivered: {list(order)}"]))

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
