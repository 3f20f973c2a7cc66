"""The constants in a view's code: where two values are told apart, histories must have both.

Example:
    >>> from onto_flow.demo.meeting_room import MeetingSession
    >>> found = constants_of(MeetingSession)
    >>> found.of_attribute["status"]
    ('in-session', 'not-started')
"""

from __future__ import annotations

import dis
import enum
import inspect
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from types import CodeType, FunctionType
from typing import Any

from ...model.choosing import SlotOptions
from ...model.reads import codes_of

_PLAIN = (str, int, float)
_LONGEST = 40
_TESTS = ("COMPARE_OP", "CONTAINS_OP")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
_NAMES = ("LOAD_GLOBAL", "LOAD_NAME")
_CONSTANTS = ("LOAD_CONST", "LOAD_SMALL_INT")
_WINDOW = 4
"""How many instructions before a comparison may hold its two sides."""


@dataclass(frozen=True)
class Constants:
    """The plain constants of some code.

    Attributes:
        of_attribute: Attribute name -> constants that it is compared with.
        others: All plain constants, those of globals and classes that the code names included.
        spans: The lengths of time that the code names or makes.
        alike: Sets of attribute names that are compared with each other.
    """

    of_attribute: Mapping[str, tuple[Any, ...]]
    others: tuple[Any, ...]
    spans: tuple[timedelta, ...] = ()
    alike: tuple[frozenset[str], ...] = ()


def constants_of(*classes: type) -> Constants:
    """The constants in the code of classes, and in the functions of their packages that it calls."""
    pairs: dict[str, dict[tuple[type, Any], None]] = {}
    others: dict[tuple[type, Any], None] = {}
    spans: dict[timedelta, None] = {}
    alike: list[frozenset[str]] = []
    for function in _Functions(classes).found:
        for names in _compared_names(function):
            met = [s for s in alike if s & names]
            alike = [*(s for s in alike if s not in met), names.union(*met)]
        for name, value in _compared(function):
            pairs.setdefault(name, {})[type(value), value] = None
        for value in _constants(function):
            others[type(value), value] = None
        spans.update(dict.fromkeys(_spans(function)))
    compared = {name: tuple(v for _, v in values) for name, values in pairs.items()}
    return Constants(compared, tuple(v for _, v in others), tuple(spans), tuple(alike))


class _Functions:
    """Every function that is reachable from some classes without leaving the user's own packages."""

    def __init__(self, classes: tuple[type, ...]) -> None:
        self.found: dict[FunctionType, None] = {}
        self._seen: set[int] = set()
        self._packages = {c.__module__.partition(".")[0] for c in classes} - {"onto_flow"}
        self._modules = {c.__module__ for c in classes}
        for cls in classes:
            self._take(cls)

    def _is_users(self, thing: Any) -> bool:
        module = getattr(thing, "__module__", None) or ""
        return module in self._modules or module.partition(".")[0] in self._packages

    def _take(self, thing: Any) -> None:
        if id(thing) in self._seen:
            return
        self._seen.add(id(thing))
        thing = inspect.unwrap(thing) if callable(thing) else thing
        if isinstance(thing, FunctionType):
            if self._is_users(thing) and thing.__code__.co_filename != "<string>":
                self._take_function(thing)
        elif isinstance(thing, type):
            if self._is_users(thing):
                for member in [m for base in thing.__mro__ if base is not object for m in vars(base).values()]:
                    self._take(member)
        else:
            for part in _parts(thing):
                self._take(part)

    def _take_function(self, function: FunctionType) -> None:
        self.found[function] = None
        for name in _names(function.__code__):
            if name in function.__globals__:
                self._take(function.__globals__[name])


