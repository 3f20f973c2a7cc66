"""From view models to a plan. Every mistake in a declaration is found here, with the user's line."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.collection import Collection
from ..core.errors import DeclarationError, SourceLine
from ..plan.compile import circle_of, compile_plan
from ..plan.nodes import Accumulator, CodeRef, Plan, Sessions, View
from .aggregates import AccumulatorDeclaration
from .declaration import Declaration, read_declaration
from .family import members_of
from .getters import check_getters
from .inner import MapsAttribute
from .over import hanging_on, slot_over
from .schema import schema_of
from .scopes import Names, Source, read_by, resolve_names
from .store import Store
from .strict import kinds_of
from .view import ViewModel


@dataclass(frozen=True)
class CompiledView:
    """A view model, checked: what the evaluator needs.

    Attributes:
        exported: The attributes of its document beside the parts of the key, in order.
    """

    declared: Declaration
    names: Names
    exported: tuple[Source, ...]


def plan_views(*views: type[ViewModel]) -> Plan:
    """The plan of some view models: they share what they read.

    Raises:
        DeclarationError: A mistake in a declaration, with its line.
    """
    _refuse_others(views)
    compiled = [compile_view(v) for v in dict.fromkeys(views)]
    for at, view in enumerate(compiled):
        for other in compiled[:at]:
            _refuse_twice(view.declared, other.declared)
    planned = [_view(c) for c in compiled]
    _refuse_circles(planned, compiled)
    for view in compiled:
        _refuse_until(view, {v.collection for v in planned})
    stores = [c.declared.store for c in compiled]
    return compile_plan(planned, _projection(stores), kinds_of(_models(stores)))


def _refuse_others(views: Iterable[Any]) -> None:
    for view in views:
        if not (isinstance(view, type) and issubclass(view, ViewModel) and view is not ViewModel):
            name = getattr(view, "__name__", repr(view)[:60])
            fix = "Give the classes: plan_views(MeetingSession, OrganizationLoad)."
            raise DeclarationError("bad-value", f"{name} is no view model", where=SourceLine.of_caller(3), fix=fix)


def compile_view(cls: type[ViewModel]) -> CompiledView:
    """Checks one view model and gives what its evaluator needs."""
    declared = read_declaration(cls)
    check_getters(declared)
    names = resolve_names(declared)
    return CompiledView(declared, names, _exported(declared, names))


def _exported(view: Declaration, names: Names) -> tuple[Source, ...]:
    found = []
    for name in view.order:
        source = _source(view, name)
        level = names.levels.get(source, "group")
        if not name.startswith("_") and (view.key is None or level in ("key", "group")):
            found.append(source)
    return tuple(found)


def _source(view: Declaration, name: str) -> Source:
    if name in view.accumulators:
        return Source("accumulator", name)
    if view.sessions is not None and view.sessions.name == name:
        return Source("session", name)
    return Source("udf", name) if name in view.udfs else Source("computed", name)


def _refuse_twice(view: Declaration, other: Declaration) -> None:
    name, line = view.cls.__name__, view.cls._line
    if name == other.cls.__name__:
        raise DeclarationError("ambiguous-name", f"two views are named {name}", where=line)
    if view.collection == other.collection:
        what = f"{name} and {other.cls.__name__} both write into {view.collection}"
        raise DeclarationError("ambiguous-name", what, where=line, fix="Give each view a collection of its own.")


def _projection(stores: Iterable[type[Store]]) -> list[tuple[Collection, tuple[str, ...]]]:
    read: dict[Collection, dict[str, None]] = {}
    for model in _models(stores):
        names = read.setdefault(model._collection, {})
        names.update(dict.fromkeys(a.field for a in model._attributes.values()))
    return [(collection, tuple(names)) for collection, names in read.items()]


def _models(stores: Iterable[type[Store]]) -> list[Any]:
    """The models whose documents some stores hold."""
    slots = (s for store in stores for s in store._slots.values() if s.always is None)
    return list(dict.fromkeys(m for s in slots for m in members_of(s.model)))


def _refuse_until(compiled: CompiledView, written: Container[str]) -> None:
    for slot in compiled.declared.slots:
        if slot.until is not None and str(slot.collection) in written:
            what = f"slot {slot.name}: until= asks for declared time of documents that a view of the plan writes"
            line = compiled.declared.store._slots[slot.name].line
            raise DeclarationError(
                "bad-slot", what, where=line, fix="Take what has expired out in the view that writes them."
            )


def _refuse_circles(views: Sequence[View], compiled: Sequence[CompiledView]) -> None:
    circle = circle_of(views)
    if circle:
        lines = {c.declared.cls.__name__: c.declared.cls._line for c in compiled}
        where = f"{circle[0].name} reads what it writes" if len(circle) == 2 else "views read each other"
        raise DeclarationError(
            "cycle",
            f"{where}: {' -> '.join(v.name for v in circle)}",
            where=lines[circle[0].name],
            fix="A view may read other views, and none that it is made of.",
        )


def _view(compiled: CompiledView) -> View:
    view = compiled.declared
    cls = view.cls
    return View(
        name=cls.__name__,
        collection=view.collection,
        code=CodeRef(f"{cls.__module__}:{cls.__qualname__}", cls),
        slots=view.slots,
        schema=schema_of(view, tuple(s.name for s in compiled.exported)),
        grouped=view.key is not None,
        expanded=view.expand[0] if view.expand else "",
        accumulators=tuple(_accumulator(compiled, a) for a in view.accumulators.values()),
        owned=view.key is None and (view.paths is not None or view.slots[0].collection.group),
        sensitive=_sensitive(view.store),
        on_error=cls._on_error,
        sessions=None if view.sessions is None else Sessions(view.sessions.name, view.sessions.gap),
        reads=tuple((cls._attribute_name(s.name), s.name, _large(compiled, s)) for s in compiled.exported),
    )


def _large(compiled: CompiledView, attribute: Source) -> tuple[str, ...]:
    """The many slots and accumulators that an attribute reads."""
    slots = compiled.declared.store._slots
    return tuple(n for n in compiled.names.reads.get(attribute, ()) if n not in slots or slots[n].many)


def _accumulator(compiled: CompiledView, declared: AccumulatorDeclaration) -> Accumulator:
    view, cls = compiled.declared, compiled.declared.cls
    slot = slot_over(view, declared)
    beside: tuple[int, ...] = ()
    whole: tuple[int, ...] = ()
    if slot is not None:
        named, through = read_by(declared, compiled.names)
        below = {s.name for s in hanging_on(view.slots, slot.index)}
        beside = tuple(s.index for s in view.slots if s.name in named & below)
        whole = tuple(s.index for s in view.slots if s.name in (named - below) | through)
    name = f"{cls.__module__}:{cls.__qualname__}.{declared.name}.own"
    return Accumulator(
        declared.name,
        declared.kind,  # type: ignore[arg-type]
        declared.descending,
        declared.limit,
        declared.bounds,
        over=-1 if slot is None else slot.index,
        beside=beside,
        whole=whole,
        code=None if declared.own is None else CodeRef(name, declared.own),
    )


def _sensitive(store: type[Store]) -> tuple[str, ...]:
    models: list[Any] = [m for s in store._slots.values() for m in members_of(s.model)]
    for model in models:
        inside = (a.target for a in model._attributes.values() if isinstance(a, MapsAttribute))
        models += [m for m in inside if m not in models]
    return tuple(dict.fromkeys(a.field for m in models for a in m._attributes.values() if a.sensitive))
