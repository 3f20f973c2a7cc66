"""What a function reads, as far as its code says: computed attributes have no parameters that could."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType
from typing import Any

_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD")
_SILENT = frozenset({"RESUME", "NOP", "CACHE", "COPY_FREE_VARS", "PRECALL"})


def self_reads(function: Any) -> frozenset[str]:
    """The names that a method reads of its first parameter, in its own code and in the functions inside.

    Example:
        >>> def total(self): return self.store.meeting.total + sum(self.rate for _ in self.attending)
        >>> sorted(self_reads(total))
        ['attending', 'rate', 'store']
    """
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or not code.co_argcount:
        return frozenset()
    return frozenset(_reads(code, code.co_varnames[0]))


def _reads(code: CodeType, owner: str) -> Iterator[str]:
    before: Any = None
    for instruction in dis.get_instructions(code):
        if instruction.opname in _ATTRIBUTE and _loads(before, owner):
            yield str(instruction.argval)
        before = instruction
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and owner in constant.co_freevars:
            yield from _reads(constant, owner)


def store_reads(function: Any) -> frozenset[str] | None:
    """The slots that a method reads as `self.store.slot`; `None` where it hands the store itself on.

    Example:
        >>> def total(self): return len(self.store.tickets) + self.store.meeting.extra
        >>> sorted(store_reads(total)), store_reads(lambda self: vars(self.store))
        (['meeting', 'tickets'], None)
    """
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or not code.co_argcount:
        return frozenset()
    found = list(_store_reads(code, code.co_varnames[0]))
    return None if None in found else frozenset(n for n in found if n is not None)


def _store_reads(code: CodeType, owner: str) -> Iterator[str | None]:
    steps = [i for i in dis.get_instructions(code) if i.opname not in _SILENT]
    for before, step, after in zip(steps, steps[1:], steps[2:]):
        if step.opname in _ATTRIBUTE and step.argval == "store" and _loads(before, owner):
            yield str(after.argval) if after.opname in _ATTRIBUTE else None
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and owner in constant.co_freevars:
            yield from _store_reads(constant, owner)


def _loads(instruction: Any, name: str) -> bool:
    if instruction is None or not instruction.opname.startswith("LOAD_") or instruction.opname in _ATTRIBUTE:
        return False
    loaded = instruction.argval
    return bool(loaded == name or (isinstance(loaded, tuple) and loaded and loaded[-1] == name))


def returned_field(function: Any) -> tuple[str, str | None] | None:
    """(parameter, attribute) of a function that returns nothing but a parameter or one attribute of it.

    Example:
        >>> returned_field(lambda user: user.last_name), returned_field(lambda tag: tag), returned_field(lambda a: a.b + 1)
        (('user', 'last_name'), ('tag', None), None)
    """
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return None
    steps = [i for i in dis.get_instructions(code) if i.opname not in _SILENT]
    names = [i.opname.partition("_")[0] for i in steps]
    if names not in (["LOAD", "RETURN"], ["LOAD", "LOAD", "RETURN"]) or steps[0].argval not in code.co_varnames:
        return None
    if len(steps) == 2:
        return str(steps[0].argval), None
    return (str(steps[0].argval), str(steps[1].argval)) if steps[1].opname == "LOAD_ATTR" else None
