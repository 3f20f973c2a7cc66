"""The bulk build: the tables of a backfill that no feed follows, without messages and without state.

Law: what it gives is what `LocalFlow` gives for the same documents in one batch, whatever the order. It holds the
projected documents by collection, finds the documents of each root by looking them up, and evaluates each root once.
Groups and owners of paths are the operators of the flow, each key in one step.

What a plan says that is not known here is found by name (`unknown`), and left to the flow.
"""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from ..core.change import Change, DeadLetter, ViewChange
from ..core.columns import ViewColumns
from ..operators.base import Key, Operator, Output, Profile
from ..operators.build import build_operator
from ..operators.ingest import failure, misread
from ..operators.joins import Joins
from ..operators.messages import Claim, Message, Rows
from ..operators.over import Over
from ..operators.routes import is_parsed
from ..plan.evaluator import Evaluator, Member, Members
from ..plan.nodes import Plan, Relation, Slot, View
from .breaker import Breaker
from .lookup import Documents, Lookup
from .steady import uncollected
from .throwaway import Throwaway

CHUNK = 1000
"""So many outputs are handed on at once."""

_KNOWN: dict[type, frozenset[str]] = {
    Plan: frozenset({"views", "operators", "projection", "derived", "kinds"}),
    View: frozenset(
        {
            "name",
            "collection",
            "code",
            "slots",
            "schema",
            "grouped",
            "accumulators",
            "owned",
            "sensitive",
            "reads",
            "expanded",
        }
    ),
    Slot: frozenset(
        {"name", "index", "kind", "collection", "parent", "many", "required", "relation", "pairs", "fused"}
    ),
    Relation: frozenset({"field", "target"}),
}
"""What a first load with state knows."""

_BUILT: dict[type, frozenset[str]] = {
    View: frozenset({"on_error", "sessions"}),
    Slot: frozenset({"phantom", "where", "compare", "order", "limit"}),
    Relation: frozenset({"parse", "above", "default"}),
}
"""What the bulk build knows beside that."""

_KINDS = {"root", "via", "by", "on"}
_OPERATORS = {"ingest", "match", "assemble", "aggregate", "own"}
_FOLDS = ("aggregate", "own", "sessions")
_Evaluate = Callable[[Members], dict[Any, Any]]
Queue = dict[Key, list[Message]]
"""What the roots of a view give to its groups, or to the owners of its paths."""


def unknown(plan: Plan) -> list[str]:
    """What the plan says beside what the bulk build knows, in words; empty when it can build the plan's tables.

    Example:
        >>> from onto_flow.demo.meeting_room import MeetingSession
        >>> unknown(MeetingSession.plan())
        []
    """
    return _unknown(plan, {node: names | _BUILT.get(node, frozenset()) for node, names in _KNOWN.items()}, _FOLDS)


def unfilled(plan: Plan) -> list[str]:
    """As `unknown`, of a first load whose state is written as the joins say (`operators.drained.fill`)."""
    return _unknown(plan, _KNOWN, ())


def _unknown(plan: Plan, known: Mapping[type, frozenset[str]], folds: Collection[str]) -> list[str]:
    slots = [s for v in plan.views for s in v.slots]
    relations = [s.relation for s in slots if s.relation is not None]
    nodes: tuple[Any, ...] = (plan, *plan.views, *slots, *relations)
    found = [f"{type(n).__name__}.{f}" for n in nodes for f in _said(n, known[type(n)])]
    found += [f"a slot {s.kind}" for s in slots if s.kind not in _KINDS]
    found += [f"the operator {n.kind}" for n in plan.operators if n.kind not in (*_OPERATORS, *folds)]
    return list(dict.fromkeys(found))


def _said(node: Any, known: Collection[str]) -> Iterator[str]:
    """The fields of a node that are not known and have another value than their default."""
    for field in dataclasses.fields(node):
        if field.name not in known and getattr(node, field.name) != field.default:
            yield field.name


def misreading(plan: Plan) -> list[tuple[View, Joins]]:
    """All views, where a user's `parse` or `where` reads documents; else none."""
    return [(v, Joins(v)) for v in plan.views] if any(map(is_parsed, plan.views)) else []


@contextmanager
def _set_aside() -> Iterator[None]:
    """The collector leaves alone what is there already: else it goes through all documents again and again."""
    mine = not gc.get_freeze_count()
    if mine:
        gc.freeze()
    try:
        yield
    finally:
        if mine:
            gc.unfreeze()


