"""Evaluates a view model: from the documents of the slots to view documents, or to rows of groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any

from ..core.codec import decode, encode
from ..core.errors import DataError
from ..core.keys import document_id
from ..core.values import Document, Reference, from_micros, to_micros
from ..plan.evaluator import Find, Member, Members, Results, Row, Tabulated
from .annotations import Shape, returned, shape_of
from .compile import CompiledView
from .contributions import Contribution, contribution_of
from .declaration import Declaration
from .documents import Converter
from .kept import KeptView
from .kept_program import KeptProgram, may_be_kept
from .methods import ReadOnlyClass
from .output_paths import output_path, path_named
from .over_rows import OverRows
from .scopes import Source, session_calls
from .tabulate import Tabulator, may_be_tabulated
from .values import Getter, Scope, getter_of
from .windows import Session

_WHOLE_KEY = Source("key", "")
_NO_ELEMENT: Any = object()


class ViewEvaluator:
    """The `plan.evaluator.Evaluator` of a view model.

    Law: pure. Nothing is kept between calls but what depends on the declaration alone.
    """

    def __init__(self, view: CompiledView) -> None:
        declared = self._declared = view.declared
        self._view = view
        self._name = declared.cls.__name__
        self._converter = Converter(declared.cls._attribute_name)
        cls = ReadOnlyClass(declared.cls)
        bound = view.names.calls
        self._filters = [getter_of(bound[f], cls) for f in declared.filters]
        self._havings = [getter_of(bound[h], cls) for h in declared.havings]
        self._expand = getter_of(bound[declared.expand[1]], cls) if declared.expand else None
        self._key = getter_of(bound[declared.key[1]], cls) if declared.key else None
        self._element = Source("element", declared.expand[0]) if declared.expand else None
        self._at_root = {Source("slot", s.name): partial(_slot, s.name) for s in declared.slots} | self._rules("root")
        self._at_root |= {Source("accumulator", n): partial(_result, n) for n in declared.accumulators}
        self._in_row = self._rules("row", "key")
        self._in_group = self._rules("key", "group")
        self._required = tuple(s.name for s in declared.slots if s.required)
        self._contributions: list[Contribution] = [
            contribution_of(a, declared, view.names, self._converter) for a in declared.accumulators.values()
        ]
        self._moment = next((getter_of(bound[call]) for call in session_calls(declared)), None)
        self._over = {
            s.index: OverRows(declared, s, self._contributions, view.names)
            for s in declared.slots
            if any(a.over is not None and a.over.name == s.name for a in declared.accumulators.values())
        }
        self._exported = [(declared.cls._attribute_name(s.name), s, exported_shape(declared, s)) for s in view.exported]

        self._program = (
            KeptProgram(view, self._converter, self._at_root, self._filters, self._exported)
            if may_be_kept(view)
            else None
        )

    def keep(self, members: Members) -> KeptView | None:
        """See `plan.evaluator.Evaluator`."""
        if self._program is None:
            return None
        return KeptView(self._program, members, self._paths_of_root(members, _NO_ELEMENT)[0])

    def tabulator(self) -> Callable[[Sequence[Member], Find], Tabulated] | None:
        """See `plan.evaluator.Tabulates`."""
        if not may_be_tabulated(self._view):
            return None
        declared = self._declared
        path_of = partial(output_path, declared.collection, declared.slots[0].collection)
        return Tabulator(self._view, self._converter, self._exported, path_of).tabulate

    def documents(self, members: Members, results: Results = tuple) -> dict[str, Document]:
        """See `plan.evaluator.Evaluator`."""
        scope = self._scope(members, results)
        if scope is None or not all(passes(scope) for passes in self._havings):
            return {}
        found: dict[str, Document] = {}
        elements: dict[str, bytes] = {}
        for row, element in self._rows_of(scope):
            document = self._document(row)
            for path in self._paths(scope, members, element):
                self._refuse_other(elements, path, element)
                found[path] = document
        return found

    def each(self, members: Members, slot: int, elements: Sequence[Members]) -> list[Row] | None:
        """See `plan.evaluator.Evaluator`."""
        scope = self._scope(members)
        return None if scope is None else self._over[slot].rows(scope, elements)

    def rows(self, members: Members) -> dict[bytes, tuple[Row, ...]]:
        """See `plan.evaluator.Evaluator`."""
        scope = self._scope(members)
        if scope is None or self._key is None:
            return {}
        found: dict[bytes, list[Row]] = {}
        for row, _ in self._rows_of(scope):
            key = self._key(row)
            if key is None:
                continue
            plain = self._plain_key(key)
            document_id(plain)
            self._know_key(row, plain)
            given = tuple([c(row) for c in self._contributions])
            if self._moment is not None:
                at = self._moment(row)
                if at is None:
                    continue
                given = (*given, self._micros(at))
            found.setdefault(encode(plain), []).append(given)
        return {k: tuple(rows) for k, rows in found.items()}

    def result(self, key: bytes, results: Sequence[Any]) -> tuple[str, Document | None]:
        """See `plan.evaluator.Evaluator`."""
        plain = decode(key)
        scope = Scope(self._in_group)
        self._know_key(scope, plain)
        scope.update((Source("accumulator", name), value) for name, value in self._named(results).items())
        ids = plain
        if self._declared.sessions is not None:
            session = scope[Source("session", self._declared.sessions.name)] = Session(*map(from_micros, results[-1]))
            ids = (*(plain if isinstance(plain, tuple) else (plain,)), session.start)
        scope.view = self._declared.cls(None, lambda name: self._of_group(scope, name))
        path = f"{self._declared.collection}/{document_id(ids)}"
        if not all(passes(scope) for passes in self._havings):
            return path, None
        parts = {self._declared.cls._attribute_name(n): scope[Source("key", n)] for n in self._declared.key_parts}
        document = {n: list(v) if isinstance(v, tuple) else v for n, v in parts.items()}
        document.update(self._document(scope))
        return path, document

    def _lookup(self, results: Results) -> Callable[[str], Any]:
        known = cache(lambda: self._named(results()))
        return lambda name: known()[name]

    def _named(self, results: Sequence[Any]) -> dict[str, Any]:
        """The results of accumulators by name."""
        return {name: a.shown(result) for (name, a), result in zip(self._declared.accumulators.items(), results)}

    def _of_group(self, scope: Scope, name: str) -> Any:
        sessions = self._declared.sessions
        return scope[Source("session" if sessions is not None and sessions.name == name else "accumulator", name)]

    def _micros(self, at: Any) -> int:
        if not isinstance(at, datetime):
            what = f"{self._name}: a session window takes a timestamp, not {at!r:.80}"
            raise DataError("bad-value", what, fix="Give None for a row that belongs to no session.")
        return to_micros(at)

    def _rules(self, *levels: str) -> dict[Source, Getter]:
        names, declared = self._view.names, self._declared
        rules: dict[Source, Getter] = {}
        for source, level in names.levels.items():
            if level in levels:
                if source.kind == "computed":
                    rules[source] = partial(_computed, source.name)
                else:
                    rules[source] = getter_of(names.calls[declared.udfs[source.name]])
        return rules

    def _scope(self, members: Members, results: Results = tuple) -> Scope | None:
        for name in self._required:
            if not members[name]:
                return None
        scope = Scope(self._at_root)
        store = self._declared.store(members, writable=False)
        scope.view = self._declared.cls(store, self._lookup(results) if self._over else None)
        for passes in self._filters:
            if not passes(scope):
                return None
        return scope

    def _rows_of(self, scope: Scope) -> Iterable[tuple[Scope, Any]]:
        if self._expand is None or self._element is None:
            yield Scope(self._in_row, scope), _NO_ELEMENT
            return
        for element in self._expand(scope) or ():
            row = Scope(self._in_row, scope)
            row[self._element] = element
            yield row, element

    def _document(self, scope: Scope) -> dict[str, Any]:
        document = {}
        for name, source, shape in self._exported:
            try:
                document[name] = self._converter.value(scope[source], shape)
            except DataError as error:
                what = f"{self._name}.{source.name}: {error.what}"
                raise DataError(error.code, what, where=error.where, fix=error.fix) from error
        return document

    def _plain_key(self, key: Any) -> Any:
        """The key as values of Firestore: a named tuple or tuple as a tuple."""
        parts = self._declared.key_type
        if isinstance(key, tuple):
            plain = tuple(self._converter.value(p) for p in key)
            if parts is None and hasattr(key, "_fields"):
                fix = f"Annotate it: -> {type(key).__name__}, so that its fields are attributes."
                raise DataError("bad-key", f"the key of {self._name} is a {type(key).__name__}", fix=fix)
            if parts is None or len(plain) == len(parts._fields):
                return plain
        elif parts is None:
            return key if isinstance(key, str) else self._converter.value(key)
        raise DataError("bad-key", f"the key of {self._name} is annotated {parts.__name__}, and gave {key!r:.80}")

    def _know_key(self, scope: Scope, plain: Any) -> None:
        declared = self._declared
        if declared.key_type is None:
            scope[Source("key", declared.key_parts[0])] = plain
            return
        scope[_WHOLE_KEY] = declared.key_type(*plain)
        for name, part in zip(declared.key_parts, plain):
            scope[Source("key", name)] = part

    def _paths(self, scope: Scope, members: Members, element: Any) -> list[str]:
        declared = self._declared
        if declared.paths is not None:
            named = getattr(scope.view, declared.paths)
            named = [named] if named is None or isinstance(named, (str, Reference)) else named
            return [path_named(p) for p in named if p is not None]
        return self._paths_of_root(members, element)

    def _paths_of_root(self, members: Members, element: Any) -> list[str]:
        declared = self._declared
        root = declared.slots[0].collection
        path = members[declared.slots[0].name][0][0]
        if element is _NO_ELEMENT:
            return [output_path(declared.collection, root, path)]
        name = document_id((*root.ids(path), *self._element_parts(element)))
        return [f"{declared.collection}/{name}"]

    def _element_parts(self, element: Any) -> tuple[Any, ...]:
        """What tells the rows of one root apart: a plain value, the parts of a flat one, or canonical bytes."""
        value = self._converter.value(element)
        nested = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else None
        if nested is None:
            return (value,)
        flat = isinstance(element, tuple) or dataclasses.is_dataclass(element)
        return tuple(nested) if flat and not any(isinstance(v, _NESTED) for v in nested) else (encode(value),)

    def _refuse_other(self, elements: dict[str, bytes], path: str, element: Any) -> None:
        if element is _NO_ELEMENT:
            return
        content = encode(self._converter.value(element))
        if elements.setdefault(path, content) != content:
            raise DataError("bad-key", f"two different rows of {self._name} have the path {path}")


_NESTED = (list, dict)


def _slot(name: str, scope: Mapping[Source, Any]) -> Any:
    return getattr(scope.view.store, name)  # type: ignore[attr-defined]


def _result(name: str, scope: Mapping[Source, Any]) -> Any:
    return scope.view._result(name)  # type: ignore[attr-defined]


def _computed(name: str, scope: Mapping[Source, Any]) -> Any:
    return getattr(scope.view, name)  # type: ignore[attr-defined]


def exported_shape(declared: Declaration, source: Source) -> Shape | None:
    """The shape of an attribute of view documents, as its code is annotated."""
    if source.kind == "session":
        return None
    if source.kind == "accumulator":
        own = declared.accumulators[source.name].own
        return None if own is None else shape_of(returned(own.result, type(own)), declared.cls._attribute_name)
    call = declared.udfs[source.name] if source.kind == "udf" else declared.computed[source.name]
    return shape_of(returned(call.function, declared.cls), declared.cls._attribute_name)
