"""A document database as a dict: what `DatabaseSuite` compares with under random operations. It shares no code with one."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from ..core.writes import Write
from ..database.query import Query

IDS = ("a", "b", "__id2__", "__id10__")
COLLECTIONS = ("c", "d", "c/a/c", "c/b/e")
PATHS = tuple(f"{collection}/{id}" for collection in COLLECTIONS for id in IDS)
NUMBERS = (0, 1, 1.0, 2, -0.5, math.inf)
SCALARS = (None, True, "", "x", "y", b"x", *NUMBERS)
FIELDS = ("n", "s", "m")

_values = st.one_of(st.sampled_from(SCALARS), st.lists(st.sampled_from(SCALARS), max_size=2), st.just({"k": 1}))
_documents = st.dictionaries(st.sampled_from(FIELDS), _values, max_size=3)
_operation = st.one_of(
    st.tuples(st.sampled_from(("set", "create", "merge", "update")), st.sampled_from(PATHS), _documents),
    st.tuples(st.just("delete"), st.sampled_from(PATHS), st.just({})),
)
commits = st.lists(st.lists(_operation, min_size=1, max_size=4), min_size=1, max_size=12)
"""Commits of (kind, path, fields)."""

_OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "in", "contains")
conditions = st.tuples(st.sampled_from(FIELDS), st.sampled_from(_OPERATORS), st.sampled_from(SCALARS)).map(
    lambda c: (c[0], c[1], [c[2], "x"]) if c[1] == "in" else c
)
queries = st.tuples(
    st.sampled_from(("c", "d", "c/a/c", "**/c", "**/e")),
    st.lists(conditions, max_size=2),
    st.lists(st.tuples(st.sampled_from((*FIELDS, "__name__")), st.booleans()), max_size=2, unique_by=lambda o: o[0]),
    st.none() | st.integers(0, 5),
)
"""(collection, or `**/` and the name of a group; conditions; order; limit)."""


def query_of(asked: Any) -> Query:
    """The query that one of `queries` is."""
    collection, where, order, limit = asked
    query = Query.of(collection.removeprefix("**/"), group=collection.startswith("**/"))
    for condition in where:
        query = query.matching(*condition)
    for name, descending in order:
        query = query.ordered(name, descending=descending)
    return query if limit is None else query.first(limit)


def write_of(operation: tuple[str, str, dict[str, Any]]) -> Write:
    """The write that one of `commits` is."""
    kind, path, fields = operation
    make: Any = getattr(Write, kind)
    written: Write = make(path) if kind == "delete" else make(path, fields)
    return written


class Refused(Exception):
    """A commit that must not be made."""


@dataclass
class DictDatabase:
    """Documents by path, and all changes so far."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: list[tuple[str, dict[str, Any] | None]] = field(default_factory=list)

    def commit(self, operations: list[tuple[str, str, dict[str, Any]]]) -> None:
        """Makes a commit, or raises `Refused`."""
        now = copy.deepcopy(self.documents)
        for kind, path, fields in operations:
            if (kind == "create" and path in now) or (kind == "update" and path not in now):
                raise Refused
            if kind == "delete":
                now.pop(path, None)
            elif kind in ("set", "create"):
                now[path] = fields
            else:
                now[path] = _written(now.get(path, {}), fields, deep=kind == "merge")
        for path in dict.fromkeys(path for _, path, _ in operations):
            if repr_of(now.get(path)) != repr_of(self.documents.get(path)):
                self.changes.append((path, now.get(path)))
        self.documents = now

    def query(self, asked: Any) -> list[str]:
        """The paths of an answer."""
        collection, where, order, limit = asked
        down = order[-1][1] if order else False
        names = [name for name, _ in order]
        for name, operator, _ in where:
            if operator in ("!=", "<", "<=", ">", ">=") and name not in names:
                names.append(name)
        names += [] if "__name__" in names else ["__name__"]
        order = [*order, *((name, down) for name in names[len(order) :])]
        order = order[: [name for name, _ in order].index("__name__") + 1]
        found = [p for p, d in self.documents.items() if _in(p, collection) and all(_meets(d, c) for c in where)]
        found = [p for p in found if all(n == "__name__" or n in self.documents[p] for n, _ in order)]
        for name, descending in reversed(order):
            key: Any = _by_path if name == "__name__" else lambda p, name=name: _rank(self.documents[p][name])
            found.sort(key=key, reverse=descending)
        return found[:limit]


def repr_of(value: Any) -> str:
    """A text that tells values apart, whatever the order of their fields."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{k!r}:{repr_of(v)}" for k, v in sorted(value.items())) + "}"
    return "[" + ",".join(map(repr_of, value)) + "]" if isinstance(value, list) else repr(value)


def _written(before: dict[str, Any], fields: dict[str, Any], *, deep: bool) -> dict[str, Any]:
    now = dict(before)
    for name, value in fields.items():
        inner = now.get(name)
        if deep and isinstance(value, dict) and isinstance(inner, dict):
            now[name] = _written(inner, value, deep=True)
        else:
            now[name] = value
    return now


def _in(path: str, collection: str) -> bool:
    above = path.rpartition("/")[0]
    if collection.startswith("**/"):
        return above.rpartition("/")[2] == collection[3:]
    return above == collection


def _meets(document: dict[str, Any], condition: tuple[str, str, Any]) -> bool:
    name, operator, wanted = condition
    if name not in document:
        return False
    value = document[name]
    if operator == "in":
        return any(_rank(value) == _rank(w) for w in wanted)
    if operator == "contains":
        return isinstance(value, list) and any(_rank(e) == _rank(wanted) for e in value)
    left, right = _rank(value), _rank(wanted)
    if operator == "!=":
        return value is not None and left != right
    if left[0] != right[0]:
        return False
    answers = {"==": left == right, "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}
    return answers[operator]


def _rank(value: Any) -> tuple[Any, ...]:
    """What sorts and compares the values that are used here."""
    if value is None:
        return (0,)
    if isinstance(value, bool):
        return (1, value)
    if isinstance(value, (int, float)):
        return (2, value)
    if isinstance(value, str):
        return (3, value)
    if isinstance(value, bytes):
        return (4, value)
    if isinstance(value, list):
        return (5, [_rank(e) for e in value])
    return (6, [(k, _rank(v)) for k, v in sorted(value.items())])


def _by_path(path: str) -> list[tuple[int, Any]]:
    numbers = {"__id2__": 2, "__id10__": 10}
    return [(0, numbers[part]) if part in numbers else (1, part) for part in path.split("/")]
