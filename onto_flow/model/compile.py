"""From view models to a plan. Every mistake in a declaration is found here, with the user's line."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.collection import Collection
from ..core.errors import DataError, DeclarationError, SourceLine, did_you_mean
from ..core.types import ANY, Schema, Type
from ..plan.compile import compile_plan
from ..plan.nodes import Accumulator, CodeRef, Plan, Slot, View
from .aggregates import AccumulatorDeclaration
from .documents import hints_of, type_of
from .domain import DomainModel
from .methods import checked_kind, computed, function_of, role_of
from .slots import compile_slots
from .store import Store
from .view import ViewModel, output_collection


@dataclass(frozen=True)
class Call:
    """A function of the user and the names that its parameters stand for."""

    function: Callable[..., Any]
    parameters: tuple[str, ...]
    line: SourceLine


@dataclass
class CompiledView:
    """A view model, checked: what the evaluator needs.

    Attributes:
        key_parts: The attributes that the key gives, in order; `key_fields` when it is a named tuple.
        row_names: Names that differ from row to row of one root.
        group_names: UDFs that are computed from the results of a group.
        exported: The attributes of the document, in order.
    """

    cls: type[ViewModel]
    store: type[Store]
    slots: tuple[Slot, ...]
    collection: str
    computed: dict[str, Callable[..., Any]] = field(default_factory=dict)
    udfs: dict[str, Call] = field(default_factory=dict)
    filters: list[Call] = field(default_factory=list)
    expand: tuple[str, Call] | None = None
    key: tuple[str, Call] | None = None
    key_fields: tuple[str, ...] | None = None
    accumulators: dict[str, AccumulatorDeclaration] = field(default_factory=dict)
    row_names: frozenset[str] = frozenset()
    group_names: frozenset[str] = frozenset()
    exported: tuple[str, ...] = ()
    paths: str | None = None

    @property
    def key_parts(self) -> tuple[str, ...]:
        """The attributes that the key gives."""
        if self.key is None:
            return ()
        return self.key_fields if self.key_fields is not None else (self.key[0],)


def plan_views(*views: type[ViewModel]) -> Plan:
    """The plan of some view models: they share what they read.

    Raises:
        DeclarationError: A mistake in a declaration, with its line.
    """
    compiled = [compile_view(v) for v in views]
    names = [v.__name__ for v in views]
    for at, cls in enumerate(views):
        if cls.__name__ in names[:at]:
            raise DeclarationError("ambiguous-name", f"two views are named {cls.__name__}", where=cls._line)
    fields = _projection(c.store for c in compiled)
    for view in compiled:
        _refuse_loop(view, fields)
    return compile_plan([_view(c) for c in compiled], fields)


def _projection(stores: Iterable[type[Store]]) -> list[tuple[Collection, tuple[str, ...]]]:
    read: dict[Collection, dict[str, None]] = {}
    for store in stores:
        for slot in store._slots.values():
            names = read.setdefault(slot.model._collection, {})
            names.update(dict.fromkeys(a.field for a in slot.model._attributes.values()))
    return [(collection, tuple(names)) for collection, names in read.items()]


def _refuse_loop(view: CompiledView, fields: Iterable[tuple[Collection, object]]) -> None:
    for collection, _ in fields:
        if collection.matches(f"{view.collection}/x"):
            raise DeclarationError(
                "cycle",
                f"{view.cls.__name__} writes into {view.collection}, which is read by a view of the same plan",
                where=view.cls._line,
                fix="Give the view a collection of its own.",
            )


def compile_view(cls: type[ViewModel]) -> CompiledView:
    """Checks one view model and gives what its evaluator needs."""
    store = _store_of(cls)
    view = CompiledView(cls, store, compile_slots(store, cls._line), output_collection(cls))
    _collect(view)
    _check_parameters(view)
    _order(view)
    return view


def _store_of(cls: type[ViewModel]) -> type[Store]:
    owner = next((c for c in cls.__mro__ if "store" in vars(c).get("__annotations__", {})), None)
    module = sys.modules.get(owner.__module__) if owner else None
    store = resolve(owner.__annotations__["store"], vars(module), owner) if owner and module else None
    if not (isinstance(store, type) and issubclass(store, Store)):
        seed_form = "new" in vars(cls)
        fix = (
            "Declare the store that new() fills: class CityStore(Store): city = root(City), and store: CityStore."
            if seed_form
            else "Declare class MyStore(Store): ..., and in the view store: MyStore."
        )
        raise DeclarationError("bad-slot", f"{cls.__name__} does not say what its store is", where=cls._line, fix=fix)
    return store


def resolve(annotation: Any, names: Mapping[str, Any], cls: type) -> Any:
    """An annotation as an object; `None` where a name in it is not known."""
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, dict(names), dict(getattr(cls, "_namespace", {})))  # noqa: S307 - the user's own code
    except Exception:
        return None


def returned(function: Any, view: CompiledView) -> Any:
    """What a function's annotation says that it returns; `None` where it says nothing."""
    annotation = getattr(function, "__annotations__", {}).get("return")
    return resolve(annotation, getattr(function, "__globals__", {}), view.cls)


