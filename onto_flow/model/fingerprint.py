"""Fingerprints: whether the code of a view is still the code that made a state or a table, and if not, what changed.

A fingerprint has parts with names, so that a difference can be told in the user's words: the structure of the plan, each
attribute, operator and accumulator, each domain model, and what the class holds besides.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..plan.wire import structure_text, view_text
from .compile import CompiledView, compile_view, plan_views
from .reachable import Reachable
from .view import ViewModel

Fingerprint = Mapping[str, str]
"""Part -> 16 hexadecimal digits."""


def fingerprint(cls: type[ViewModel]) -> Fingerprint:
    """The fingerprint of a view model's code.

    Raises:
        DeclarationError: A mistake in the declaration, with its line.

    Example:
        >>> from onto_flow.demo.meeting_room import MeetingSession
        >>> parts = fingerprint(MeetingSession)
        >>> list(parts)[:4], parts == fingerprint(MeetingSession)
        (['structure', 'in_session', 'address', 'attending'], True)
    """
    return {"structure": _hash([view_text(plan_views(cls), cls.__name__)]), **_parts(cls, lambda words: words)}


def unnamed(cls: type[ViewModel]) -> Fingerprint:
    """The fingerprint of a view model that is the same when the class is called otherwise."""
    own = re.compile(rf"\b{re.escape(cls.__qualname__)}\b")
    structure = _hash([structure_text(plan_views(cls).view(cls.__name__))])
    return {"structure": structure, **_parts(cls, lambda words: (own.sub("", word) for word in words))}


def differences(before: Fingerprint, now: Fingerprint) -> list[str]:
    """The parts that differ, in order.

    Example:
        >>> differences({"attending": "a1", "title": "b2"}, {"attending": "a3", "address": "c4"})
        ['attending', 'address', 'title']
    """
    names = dict.fromkeys([*now, *before])
    return [n for n in names if before.get(n) != now.get(n)]


def _parts(cls: type[ViewModel], said: Callable[[Iterable[str]], Iterable[str]]) -> dict[str, str]:
    """What of the code has a name of its own, then the rest; `said` may change the words that describe it."""
    view = compile_view(cls)
    parts = {name: _hash(said(_words(cls, code))) for name, code in _declared(view).items()}
    for slot in view.declared.store._slots.values():
        parts[slot.model.__name__] = _hash(said(_words(cls, [slot.model])))
    others = {n: m for n, m in vars(cls).items() if n not in parts and n not in _NOT_CODE}
    parts["the rest of the class"] = _hash(said(_words(cls, [others])))
    return parts


_NOT_CODE = frozenset(
    [
        *("__module__", "__doc__", "__qualname__", "__annotations__", "__dict__", "__weakref__", "_line", "_around"),
        *("__firstlineno__", "__static_attributes__", "__annotate__", "__annotate_func__", "__annotations_cache__"),
        *("__conditional_annotations__", "__classdictcell__"),
    ]
)
"""What a class has that is no code of its author's, the last two lines from Python 3.13 on."""


def _declared(view: CompiledView) -> dict[str, list[Any]]:
    declared = view.declared
    found: dict[str, list[Any]] = {}
    for name in declared.order:
        call = declared.computed.get(name) or declared.udfs.get(name)
        if call is not None:
            found[name] = [inspect.unwrap(call.function)]
        else:
            a = declared.accumulators[name]
            found[name] = [a.kind, a.value, a.where, a.order_by, a.descending, a.limit]
    for call in declared.filters:
        found[call.name] = [call.function]
    for operator in (declared.expand, declared.key):
        if operator is not None:
            found[operator[0]] = [operator[1].function]
    return found


def _words(cls: type[ViewModel], code: Iterable[Any]) -> Iterator[str]:
    reachable = Reachable(cls.__module__.partition(".")[0])
    return (word for value in code for word in reachable.describe(value))


def _hash(words: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for word in words:
        digest.update(word.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()[:16]
