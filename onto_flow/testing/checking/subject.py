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
from ...plan.evaluator import Evaluator
from ...plan.nodes import CodeRef, Plan
from ..judge import applied
from ..oracle import recompute
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
        tables: view -> path -> document, of the views whose code did not raise.
        raised: view -> what its code raised.
    """

    tables: dict[str, Mapping[str, Document]]
    raised: dict[str, Exception]


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

    def expected(self, documents: Mapping[str, Document]) -> Expected:
        """The tables over some documents, recomputed from scratch."""
        try:
            return Expected(dict(recompute(self.judged, documents, MOMENT)), {})
        except Exception:
            return self._one_by_one(documents)

    def _one_by_one(self, documents: Mapping[str, Document]) -> Expected:
        expected = Expected({}, {})
        for view in self.judged.views:
            try:
                tables = recompute(replace(self.judged, views=(view,)), documents, MOMENT)
            except Exception as error:
                expected.raised[view.name] = error
            else:
                expected.tables[view.name] = tables[view.name]
        return expected


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
        """Letters that are open of views whose code does not raise."""
        for letter in self.open.values():
            kind, _, about = letter.key.partition(":")
            if kind == "view" and about.partition(":")[0] not in expected.raised:
                yield f"a dead letter is open, and nothing fails: {letter.key}: {letter.reason}"


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
