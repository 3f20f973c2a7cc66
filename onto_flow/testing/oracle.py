"""The oracle: view tables, recomputed from scratch over documents.

Law: it shares no code with what it judges. Joins (`oracle_joins`), windows (`oracle_windows`), folds (`oracle_folds`)
and the owner's rule are derived once more from the slots of a plan, slowly and literally. Only the user's code is the
same; while the oracle runs it, the windows that it asks for are the oracle's.

Example:
    A view without slots but its root shows each document of its collection:

        >>> from onto_flow.testing.shapes import Shape, plan_of
        >>> plan = plan_of(Shape("Shown", "shown", (("root", "a", -1, ()),)))
        >>> recompute(plan, {"a/1": {"n": 7}, "b/1": {"n": 8}})
        {'Shown': {'shown/a~1': {'s0': [{'p': 'a/1', 'n': 7}]}}}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from ..core.values import Document, from_micros, path_order, to_micros
from ..model.windows import reckoned_by
from ..plan.evaluator import Evaluator
from ..plan.nodes import Accumulator, Plan, View
from .oracle_folds import result_of
from .oracle_joins import EXPIRED, Documents, Found, above, belongs, members, ordered
from .oracle_windows import sessions_of, windows_of

Outputs = dict[Any, Any]
"""What one root shows: output path -> document, or for a grouped view group -> rows."""


def recompute(
    plan: Plan, documents: Documents, moment: int = 0, kept: Mapping[str, Mapping[str, Outputs]] | None = None
) -> dict[str, dict[str, Document]]:
    """The tables of all views of a plan: view -> path -> document.

    Args:
        plan: The views.
        documents: All documents.
        moment: Declared time in microseconds.
        kept: View -> root -> what it shows in place of what its code says: for roots on which the code fails.
    """
    tables: dict[str, dict[str, Document]] = {}
    known = all_at_moment(plan, documents, moment)
    for view in plan.views:
        tables[view.name] = _table(view, known, (kept or {}).get(view.name, {}))
        known.update(derived(plan, view, tables[view.name]))
    return tables


def all_at_moment(plan: Plan, documents: Documents, moment: int) -> dict[str, Document]:
    """What a plan reads at a moment of declared time of all documents that no view of it writes, and its clocks."""
    written = {view.collection for view in plan.views}
    mine = {p: f for p, f in documents.items() if p.rpartition("/")[0] not in written}
    known = {path: project(plan, path, at_moment(plan, path, fields, moment)) for path, fields in mine.items()}
    for clock in {s.always for v in plan.views for s in v.slots if s.always is not None}:
        every = int(clock.split("/")[1])
        known[clock] = {"now": from_micros(moment // every * every)}
    return known


def derived(plan: Plan, view: View, table: Documents) -> dict[str, Document]:
    """The documents of a view as other views of its plan read them."""
    mine = {p: f for p, f in table.items() if view.relayed and p.rpartition("/")[0] == view.collection}
    return {path: project(plan, path, fields) for path, fields in mine.items()}


def at_moment(plan: Plan, path: str, fields: Document, moment: int) -> Document:
    """A document with the names of the fields whose moment has come."""
    names = {str(s.until) for v in plan.views for s in v.slots if s.until is not None and s.collection.matches(path)}
    come = [n for n in sorted(names) if isinstance(at := fields.get(n), datetime) and to_micros(at) <= moment]
    return {**fields, EXPIRED: come} if come else fields


def project(plan: Plan, path: str, fields: Document) -> Document:
    """The fields of a document that a plan reads, from a source or of a view."""
    if any(s.always == path for v in plan.views for s in v.slots):
        return dict(fields)
    written = plan.derived.wants(path) and any(path.rpartition("/")[0] == v.collection for v in plan.views)
    wanted = (plan.derived if written else plan.projection).fields(path)
    return dict(fields) if wanted is None else {n: v for n, v in fields.items() if n in wanted or n == EXPIRED}


def outputs(view: View, root: str, documents: Documents, evaluator: Evaluator | None = None) -> Outputs:
    """What one root shows, over projected documents; `evaluator` is the view's, where it is at hand."""
    return evaluate(view, members(view, root, documents), evaluator)


def evaluate(view: View, found: Found, evaluator: Evaluator | None = None) -> Outputs:
    """What a root shows whose slots hold these documents."""
    if not found[0]:
        return {}
    evaluator = evaluator or view.code.resolve().evaluator()
    slots = _by_name(view, found)
    with reckoned_by(windows_of):
        if view.grouped:
            return dict(evaluator.rows(slots))
        if all(a.over < 0 for a in view.accumulators):
            return dict(evaluator.documents(slots))
        return dict(evaluator.documents(slots, partial(_over, view, found, evaluator)))


