"""Reads a view model: which of its members are attributes, operators and accumulators."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..core.errors import DeclarationError, SourceLine
from ..plan.nodes import Slot
from .aggregates import AccumulatorDeclaration
from .annotations import named_parts, resolve, returned
from .methods import checked_kind, computed, function_of, refuse_wrapped, role_of
from .once_only import store_that_new_fills
from .slots import compile_slots
from .store import Store
from .vectorised import vectorised
from .view import ViewModel, output_collection
from .windows import SessionDeclaration

PATHS = ("doc_ref", "view_refs", "_view_refs")


@dataclass(frozen=True)
class Call:
    """A function of the user and the names that it asks for.

    Attributes:
        required: The parameters that must name something.
        optional: Those with a default, which counts where they name nothing.
    """

    function: Callable[..., Any]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    line: SourceLine

    @property
    def name(self) -> str:
        """What the user calls it."""
        return getattr(self.function, "__name__", repr(self.function))


@dataclass
class Declaration:
    """A view model as it is written.

    Attributes:
        key_type: The named tuple that the key is annotated with, if it is one.
        order: The names of attributes in the order of the class.
        paths: The property that gives the paths of its documents, if there is one.
    """

    cls: type[ViewModel]
    store: type[Store]
    slots: tuple[Slot, ...]
    collection: str
    computed: dict[str, Call] = field(default_factory=dict)
    udfs: dict[str, Call] = field(default_factory=dict)
    filters: list[Call] = field(default_factory=list)
    havings: list[Call] = field(default_factory=list)
    expand: tuple[str, Call] | None = None
    key: tuple[str, Call] | None = None
    key_type: Any = None
    accumulators: dict[str, AccumulatorDeclaration] = field(default_factory=dict)
    sessions: SessionDeclaration | None = None
    order: list[str] = field(default_factory=list)
    paths: str | None = None

    @property
    def key_parts(self) -> tuple[str, ...]:
        """The attributes that the key gives."""
        if self.key is None:
            return ()
        return tuple(self.key_type._fields) if self.key_type is not None else (self.key[0],)


def read_declaration(cls: type[ViewModel]) -> Declaration:
    """Reads one view model.

    Raises:
        DeclarationError: A mistake, with its line.
    """
    store = _store_of(cls)
    view = Declaration(cls, store, compile_slots(store, cls._line), output_collection(cls))
    members: dict[str, Any] = {}
    for base in reversed([c for c in cls.__mro__ if c not in (ViewModel, object)]):
        members.update(vars(base))
    for name, member in members.items():
        _take(view, name, member)
    _check(view)
    return view


def _store_of(cls: type[ViewModel]) -> type[Store]:
    owner = next((c for c in cls.__mro__ if "store" in _annotations(c)), None)
    module = sys.modules.get(owner.__module__) if owner else None
    store = resolve(_annotations(owner)["store"], vars(module) if module else {}, owner) if owner else None
    if isinstance(store, type) and issubclass(store, Store):
        return store
    fix = "Declare class MyStore(Store): ..., and in the view store: MyStore."
    if "new" in vars(cls):
        fix = store_that_new_fills(function_of(vars(cls)["new"]))
    raise DeclarationError("bad-slot", f"{cls.__name__} does not say what its store is", where=cls._line, fix=fix)


def _annotations(cls: type) -> Mapping[str, Any]:
    return inspect.get_annotations(cls)


def _take(view: Declaration, name: str, member: Any) -> None:
    role = role_of(member)
    if name in PATHS and isinstance(member, property):
        view.paths = name
    elif isinstance(member, computed):
        view.computed[name] = _getter(view, name, member)
        view.order.append(name)
    elif isinstance(function_of(member), AccumulatorDeclaration):
        refuse_wrapped(name, member)
        view.accumulators[name] = member
        view.order.append(name)
    elif isinstance(member, SessionDeclaration):
        _take_sessions(view, member)
        view.order.append(name)
    elif role == "udf":
        call = call_of(checked_kind(name, member, role))
        view.udfs[name] = replace(call, function=vectorised(name, call.function, view.cls, call.line))
        view.order.append(name)
    elif role is not None:
        _take_operator(view, name, role, call_of(checked_kind(name, member, role), skip=1))


def _take_sessions(view: Declaration, sessions: SessionDeclaration) -> None:
    if view.sessions is not None:
        what = f"{view.cls.__name__} has two session windows"
        raise DeclarationError("ambiguous-name", what, where=sessions.line, fix="Keep one.")
    view.sessions = sessions


def _getter(view: Declaration, name: str, member: Any) -> Call:
    function = member.fget
    if function is None:
        what, fix = f"{view.cls.__name__}.{name} has no getter", f"Write @{name}.getter above def {name}(self)."
        raise DeclarationError("wrong-decorator", what, where=view.cls._line, fix=fix)
    if not inspect.isfunction(function) or role_of(function) is not None:
        raise DeclarationError(
            "wrong-decorator",
            f"@computed is for a getter with self, which {view.cls.__name__}.{name} is not",
            where=SourceLine.of_code(function.__func__.__code__) if hasattr(function, "__func__") else view.cls._line,
            fix="Take @computed above def name(self), or @udf above @staticmethod.",
        )
    line, code = SourceLine.of_code(function.__code__), function.__code__
    if code.co_argcount + code.co_kwonlyargcount - len(function.__defaults__ or ()) != 1:
        what = f"{view.cls.__name__}.{name} is a getter, and takes other parameters than self"
        raise DeclarationError("wrong-decorator", what, where=line, fix="Name what it needs in a @udf @staticmethod.")
    return Call(function, (), (), line)


def _take_operator(view: Declaration, name: str, role: str, call: Call) -> None:
    if role in ("filter", "having"):
        (view.filters if role == "filter" else view.havings).append(call)
        return
    if getattr(view, role) is not None:
        what = f"{view.cls.__name__} has two operators @operator.{role}"
        raise DeclarationError("ambiguous-name", what, where=call.line, fix="Keep one.")
    setattr(view, role, (name, call))


def call_of(function: Callable[..., Any], skip: int = 0, line: SourceLine | None = None) -> Call:
    """What a function asks for, without its first `skip` parameters.

    Raises:
        DeclarationError: `unknown-name` when its parameters cannot be known by name.
    """
    if line is None:
        line = SourceLine.of_code(function.__code__)
    name = getattr(function, "__name__", repr(function))
    try:
        parameters = list(inspect.signature(function).parameters.values())[skip:]
    except (TypeError, ValueError) as error:
        what = f"{name} does not tell its parameters"
        raise DeclarationError("unknown-name", what, where=line, fix="Wrap it: lambda meeting: ...") from error
    for parameter in parameters:
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            what = f"{name} takes {str(parameter).partition(':')[0]}, which names nothing"
            fix = "Name what it needs, by parameters that can be given by name."
            raise DeclarationError("unknown-name", what, where=line, fix=fix)
    required = tuple(p.name for p in parameters if p.default is p.empty)
    return Call(function, required, tuple(p.name for p in parameters if p.default is not p.empty), line)


def accumulator_call(accumulator: AccumulatorDeclaration, function: Callable[..., Any]) -> Call:
    """What one of an accumulator's functions asks for."""
    return call_of(function, skip=0 if accumulator.own is None else 1, line=accumulator.line)