def _collect(view: CompiledView) -> None:
    members: dict[str, Any] = {}
    for base in reversed([c for c in view.cls.__mro__ if c not in (ViewModel, object)]):
        members.update(vars(base))
    exported = []
    for name, member in members.items():
        role = role_of(member)
        if isinstance(member, computed):
            view.computed[name] = member.fget  # type: ignore[assignment]
            exported.append(name)
        elif isinstance(member, AccumulatorDeclaration):
            view.accumulators[name] = member
            exported.append(name)
        elif name in ("doc_ref", "view_refs", "_view_refs") and isinstance(member, property):
            view.paths = name
        elif role == "udf":
            view.udfs[name] = _call(checked_kind(name, member, role), skip=0)
            exported.append(name)
        elif role is not None:
            _collect_operator(view, name, role, _call(checked_kind(name, member, role), skip=1))
    view.exported = tuple(n for n in exported if not n.startswith("_"))
    _check_collected(view)


def _collect_operator(view: CompiledView, name: str, role: str, call: Call) -> None:
    if role == "filter":
        view.filters.append(call)
        return
    if getattr(view, role) is not None:
        raise DeclarationError(
            "ambiguous-name",
            f"{view.cls.__name__} has two operators @operator.{role}",
            where=call.line,
            fix="Keep one.",
        )
    setattr(view, role, (name, call))


def _call(function: Callable[..., Any], skip: int) -> Call:
    parameters = list(inspect.signature(function).parameters.values())[skip:]
    line = SourceLine.of_code(function.__code__)
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise DeclarationError(
                "unknown-name", f"{function.__name__} takes *{parameter.name}", where=line, fix="Name what it needs."
            )
    return Call(function, tuple(p.name for p in parameters), line)


def _check_collected(view: CompiledView) -> None:
    if view.accumulators and view.key is None:
        name, accumulator = next(iter(view.accumulators.items()))
        raise DeclarationError(
            "bad-slot",
            f"{view.cls.__name__}.{name} is an accumulator, and the view has no key to group by",
            where=accumulator.line,
            fix="Add an @operator.key classmethod that gives the group of a row.",
        )
    if view.key is not None:
        view.key_fields = _named_parts(view)
    clashes = [n for n in (*view.key_parts, *([view.expand[0]] if view.expand else [])) if n in view.store._slots]
    if clashes:
        raise DeclarationError(
            "ambiguous-name",
            f"{view.cls.__name__}: {clashes[0]} is a slot and a value of an operator",
            where=view.cls._line,
            fix="Rename one of them.",
        )


def _named_parts(view: CompiledView) -> tuple[str, ...] | None:
    assert view.key is not None
    annotation = returned(view.key[1].function, view)
    for candidate in (annotation, *typing.get_args(annotation)):
        if isinstance(candidate, type) and hasattr(candidate, "_fields"):
            return tuple(candidate._fields)
    return None


def _check_parameters(view: CompiledView) -> None:
    at_root = {*view.store._slots, *view.computed, *view.udfs}
    in_rows = at_root | ({view.expand[0]} if view.expand else set())
    in_key_rows = in_rows | set(view.key_parts)
    for call in view.filters:
        _check(call, at_root, view)
    if view.expand:
        _check(view.expand[1], at_root, view)
    if view.key:
        _check(view.key[1], in_rows, view)
    for call in view.udfs.values():
        _check(call, in_key_rows | set(view.accumulators), view)
    for accumulator in view.accumulators.values():
        for function in (accumulator.value, accumulator.where, accumulator.order_by):
            if function is not None:
                call = _call(function, skip=0)
                _check(Call(function, call.parameters, accumulator.line), in_key_rows, view)


def _check(call: Call, known: set[str], view: CompiledView) -> None:
    for name in call.parameters:
        if name not in known:
            later = name in view.accumulators or name in view.key_parts or (view.expand and name == view.expand[0])
            what = "is not known yet at that point" if later else "names nothing of the view"
            raise DeclarationError(
                "unknown-name",
                f"{view.cls.__name__}: parameter {name!r} of {call.function.__name__} {what}",
                where=call.line,
                fix=did_you_mean(name, known),
            )