def _by_name(view: View, found: Found) -> dict[str, list[tuple[str, Document]]]:
    return {s.name: ordered(s, docs) for s, docs in zip(view.slots, found)}


def _over(view: View, found: Found, evaluator: Evaluator) -> list[Any]:
    """The results of accumulators over slots."""
    return [result_of(a, _given(view, found, evaluator, at)) for at, a in enumerate(view.accumulators)]


def _given(view: View, found: Found, evaluator: Evaluator, at: int) -> list[tuple[str, Any]]:
    """(path, contribution) of the documents of a slot that an accumulator is over."""
    accumulator = view.accumulators[at]
    each = [_alone(view, accumulator, found, path) for path in found[accumulator.over]]
    rows = evaluator.each(_by_name(view, found), accumulator.over, [_by_name(view, alone) for alone in each]) or []
    return [(path, row[at]) for path, row in zip(found[accumulator.over], rows) if row[at] is not None]


def contributions(plan: Plan, view: View, at: int, documents: Documents) -> Iterator[Any]:
    """What the rows of some documents give to one accumulator of a view."""
    projected = {path: project(plan, path, fields) for path, fields in documents.items()}
    evaluator: Evaluator = view.code.resolve().evaluator()
    for root in sorted(_roots(view, projected), key=path_order):
        found = members(view, root, projected)
        if not found[0]:
            continue
        if view.accumulators[at].over >= 0:
            yield from (value for _, value in _given(view, found, evaluator, at))
        else:
            rows = evaluator.rows(_by_name(view, found)).values()
            yield from (row[at] for several in rows for row in several if row[at] is not None)


def _alone(view: View, accumulator: Accumulator, found: Found, path: str) -> Found:
    """The slots around one document of the slot that an accumulator is over: it, and what it leads to."""
    alone: Found = [{} for _ in view.slots]
    alone[accumulator.over] = {path: found[accumulator.over][path]}
    for slot in view.slots[accumulator.over + 1 :]:
        held = found[slot.index].items()
        alone[slot.index] = {p: f for p, f in held if belongs(view, slot, alone[slot.parent], p, f)}
    return alone


def _roots(view: View, documents: Documents) -> set[str]:
    roots = {p for p in documents if view.slots[0].collection.matches(p)}
    if view.slots[0].phantom:
        relations = [s.relation for s in view.slots if s.kind == "by" and s.parent == 0]
        roots.update(
            r for p in documents for relation in relations if relation and relation.above for r in above(p, relation)
        )
    return roots


def _table(view: View, documents: Documents, kept: Mapping[str, Outputs]) -> dict[str, Document]:
    roots = sorted(_roots(view, documents), key=path_order)
    evaluator = view.code.resolve().evaluator()
    return table_of(view, {r: kept[r] if r in kept else outputs(view, r, documents, evaluator) for r in roots})


def table_of(view: View, shown: Mapping[str, Outputs]) -> dict[str, Document]:
    """The table of a view whose roots show this."""
    if view.grouped:
        return dict(_groups(view, shown))
    table: dict[str, Document] = {}
    for root in sorted(shown, key=path_order):
        for path, document in shown[root].items():
            table.setdefault(path, document)
    return table


def attempts(view: View, documents: Documents) -> tuple[dict[str, Outputs], dict[str, Exception]]:
    """What each root of a view shows over projected documents, and what its code raises on the others."""
    shown: dict[str, Outputs] = {}
    failing: dict[str, Exception] = {}
    evaluator = view.code.resolve().evaluator()
    for root in sorted(_roots(view, documents), key=path_order):
        try:
            shown[root] = outputs(view, root, documents, evaluator)
        except Exception as error:
            failing[root] = error
    return shown, failing


def _groups(view: View, shown: Mapping[str, Outputs]) -> Iterable[tuple[str, Document]]:
    for group in {g for rows in shown.values() for g in rows}:
        rows = {r: rows[group] for r, rows in shown.items() if group in rows}
        for piece in sessions_of(view, rows) if view.sessions is not None else [rows]:
            document = fold(view, group, piece)
            if document is not None:
                yield document


def fold(view: View, group: bytes, rows: Mapping[str, Sequence[Any]]) -> tuple[str, Document] | None:
    """The path and document of a group, from the rows of its members; `None` without rows, or without a document."""
    flat = [(root, row) for root, several in rows.items() for row in several]
    if not flat:
        return None
    results = []
    for at, accumulator in enumerate(view.accumulators):
        results.append(result_of(accumulator, [(r, row[at]) for r, row in flat if row[at] is not None]))
    if view.sessions is not None:
        moments = [row[-1] for _, row in flat]
        results.append((min(moments), max(moments)))
    evaluator = view.code.resolve().evaluator()
    with reckoned_by(windows_of):
        path, document = evaluator.result(group, results)
    return None if document is None else (path, document)
