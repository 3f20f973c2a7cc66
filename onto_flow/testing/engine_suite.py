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
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings

from ..core.change import Change
from ..core.equality import same
from ..core.values import Document, Reference
from ..plan.nodes import Plan
from .cases import Case, random_case
from .histories import History, deliver, history_of
from .oracle import recompute
from .shapes import KINDS, Shape
from .strategies import cases

Tables = Mapping[str, Mapping[str, Document]]
"""view -> path -> document."""

VIA = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("via", "b", 1, ("s",))))
BY = Shape("V", "outV", (("root", "a", -1, ()), ("by", "b", 0, ("r",)), ("via", "c", 1, ("s",))))
ON = Shape("V", "outV", (("root", "a", -1, ()), ("on", "b", 0, ("k", "k"))))
IDS = Shape("V", "outV", (("root", "a", -1, ()), ("on", "d", 0, ("k", "part")), ("on", "b", 1, ("id", "id"))))
SELF = Shape("V", "outV", (("root", "a", -1, ()), ("via", "a", 0, ("r",)), ("by", "a", 0, ("r",))))
GROUPS = Shape(
    "V",
    "outV",
    (("root", "a", -1, ()), ("via", "b", 0, ("s",))),
    key=1,
    accumulators=(("count", 0, False, -1), ("sum", 0, False, -1), ("collect", 0, True, 2)),
)
EVERY = Shape(
    "V",
    "outV",
    (("root", "a", -1, ()), ("via", "b", 0, ("s",))),
    key=1,
    accumulators=tuple((kind, 0, False, 2) for kind in KINDS),
    having=True,
)
OVER = Shape(
    "V",
    "outV",
    (("root", "a", -1, ()), ("by", "b", 0, ("r",)), ("via", "c", 1, ("s",))),
    show="root",
    over=tuple((kind, 1, True, 2, beside, -1) for kind in KINDS for beside in (-1, 2)),
)
ROWS = Shape("V", "outV", (("root", "a", -1, ()),), paths="rows")
ROW_GROUPS = Shape("V", "outV", (("root", "a", -1, ()),), paths="rows", key=0, accumulators=(("count", 0, False, -1),))
CHOSEN = Shape(
    "V",
    "outV",
    (("root", "a", -1, ()), ("by", "b", 0, ("r",)), ("via", "c", 1, ("s",)), ("on", "b", 0, ("k", "k"))),
    selections=((1, "shown", "n", True, 2), (2, "shown", "", False, -1), (3, "alike", "n", False, 1)),
)
READER = Shape("W", "outW", (("root", "a", -1, ()), ("on", "o", 0, ("k", "n")), ("on", "b", 1, ("n", "k2"))))
BELOW = Shape("V", "outV", (("root", "b", -1, ("phantom",)), ("by", "d", 0, ("up",)), ("on", "c", 0, ("part", "k"))))
CLAIMS = Shape("V", "outV", (("root", "a", -1, ()),), paths="field")


def _ref(*paths: str) -> list[Reference[object]]:
    return [Reference(p) for p in paths]


