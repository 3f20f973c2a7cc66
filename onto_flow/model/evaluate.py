"""Evaluates a view model: from the documents of the slots to view documents, or to rows of groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..core.codec import decode, encode
from ..core.errors import DataError
from ..core.keys import check_path, document_id
from ..core.values import Document, Reference
from ..plan.evaluator import Members, Row
from .aggregates import AccumulatorDeclaration
from .compile import Call, CompiledView
from .documents import to_value
from .methods import ReadOnlyClass

_UNKNOWN = object()
Provider = Callable[["_Scope"], Any]


class _Scope:
    """The names of one view document, each computed once, when it is asked for."""

    __slots__ = ("known", "parent", "providers", "view")

    def __init__(
        self, providers: Mapping[str, Provider], known: dict[str, Any], parent: _Scope | None, view: Any
    ) -> None:
        self.providers, self.known, self.parent, self.view = providers, known, parent, view

    def get(self, name: str) -> Any:
        value = self.known.get(name, _UNKNOWN)
        if value is _UNKNOWN:
            provider = self.providers.get(name)
            if provider is None:
                assert self.parent is not None
                return self.parent.get(name)
            value = self.known[name] = provider(self)
        return value

    def call(self, call: Call, *first: Any) -> Any:
        return call.function(*first, *[self.get(n) for n in call.parameters])


class ViewEvaluator:
    """The `plan.evaluator.Evaluator` of a view model."""

    def __init__(self, view: CompiledView) -> None:
        self._view = view
        self._rename = view.cls._attribute_name
        self._cls = ReadOnlyClass(view.cls)
        udfs = {n: _udf(c) for n, c in view.udfs.items()}
        self._at_root: dict[str, Provider] = {
            **{s.name: _slot(s.name) for s in view.slots},
            **{n: _getter(n) for n in view.computed},
            **{n: p for n, p in udfs.items() if n not in view.row_names and n not in view.group_names},
        }
        self._in_row = {n: p for n, p in udfs.items() if n in view.row_names or n in view.group_names}
        self._in_group = {n: udfs[n] for n in view.group_names}
        self._required = tuple(s.name for s in view.slots if s.required)
        self._root = view.slots[0]
        self._contribute = tuple(_contribution(a) for a in view.accumulators.values())

    def documents(self, members: Members) -> dict[str, Document]:
        """See `plan.evaluator.Evaluator`."""
        scope = self._scope(members)
        if scope is None:
            return {}
        found: dict[str, Document] = {}
        for row, element in self._rows_of(scope):
            document = {self._rename(n): self._value(row, n) for n in self._view.exported}
            for path in self._paths(scope, members, element):
                found[path] = document
        return found

    def rows(self, members: Members) -> dict[bytes, tuple[Row, ...]]:
        """See `plan.evaluator.Evaluator`."""
        scope = self._scope(members)
        found: dict[bytes, list[Row]] = {}
        if scope is None:
            return {}
        assert self._view.key is not None
        for row, _ in self._rows_of(scope):
            key = row.call(self._view.key[1], self._cls)
            if key is None:
                continue
            document_id(_plain(key))
            self._know_key(row, key)
            found.setdefault(encode(_plain(key)), []).append(tuple(c(row, self._rename) for c in self._contribute))
        return {k: tuple(rows) for k, rows in found.items()}

    def result(self, key: bytes, results: Sequence[Any]) -> tuple[str, Document]:
        """See `plan.evaluator.Evaluator`."""
        value = decode(key)
        known = {n: _typed(a, r) for (n, a), r in zip(self._view.accumulators.items(), results)}
        scope = _Scope(self._in_group, known, None, None)
        self._know_key(scope, value)
        names = (*self._view.key_parts, *self._view.exported)
        document = {self._rename(n): self._value(scope, n) for n in names}
        return f"{self._view.collection}/{document_id(value)}", document

    def _scope(self, members: Members) -> _Scope | None:
        if any(not members[name] for name in self._required):
            return None
        view = self._view.cls(self._view.store(members))
        scope = _Scope(self._at_root, {}, None, view)
        return scope if all(scope.call(f, self._cls) for f in self._view.filters) else None

    def _rows_of(self, scope: _Scope) -> Iterable[tuple[_Scope, Any]]:
        if self._view.expand is None:
            yield _Scope(self._in_row, {}, scope, scope.view), _UNKNOWN
            return
        name, call = self._view.expand
        for element in scope.call(call, self._cls) or ():
            yield _Scope(self._in_row, {name: element}, scope, scope.view), element

    def _know_key(self, scope: _Scope, key: Any) -> None:
        assert self._view.key is not None
        if self._view.key_fields is not None:
            scope.known.update(zip(self._view.key_fields, key))
        else:
            scope.known[self._view.key[0]] = key

    def _value(self, scope: _Scope, name: str) -> Any:
        try:
            return to_value(scope.get(name), self._rename)
        except DataError as error:
            raise DataError(error.code, f"{self._view.cls.__name__}.{name}: {error.what}", fix=error.fix) from error

    def _paths(self, scope: _Scope, members: Members, element: Any) -> list[str]:
        if self._view.paths is not None:
            named = getattr(scope.view, self._view.paths)
            return [_path_of(p) for p in (named if isinstance(named, (list, tuple)) else [named]) if p is not None]
        path = members[self._root.name][0][0]
        collection = self._root.collection
        if element is _UNKNOWN:
            name = path.rpartition("/")[2] if collection.top_level else document_id(collection.ids(path))
        else:
            name = document_id((*collection.ids(path), *_element_key(element, self._rename)))
        return [f"{self._view.collection}/{name}"]


def _slot(name: str) -> Provider:
    return lambda scope: getattr(scope.view.store, name)


def _getter(name: str) -> Provider:
    return lambda scope: getattr(scope.view, name)


def _udf(call: Call) -> Provider:
    return lambda scope: scope.call(call)


def _plain(key: Any) -> Any:
    return tuple(key) if isinstance(key, tuple) else key


def _path_of(named: Any) -> str:
    return check_path(named.path if isinstance(named, Reference) else str(named))


def _element_key(element: Any, rename: Callable[[str], str]) -> tuple[Any, ...]:
    """What tells the rows of one root apart: the element itself, or the canonical bytes of a nested one."""
    value = to_value(element, rename)
    if isinstance(element, tuple) and not any(isinstance(v, (dict, list)) for v in element):
        return tuple(element)
    return (encode(value),) if isinstance(value, (dict, list)) else (value,)


def _contribution(declared: AccumulatorDeclaration) -> Callable[[_Scope, Callable[[str], str]], Any]:
    value = _function(declared.value)
    where = _function(declared.where)
    order = _function(declared.order_by)

    def contribute(scope: _Scope, rename: Callable[[str], str]) -> Any:
        if where is not None and not where(scope):
            return None
        if value is None:
            return True
        found = value(scope)
        if found is None:
            return None
        if declared.kind == "sum":
            return _number(declared, found)
        plain = to_value(found, rename, in_list=True)
        return (None if order is None else _ordered(order(scope), rename), plain)

    return contribute


def _typed(declared: AccumulatorDeclaration, result: Any) -> Any:
    return float(result) if declared.number is float else result


def _ordered(value: Any, rename: Callable[[str], str]) -> Any:
    return to_value(list(value) if isinstance(value, tuple) else value, rename)


def _number(declared: AccumulatorDeclaration, found: Any) -> Any:
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        fix = "Give None for a row that does not count."
        raise DataError("bad-value", f"{declared.name}: a sum takes numbers, not {found!r:.80}", fix=fix)
    if declared.number is int and not isinstance(found, int):
        raise DataError("bad-value", f"{declared.name}: a sum of integers was given {found!r}", fix="Use type=float.")
    if declared.number is float and isinstance(found, int):
        if int(float(found)) != found:
            raise DataError("bad-value", f"{declared.name}: {found} is not exact as a double", fix="Use type=int.")
        return float(found)
    return found


def _function(function: Callable[..., Any] | None) -> Callable[[_Scope], Any] | None:
    if function is None:
        return None
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    return lambda scope: function(*[scope.get(n) for n in names])
