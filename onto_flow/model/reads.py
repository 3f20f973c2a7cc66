"""What a function reads, as far as its code says: computed attributes have no parameters that could."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType
from typing import Any

_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD")
_SETS = ("STORE_ATTR", "DELETE_ATTR")
_IN_SECRET = frozenset({"super", "locals", "vars", "dir", "eval", "exec"})
"""What reads variables without naming them."""

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


def store_writes(function: Any) -> frozenset[tuple[str, str]]:
    """(slot, attribute) of each `self.store.slot.attribute = ...` and `del` in a setter.

    Example:
        >>> def close(self, value): self.store.meeting.status = "closed"
        >>> store_writes(close)
        frozenset({('meeting', 'status')})
    """
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or not code.co_argcount:
        return frozenset()
    return frozenset(_store_writes(code, code.co_varnames[0]))


def _store_writes(code: CodeType, owner: str) -> Iterator[tuple[str, str]]:
    steps = [i for i in dis.get_instructions(code) if i.opname not in _SILENT]
    for before, store, slot, written in zip(steps, steps[1:], steps[2:], steps[3:]):
        names = [i.opname in _ATTRIBUTE and i.argval for i in (store, slot)]
        if names[0] == "store" and names[1] and written.opname in _SETS and _loads(before, owner):
            yield str(names[1]), str(written.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and owner in constant.co_freevars:
            yield from _store_writes(constant, owner)


def _loads(instruction: Any, name: str) -> bool:
    if instruction is None or not instruction.opname.startswith("LOAD_") or instruction.opname in _ATTRIBUTE:
        return False
    loaded = instruction.argval
    return bool(loaded == name or (isinstance(loaded, tuple) and loaded and loaded[-1] == name))


def read_by(function: Any) -> tuple[frozenset[str], frozenset[str]] | None:
    """(slots, other attributes) that a getter reads of `self`; `None` when its code does not tell all of them.

    Example:
        >>> def total(self): return self.store.meeting.total + self.rate
        >>> def handed_on(self): return total(self)
        >>> read_by(total), read_by(handed_on)
        ((frozenset({'meeting'}), frozenset({'rate'})), None)
    """
    code = getattr(function, "__code__", None)
    if (
        not isinstance(code, CodeType)
        or code.co_argcount != 1
        or any(_IN_SECRET & {*c.co_names} for c in codes_of(code))
    ):
        return None
    slots: set[str] = set()
    others: set[str] = set()
    return (frozenset(slots), frozenset(others)) if _all_told(code, code.co_varnames[0], slots, others) else None


def keeps_itself(function: Any) -> bool:
    """Whether a function leaves objects as they are: what it sets on one, another function might read.

    Example:
        >>> def memo(self): self._total = 7
        >>> keeps_itself(memo), keeps_itself(lambda self: self.store.meeting.total)
        (False, True)
    """
    code = getattr(function, "__code__", None)
    return isinstance(code, CodeType) and not any(map(_sets, codes_of(code)))


def codes_of(code: CodeType) -> Iterator[CodeType]:
    """Code, and what is defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_of(constant)


def _sets(code: CodeType) -> bool:
    return bool({"setattr", "__setattr__", "__dict__"} & {*code.co_names}) or any(
        i.opname in _SETS for i in dis.get_instructions(code)
    )


def _all_told(code: CodeType, owner: str, slots: set[str], others: set[str]) -> bool:
    steps = [i for i in dis.get_instructions(code) if i.opname not in _SILENT]
    for at, step in enumerate(steps):
        named = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if owner not in named or step.opname in ("MAKE_CELL", "LOAD_CLOSURE") or not _names_variable(step.opname):
            continue
        read = [str(i.argval) for i in steps[at + 1 : at + 3] if i.opname in ("LOAD_ATTR", "LOAD_METHOD")]
        if not _loads(step, owner) or named.count(owner) > 1 or not read or steps[at + 1].argval != read[0]:
            return False
        if read[0] != "store":
            others.add(read[0])
        elif len(read) == 2:
            slots.add(read[1])
        else:
            return False
    within = [c for c in code.co_consts if isinstance(c, CodeType)]
    return all(_all_told(c, owner, slots, others) for c in within if owner in c.co_freevars)


def _names_variable(operation: str) -> bool:
    return operation.endswith("DEREF") or "FAST" in operation


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
