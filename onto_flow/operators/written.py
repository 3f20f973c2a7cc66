"""What changed of a record since it was written down, so that a checkpoint need not write all of it again.

Law: the form that was written, with the differences that were written after it, is the form of the record as it is now.
Registers are compared by identity: a document's register is replaced, never changed, and so is what was emitted. What a
record asks for changes rarely; `Record.answered` forgets what was written, and the whole is written again. Of a view
document the attributes that are other objects are written, of a list what is between its first and last elements that stay.

Example:
    >>> from onto_flow.operators.messages import Doc
    >>> record = Record()
    >>> record.reg = {"users/u1": Doc((1, 0), {"n": 1}, ()), "users/u2": Doc((1, 0), {"n": 2}, ())}
    >>> mark(record)
    >>> form = record.pack()
    >>> record.reg["users/u2"] = Doc((2, 0), {"n": 3}, ())
    >>> difference(record)
    ((('users/u2', (2, 0), {'n': 3}, ()),), None, 0, False, False)
    >>> patched(form, difference(record)) == record.pack()
    True
"""

from __future__ import annotations

from itertools import chain
from typing import Any

from .record import Record

Difference = tuple[tuple[Any, ...], "tuple[Any, ...] | None", int, bool, bool]
"""(registers as in `Record.pack`, what was emitted or `None` for as before, sequence number, failed, behind).

What was emitted is (output, what) or (output, `None`, attributes that changed): (name, value), or of a list (name, `None`,
how many first elements stay, how many last ones, those between)."""


def mark(record: Record) -> None:
    """The record is written down as it is now."""
    record.written = None if record.due else [record.last, *chain.from_iterable(record.reg.items())]


def difference(record: Record) -> Difference | None:
    """What is to be written after what was; `None` where the whole must be: a register is gone, or nothing was written."""
    written = record.written
    if written is None or record.due or len(written) > 2 * len(record.reg) + 1:
        return None
    registers = []
    for at, (path, doc) in enumerate(record.reg.items()):
        before = written[2 * at + 1 : 2 * at + 3]
        if before and before[0] != path:
            return None
        if not before or before[1] is not doc:
            registers.append((path, *doc))
    before, now = written[0], record.last
    last = None if now is before else tuple(_entry(output, before.get(output), what) for output, what in now.items())
    return tuple(registers), last, record.seq, record.failed, record.behind


def _entry(output: Any, before: Any, now: Any) -> tuple[Any, ...]:
    if type(before) is not dict or type(now) is not dict or list(before) != list(now):
        return output, now
    return output, None, tuple(_attribute(n, before[n], v) for n, v in now.items() if before[n] is not v)


def _attribute(name: str, before: Any, now: Any) -> tuple[Any, ...]:
    if type(before) is not list or type(now) is not list:
        return name, now
    most, head, tail = min(len(before), len(now)), 0, 0
    while head < most and before[head] is now[head]:
        head += 1
    while tail < most - head and before[-1 - tail] is now[-1 - tail]:
        tail += 1
    return name, None, head, tail, tuple(now[head : len(now) - tail])


def patched(form: tuple[Any, ...], changed: Difference) -> tuple[Any, ...]:
    """The form of a record after a difference."""
    registers, due, opened, last, *_ = form
    news, now, *flags = changed
    merged = {register[0]: register for register in (*registers, *news)}
    held = dict(last)
    for output, what, *attributes in now or ():
        held[output] = _document(held[output], attributes[0]) if attributes else what
    emitted = last if now is None else tuple((output, held[output]) for output, *_ in now)
    return (tuple(merged.values()), due, opened, emitted, *flags)


def _document(before: dict[str, Any], changed: tuple[Any, ...]) -> dict[str, Any]:
    document = dict(before)
    for name, value, *cut in changed:
        if cut:
            head, tail, between = cut
            held = before[name]
            value = [*held[:head], *between, *held[len(held) - tail :]]
        document[name] = value
    return document