def _parts(thing: Any) -> Iterator[Any]:
    """The functions and classes inside of what a class has as its members: methods, properties, slots, accumulators."""
    for name in ("__func__", "fget", "value", "where", "order_by", "parse", "model"):
        try:
            part = getattr(thing, name, None)
        except Exception:
            part = None
        if isinstance(part, (FunctionType, type)):
            yield part
    held = vars(thing) if hasattr(thing, "__dict__") and not inspect.ismodule(thing) else {}
    chosen = vars(held["options"]) if isinstance(held.get("options"), SlotOptions) else {}
    for part in (*held.values(), *chosen.values()):
        if isinstance(part, (FunctionType, type)):
            yield part


def _names(code: CodeType) -> set[str]:
    return {name for c in codes_of(code) for name in c.co_names}


def _constants(function: FunctionType) -> Iterator[Any]:
    for code in codes_of(function.__code__):
        documented = code.co_consts[:1] if function.__doc__ and code is function.__code__ else ()
        for constant in code.co_consts[len(documented) :]:
            yield from _plain(constant)
    for name in _names(function.__code__):
        yield from _plain(function.__globals__.get(name))


def _plain(value: Any) -> Iterator[Any]:
    if isinstance(value, (tuple, frozenset)):
        for element in value:
            yield from _plain(element)
    elif isinstance(value, type) and issubclass(value, enum.Enum):
        for member in value:
            yield from _plain(member.value)
    elif isinstance(value, enum.Enum):
        yield from _plain(value.value)
    elif isinstance(value, _PLAIN) and not isinstance(value, bool) and len(str(value)) <= _LONGEST:
        yield value


def _compared_names(function: FunctionType) -> Iterator[frozenset[str]]:
    """Names of attributes of which two stand right before a comparison, and no constant."""
    for code in codes_of(function.__code__):
        before: list[Any] = []
        for step in dis.get_instructions(code):
            if step.opname in _TESTS:
                names = [s.argval for s in before if s.opname in _ATTRIBUTES]
                if len(names) > 1 and not any(_loaded(s, function) for s in before):
                    yield frozenset(names)
                before = []
            before = [*before[1 - _WINDOW :], step]


def _spans(function: FunctionType) -> Iterator[timedelta]:
    """Globals that are lengths of time, and calls of `timedelta` with plain constants."""
    for code in codes_of(function.__code__):
        given: list[Any] | None = None
        for step in dis.get_instructions(code):
            value = function.__globals__.get(step.argval) if step.opname in _NAMES else None
            if value is timedelta:
                given = []
            elif isinstance(value, timedelta):
                yield value
            elif given is not None and step.opname == "KW_NAMES":
                given.append(code.co_consts[step.arg or 0])
            elif given is not None and step.opname in _CONSTANTS:
                given.append(step.argval)
            elif given and step.opname.startswith("CALL"):
                yield from _made(given)
                given = None


def _made(given: list[Any]) -> Iterator[timedelta]:
    """The length of time that a call with these constants makes: positions, then the names of the last ones."""
    names = given[-1] if isinstance(given[-1], tuple) else ()
    values = given[:-1] if names else given
    with suppress(TypeError, OverflowError):
        plain = len(values) - len(names)
        yield timedelta(*values[:plain], **dict(zip(names, values[plain:])))


def _compared(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """(attribute, constant) of comparisons, as far as both stand right before them."""
    for code in codes_of(function.__code__):
        before: list[Any] = []
        for step in dis.get_instructions(code):
            if step.opname in _TESTS:
                names = [s.argval for s in before if s.opname in _ATTRIBUTES]
                known = [_loaded(s, function) for s in before]
                yield from ((n, v) for n in names for values in known for v in values)
                before = []
            before = [*before[1 - _WINDOW :], step]


def _loaded(step: Any, function: FunctionType) -> list[Any]:
    if step.opname in ("LOAD_CONST", "LOAD_SMALL_INT"):
        return list(_plain(step.argval))
    if step.opname == "LOAD_GLOBAL":
        return list(_plain(function.__globals__.get(step.argval)))
    return []