def _order(view: CompiledView) -> None:
    """Finds circles among UDFs, and what is computed per row and per group."""
    expanded = {view.expand[0]} if view.expand else set()
    per_row = expanded | set(view.key_parts)
    needs = {name: _transitive(name, view, ()) for name in view.udfs}
    view.row_names = frozenset(n for n, names in needs.items() if names & expanded)
    groups = set(view.accumulators)
    view.group_names = frozenset(
        n for n, names in needs.items() if view.key and names and names <= groups | per_row - expanded | set(needs)
    )
    for name, names in needs.items():
        mixed = names & groups and names - groups - set(view.key_parts) - set(needs)
        if mixed:
            raise DeclarationError(
                "unknown-name",
                f"{view.cls.__name__}.{name} needs {sorted(names & groups)[0]}, which is known per group, and "
                f"{sorted(mixed)[0]}, which is known per row",
                where=view.udfs[name].line,
                fix="Compute the one in an accumulator's function, the other from accumulators alone.",
            )
    if view.key:
        shown = {*view.accumulators, *view.group_names}
        view.exported = tuple(n for n in view.exported if n in shown)


def _transitive(name: str, view: CompiledView, under_way: tuple[str, ...]) -> set[str]:
    if name in under_way:
        circle = " -> ".join((*under_way[under_way.index(name) :], name))
        raise DeclarationError("cycle", f"{view.cls.__name__}: {circle}", where=view.udfs[name].line)
    found: set[str] = set()
    for parameter in view.udfs[name].parameters:
        found.add(parameter)
        if parameter in view.udfs:
            found |= _transitive(parameter, view, (*under_way, name))
    return found


def _view(compiled: CompiledView) -> View:
    cls = compiled.cls
    root = compiled.slots[0].collection
    return View(
        name=cls.__name__,
        collection=compiled.collection,
        code=CodeRef(f"{cls.__module__}:{cls.__qualname__}", cls),
        slots=compiled.slots,
        schema=_schema(compiled),
        grouped=compiled.key is not None,
        accumulators=tuple(
            Accumulator(n, a.kind, a.descending, a.limit)  # type: ignore[arg-type]
            for n, a in compiled.accumulators.items()
        ),
        owned=compiled.key is None and (compiled.paths is not None or root.group),
        sensitive=_sensitive(compiled.store),
    )


def _sensitive(store: type[Store]) -> tuple[str, ...]:
    models: list[type[DomainModel]] = [s.model for s in store._slots.values()]
    return tuple(dict.fromkeys(a.field for m in models for a in m._attributes.values() if a.sensitive))


def _schema(view: CompiledView) -> Schema:
    rename = view.cls._attribute_name
    types: dict[str, Type] = {}
    if view.key is not None:
        types.update(_key_types(view))
    for name in view.exported:
        types[name] = _attribute_type(view, name)
    return tuple((rename(n), t) for n, t in types.items())


def _key_types(view: CompiledView) -> Mapping[str, Type]:
    assert view.key is not None
    name, call = view.key
    annotation = returned(call.function, view)
    if view.key_fields is None:
        return {name: _type(view, name, annotation, call.line)}
    found = next(a for a in (annotation, *typing.get_args(annotation)) if hasattr(a, "_fields"))
    hints = hints_of(found)
    return {n: _type(view, n, hints.get(n), call.line) for n in view.key_fields}


def _attribute_type(view: CompiledView, name: str) -> Type:
    if name in view.accumulators:
        return _accumulator_type(view, view.accumulators[name])
    function = view.udfs[name].function if name in view.udfs else function_of(view.computed[name])
    return _type(view, name, returned(function, view), SourceLine.of_code(function.__code__))


def _accumulator_type(view: CompiledView, declared: AccumulatorDeclaration) -> Type:
    if declared.kind == "count":
        return Type("int")
    if declared.kind == "sum":
        return ANY if declared.number is None else Type(declared.number.__name__)
    annotation = returned(declared.value, view)
    item = ANY if annotation is None else _type(view, declared.name, annotation, declared.line)
    return Type("list", items=(item,))


def _type(view: CompiledView, name: str, annotation: Any, line: SourceLine) -> Type:
    try:
        return ANY if annotation is None else type_of(annotation, view.cls._attribute_name)
    except DataError as error:
        raise DeclarationError(
            error.code, f"{view.cls.__name__}.{name}: {error.what}", where=line, fix=error.fix
        ) from error