def _check(view: Declaration) -> None:
    name = view.cls.__name__
    of_groups = [(n, a) for n, a in view.accumulators.items() if a.over is None]
    if of_groups and view.key is None:
        attribute, accumulator = of_groups[0]
        raise DeclarationError(
            "bad-slot",
            f"{name}.{attribute} is an accumulator, and the view has no key to group by",
            where=accumulator.line,
            fix="Add an @operator.key classmethod that gives the group of a row, or over=, a many slot.",
        )
    if view.sessions is not None and view.key is None:
        raise DeclarationError(
            "bad-slot",
            f"{name}.{view.sessions.name} is a session window, and the view has no key whose rows it could cut",
            where=view.sessions.line,
            fix="Add an @operator.key classmethod that gives the group of a row.",
        )
    if view.havings and view.key is None and not view.accumulators:
        raise DeclarationError(
            "wrong-decorator",
            f"{name}: @operator.having asks accumulators, and the view has none",
            where=view.havings[0].line,
            fix="Use @operator.filter.",
        )
    if view.paths is not None and (view.key or view.expand):
        operator, call = view.key or view.expand  # type: ignore[misc]
        raise DeclarationError(
            "wrong-decorator",
            f"{name}.{view.paths} names documents per root, and {operator} makes rows",
            where=call.line,
            fix=f"Leave {view.paths} out: the id comes from the {'key' if view.key else 'root and the element'}.",
        )
    if view.key is not None:
        view.key_type = named_parts(returned(view.key[1].function, view.cls))
        sessions = (view.sessions.name,) if view.sessions else ()
        _refuse_twice(view, (*view.key_parts, *view.accumulators, *sessions))


def _refuse_twice(view: Declaration, names: Iterable[str]) -> None:
    seen: set[str] = set()
    rename = view.cls._attribute_name
    for name in names:
        if rename(name) in seen:
            line = view.accumulators[name].line if name in view.accumulators else view.cls._line
            what = f"{view.cls.__name__}: {name} is a part of the key and an accumulator"
            raise DeclarationError("ambiguous-name", what, where=line, fix="Rename one of them.")
        seen.add(rename(name))