FIXED: dict[str, Case] = {
    "a delete after the export of what was last written before it": Case(
        (VIA,), history_of(("b/1", {"n": 1}), ("a/1", {"r": _ref("b/1")}), ("b/1", None), exported=2)
    ),
    "a document that was deleted before the export stays deleted": Case(
        (VIA,), history_of(("a/1", {"r": _ref("b/1")}), ("b/1", {"n": 1}), ("b/1", None), ("b/2", {}), exported=4)
    ),
    "a reference moves": Case(
        (VIA,),
        history_of(
            ("b/1", {"n": 1}), ("b/2", {"n": 2}), ("a/1", {"r": _ref("b/1")}), ("a/1", {"r": _ref("b/2")}), exported=3
        ),
    ),
    "the same target through two parents": Case(
        (VIA,),
        history_of(
            ("b/9", {"n": 9}),
            ("b/1", {"s": Reference("b/9")}),
            ("b/2", {"s": Reference("b/9")}),
            ("a/1", {"r": _ref("b/1", "b/2", "b/1")}),
            ("b/1", {"s": None}),
            ("b/9", {"n": 10}),
            exported=1,
        ),
    ),
    "a document refers to itself": Case(
        (SELF,), history_of(("a/1", {"r": _ref("a/1"), "n": 1}), ("a/1", {"r": _ref("a/1"), "n": 2}))
    ),
    "ids of paths meet fields and each other": Case(
        (IDS,),
        history_of(
            ("b/9/d/1", {"n": 1}),
            ("a/1", {"k": ["9", "8"]}),
            ("b/1", {"n": 2, "k2": "x"}),
            ("b/8/d/1", {"n": 3}),
            ("b/9/d/1", None),
            ("b/1", None),
            ("b/9/d/2", {"n": 4}),
            ("b/2", {"n": 5}),
            exported=2,
        ),
    ),
    "a reference to nothing, then to something": Case(
        (VIA,), history_of(("a/1", {"r": _ref("b/1", "b/9")}), ("b/1", {"n": 1}))
    ),
    "a reverse reference moves to another root": Case(
        (BY,),
        history_of(
            ("a/1", {}),
            ("a/2", {}),
            ("b/1", {"r": _ref("a/1"), "s": Reference("c/1")}),
            ("c/1", {"n": 1}),
            ("b/1", {"r": _ref("a/2")}),
        ),
    ),
    "a root is deleted and created again": Case(
        (VIA,),
        history_of(
            ("b/1", {"n": 1}),
            ("a/1", {"r": _ref("b/1")}),
            ("a/1", None),
            ("b/1", {"n": 2}),
            ("a/1", {"r": _ref("b/1")}),
        ),
    ),
    "the newest member leaves": Case(
        (ON,), history_of(("a/1", {"k": 1}), ("b/1", {"k": 1}), ("b/2", {"k": 1}), ("b/2", {"k": 2}))
    ),
    "keys of other types do not meet": Case(
        (ON,), history_of(("a/1", {"k": 1}), ("b/1", {"k": 1.0}), ("b/2", {"k": True}), ("b/3", {"k": [1, None]}))
    ),
    "a group moves": Case(
        (GROUPS,),
        history_of(
            ("b/1", {"n": "g"}),
            ("a/1", {"n": 1, "s": Reference("b/1")}),
            ("a/2", {"n": 0.1, "s": Reference("b/1")}),
            ("b/1", {"n": "h"}),
        ),
    ),
    "every accumulator, while members change, move and go": Case(
        (EVERY,),
        history_of(
            ("b/1", {"n": "g"}),
            ("b/2", {"n": "h"}),
            *((f"a/{at}", {"n": n, "s": Reference("b/1")}) for at, n in enumerate((3, 1, 0.1, 3, 1.0, None, 2), 1)),
            ("a/2", None),
            ("a/1", {"n": 0.2, "s": Reference("b/1")}),
            ("a/3", {"n": 0.1, "s": Reference("b/2")}),
            ("a/4", {"n": 1, "s": None}),
            exported=5,
        ),
    ),
    "accumulators over a slot, and what its documents lead to": Case(
        (OVER,),
        history_of(
            ("a/1", {}),
            ("c/1", {"n": 5}),
            *((f"b/{at}", {"n": n, "r": _ref("a/1"), "s": Reference(f"c/{at % 2}")}) for at, n in enumerate((3, 1, 2))),
            ("c/0", {"n": 0.5}),
            ("b/1", {"n": 7, "r": _ref("a/1"), "s": Reference("c/0")}),
            ("c/0", {"n": 4}),
            ("b/2", {"n": 2, "r": _ref("a/2")}),
            ("c/1", None),
            exported=4,
        ),
    ),
    "a group becomes empty": Case(
        (GROUPS,), history_of(("b/1", {"n": "g"}), ("a/1", {"n": 1, "s": Reference("b/1")}), ("a/1", None))
    ),
    "rows come and go": Case((ROWS,), history_of(("a/1", {"t": ["u", "v"]}), ("a/1", {"t": ["v", "w"]}))),
    "repeated rows count": Case(
        (ROW_GROUPS,), history_of(("a/1", {"t": ["u", "u", "v"]}), ("a/1", {"t": ["u"]}), ("a/2", {"t": ["u"]}))
    ),
    "documents are chosen, ordered and limited": Case(
        (CHOSEN,),
        history_of(
            ("a/1", {"k": 1, "k2": "x"}),
            ("c/1", {"n": 5}),
            ("b/1", {"n": 1, "r": _ref("a/1"), "s": Reference("c/1"), "k": 1, "k2": "x"}),
            ("b/2", {"n": 2, "r": _ref("a/1"), "s": Reference("c/2"), "k": 1, "k2": "y"}),
            ("b/3", {"n": 3, "r": _ref("a/1"), "k": 1, "k2": "x"}),
            ("c/2", {"n": 6}),
            ("b/2", {"n": "hide", "r": _ref("a/1"), "s": Reference("c/2"), "k": 1, "k2": "x"}),
            ("a/1", {"k": 1, "k2": "y"}),
            ("b/3", None),
            ("c/1", {"n": "hide"}),
            exported=3,
        ),
    ),
    "a view reads the documents of another one": Case(
        (READER, replace(CLAIMS, name="V", show="root")),
        history_of(
            ("a/1", {"n": 1, "k": [1, 2]}),
            ("b/1", {"n": 5, "k2": 1}),
            ("a/2", {"n": 2, "k": 1}),
            ("a/1", {"n": 2, "k": [1, 2]}),
            ("b/1", {"n": 5, "k2": 2}),
            ("a/2", None),
            ("a/1", {"n": 1, "k": 1}),
            exported=3,
        ),
    ),
    "a root that does not exist shows while documents lie below it": Case(
        (BELOW,),
        history_of(
            ("c/1", {"k": "1", "n": 1}),
            ("b/1/d/1", {"n": 2}),
            ("b/1", {"n": 3}),
            ("b/1/d/1", None),
            ("b/1", None),
            ("b/1/d/2", {"n": 4}),
            ("c/1", None),
            exported=2,
        ),
    ),
    "two roots name one path": Case(
        (CLAIMS,), history_of(("a/2", {"n": "p"}), ("a/1", {"n": "p"}), ("a/2", {"n": "q"}), ("a/1", None))
    ),
    "a number changes its type": Case((VIA,), history_of(("a/1", {"n": 1}), ("a/1", {"n": 1.0}), ("a/2", {"n": True}))),
    "an unread field changes": Case((VIA,), history_of(("a/1", {"n": 1, "x": 1}), ("a/1", {"n": 1, "x": 2}))),
}
"""Cases with a name; each runs in order, reversed, shuffled and repeated."""


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
