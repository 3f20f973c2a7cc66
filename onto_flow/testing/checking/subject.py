"""The views under test, with their plan; and what they should show, by the oracle, where their code does not raise."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ...core.change import DeadLetter, ViewChange
from ...core.equality import same
from ...core.values import Document
from ...model.compile import plan_views
from ...plan.compile import reads
from ...plan.evaluator import Evaluator
from ...plan.nodes import CodeRef, Plan, View
from ..judge_changes import applied
from ..oracle import all_at_moment, attempts, derived, recompute, table_of
from ..simulation import MOMENT
from .fields import Fields, fields_of

_PACKAGE = Path(__file__).parents[2]
Tables = Mapping[str, Mapping[str, Document]]


class Kept:
    """A view model whose code is compiled once: oracle, judge and every new flow ask for it."""

    def __init__(self, view: Any) -> None:
        self._view, self._evaluator = view, view.evaluator()

    def evaluator(self) -> Evaluator:
        """The compiled code."""
        evaluator: Evaluator = self._evaluator
        return evaluator

    def __getattr__(self, name: str) -> Any:
        return getattr(self._view, name)


class Expected(NamedTuple):
    """What views should show of some documents.

    Attributes:
        tables: view -> path -> document, of the views of which it is certain.
        raised: view -> what its code raised.
        failing: view -> root -> what its code raised there; without views of which that is not certain.
        shown: view -> root -> what it shows, where `failing` was looked for.
    """

    tables: dict[str, Mapping[str, Document]]
    raised: dict[str, Exception]
    failing: dict[str, dict[str, Exception]] = {}  # noqa: RUF012 - nothing writes into it
    shown: dict[str, dict[str, Any]] = {}  # noqa: RUF012 - nothing writes into it


Good = Mapping[str, Mapping[str, Any]]
"""view -> root -> what it last showed."""


@dataclass(frozen=True)
class Subject:
    """The views under test."""

    views: tuple[type[Any], ...]

    @cached_property
    def plan(self) -> Plan:
        """Their plan, as jobs get it."""
        return plan_views(*self.views)

    @cached_property
    def judged(self) -> Plan:
        """The same plan, whose code is compiled once."""
        return replace(self.plan, views=tuple(replace(v, code=_kept(v.code)) for v in self.plan.views))

    @cached_property
    def fields(self) -> Fields:
        """What their documents may hold."""
        return fields_of(self.plan, self.views)

    def expected(self, documents: Mapping[str, Document], moment: int = MOMENT) -> Expected:
        """The tables over some documents at a moment of declared time, recomputed from scratch."""
        try:
            tables = recompute(self.judged, documents, moment)
        except Exception:
            return self.expected_after(documents, moment, None)
        return Expected(dict(tables), {}, {v.name: {} for v in self.judged.views}, {})

    def expected_after(self, documents: Mapping[str, Document], moment: int, good: Good | None) -> Expected:
        """The same root by root, where code may raise.

        Args:
            documents: The documents.
            moment: Declared time in microseconds.
            good: What each root showed when its code last did not raise; `None`: that is not known, and the table of a
                view that keeps it neither.
        """
        expected, unsure = Expected({}, {}, {}, {}), set[str]()
        known = all_at_moment(self.judged, documents, moment)
        for view in self.judged.views:
            shown, failing = attempts(view, known)
            if failing:
                expected.raised[view.name] = next(iter(failing.values()))
            kept = {r: (good or {}).get(view.name, {}).get(r, {}) if _keeps(view) else {} for r in failing}
            try:
                table = table_of(view, shown | kept)
            except Exception as error:
                expected.raised[view.name] = error
                unsure.add(view.name)
                continue
            if any(reads(view, other) for other in self.judged.views if other.name in unsure):
                unsure.add(view.name)
                continue
            expected.failing[view.name], expected.shown[view.name] = failing, shown | kept
            if good is None and failing and _keeps(view):
                unsure.add(view.name)
            else:
                expected.tables[view.name] = table
                known.update(derived(self.judged, view, table))
        return expected


def _keeps(view: View) -> bool:
    return view.on_error != "delete"


def _kept(code: CodeRef) -> CodeRef:
    return CodeRef(code.path, Kept(code.resolve()))


class Letters:
    """The dead letters that are open, without those of paths that several roots claim."""

    def __init__(self) -> None:
        self.open: dict[str, DeadLetter] = {}

    def take(self, letter: DeadLetter) -> None:
        """A letter, or the end of one."""
        if letter.cleared:
            self.open.pop(letter.key, None)
        elif not letter.reason.startswith("path-claimed"):
            self.open[letter.key] = letter

    def judge(self, expected: Expected) -> Iterator[str]:
        """Letters that are open where nothing fails, and roots that fail without one."""
        views = {key: key.split(":", 2)[1] for key in self.open if key.startswith("view:")}
        failing = {f"view:{view}:{root}": e for view, roots in expected.failing.items() for root, e in roots.items()}
        for key, view in views.items():
            if view in expected.failing and key not in failing:
                yield f"a dead letter is open, and nothing fails: {key}: {self.open[key].reason}"
        for key, error in failing.items():
            if key not in self.open:
                yield f"no dead letter is open for {key}, which fails with {type(error).__name__}: {error}"


def differences(expected: Expected, tables: Tables) -> Iterator[str]:
    """Where tables are not the expected ones; one line for each path."""
    for view, table in expected.tables.items():
        found = tables.get(view, {})
        for path in sorted({*table, *found}):
            if not same(table.get(path), found.get(path)):
                yield f"{path} is {_shown(found.get(path))}, and should be {_shown(table.get(path))}"


def raised(expected: Expected) -> Iterator[str]:
    """What the code of views raised, and where."""
    for view, error in expected.raised.items():
        frames = traceback.extract_tb(error.__traceback__)
        last = next((f for f in reversed(frames) if not Path(f.filename).is_relative_to(_PACKAGE)), frames[-1])
        yield f"{view} raises {type(error).__name__}: {error} ({Path(last.filename).name}, line {last.lineno})"


def _shown(document: Document | None) -> str:
    return "not there" if document is None else repr(dict(document))


def newest(changes: Sequence[ViewChange]) -> Tables:
    """The tables that the newest versions make."""
    return applied(changes)