class Bulk:
    """A plan's tables from all documents at once.

    Args:
        plan: One of which nothing is `unknown`.
        generation: The first part of view versions.
        owns: Which roots are evaluated; all of them when left out. The others are there as documents of slots, and
            whoever dealt the documents tells of those that cannot be read.
        last: Takes what the roots of a view give to its groups, or to the owners of its paths, where others do the rest.

    Attributes:
        breaker: Is told what user code failed, and may stop it.

    Example:
        >>> from onto_flow.demo.data import documents
        >>> from onto_flow.demo.meeting_room import MeetingSession
        >>> bulk = Bulk(MeetingSession.plan())
        >>> bulk.take(Change(path, None, fields, (0, 1)) for path, fields in documents().items())
        >>> [change.path for chunk in bulk.outputs() for change in chunk]
        ['meetingSessions/retro', 'meetingSessions/standup']
    """

    def __init__(
        self,
        plan: Plan,
        *,
        generation: int = 0,
        owns: Callable[[str], bool] | None = None,
        last: Callable[[View, Queue], None] | None = None,
    ) -> None:
        self._plan = plan
        self._owns, self._given = owns, last
        self._generation = generation
        self._documents = Documents(plan)
        self._evaluations = 0
        self.breaker: Breaker | None = None

    def take(self, documents: Iterable[Change]) -> None:
        """Takes documents of the source, as they are read; of several with one path, the first counts."""
        with uncollected():
            self._documents.take(documents)

    def outputs(self) -> Iterator[list[Output]]:
        """View changes and dead letters, some at a time: one change per view document."""
        for given in self.tables():
            yield list(given.changes()) if isinstance(given, ViewColumns) else given

    def tables(self) -> Iterator[ViewColumns | list[Output]]:
        """As `outputs`, in columns where a view can be evaluated for many roots at once and no user code raises."""
        with _set_aside():
            letters: list[Output] = [] if self._owns is not None else list(self._misread())
            if letters:
                yield letters
            for view in self._plan.views:
                yield from self._view(view)

    def _misread(self) -> Iterator[DeadLetter]:
        """A letter for each document on which a `parse` or `where` raises."""
        views = misreading(self._plan)
        for path, fields in self._documents if views else ():
            letter = misread(views, path, fields)
            if letter is not None:
                yield self._failed(letter)

    def _view(self, view: View) -> Iterator[ViewColumns | list[Output]]:
        lookup = Lookup(view, self._documents)
        evaluator: Any = view.code.resolve().evaluator()
        makes = getattr(evaluator, "tabulator", None)
        tabulate = None if makes is None or view.grouped or view.owned else makes()
        evaluate = self._evaluate(view, evaluator)
        roots = lookup.roots()
        if self._owns is not None:
            owns = self._owns
            roots = (root for root in roots if owns(root[0]))
        if tabulate is None:
            outputs = self._one_by_one(view, lookup, evaluate, roots)
            while chunk := list(islice(outputs, CHUNK)):
                yield chunk
            return
        while some := list(islice(roots, CHUNK)):
            columns = self._at_once(view, lookup, tabulate, some)
            yield list(self._one_by_one(view, lookup, evaluate, some)) if columns is None else columns

    def _at_once(self, view: View, lookup: Lookup, tabulate: Any, roots: Sequence[Member]) -> ViewColumns | None:
        """The documents of some roots; `None` where user code raises for one of them."""
        try:
            with uncollected():
                paths, columns = tabulate(roots, lookup.found)
        except Exception:  # whose it is, and where, is told by evaluating them one by one
            return None
        self._evaluations += len(roots)
        return ViewColumns(view.name, paths, columns, (self._generation, 0, 1))

    def _one_by_one(self, view: View, lookup: Lookup, evaluate: _Evaluate, roots: Iterable[Member]) -> Iterator[Output]:
        queue: Queue = {}
        version = (self._generation, 0, 1)
        for root, shown in self._evaluated(view, lookup, evaluate, roots):
            if isinstance(shown, DeadLetter):
                yield shown
            elif view.grouped or view.owned:
                for key, given in shown.items():
                    message = Rows(root, 1, None, given) if view.grouped else Claim(root, 1, given)
                    queue.setdefault(key, []).append(message)
            else:
                for path, document in shown.items():
                    yield ViewChange(view.name, path, None, document, version)
        if queue and self._given is not None:
            self._given(view, queue)
        elif queue:
            yield from self.finish(view, queue)

    def _evaluated(
        self, view: View, lookup: Lookup, evaluate: _Evaluate, roots: Iterable[Member]
    ) -> Iterator[tuple[str, dict[Any, Any] | DeadLetter]]:
        """Each root with what it shows, or with what user code raised."""
        for root, fields in roots:
            shown: dict[Any, Any] | DeadLetter
            self._evaluations += 1
            try:
                shown = evaluate(lookup.members(root, fields))
            except Exception as error:
                shown = self._failed(failure(f"view:{view.name}:{root}", error, view.on_error))
            yield root, shown

    def _evaluate(self, view: View, evaluator: Evaluator) -> _Evaluate:
        over = Over(view, Joins(view), evaluator)
        if over.slots:
            return lambda members: over.shown(over.begin(), [dict(members[s.name]) for s in view.slots])
        return evaluator.rows if view.grouped else evaluator.documents

    def _failed(self, letter: DeadLetter) -> DeadLetter:
        if self.breaker is not None:
            self.breaker.failed(letter, self._evaluations)
        return letter

    def finish(self, view: View, queue: Queue) -> Iterator[Output]:
        """The outputs of the view's groups, or of the owners of its paths, from all that their roots give."""
        node = next(n for n in self._plan.operators if n.view == view.name and n.kind in _FOLDS)
        operator: Operator = build_operator(node, self._plan, Profile(drained=True))
        while queue:
            key, messages = queue.popitem()
            step = Throwaway(self._generation)
            self._evaluations += 1
            operator.step(key, messages, step)
            for output in step.outputs:
                yield self._failed(output) if isinstance(output, DeadLetter) else output
