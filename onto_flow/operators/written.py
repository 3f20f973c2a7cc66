"""What changed of a record since it was written down, so that a checkpoint need not write all of it again.

Law: the form that was written, with the differences that were written after it, is the form of the record as it is now,
but for the order of what it asks for. Registers are compared by identity: a document's register is replaced, never changed,
and so is what was emitted; new ones come behind those that stay. Of what a record asks for, `Record.answered` notes what
changes. Of a view document the attributes that are other objects are written, of a list what is between its first and last
elements that stay.

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

Difference = tuple[Any, ...]
"""(registers as in `Record.pack`, what was emitted or `None` for as before, sequence number, failed, behind), and where
there are any: paths whose registers are gone, and what it asks for as (slot, key, weight), 0 for no longer.

What was emitted is (output, what) or (output, `None`, attributes that changed): (name, value), or of a list (name, `None`,
how many first elements stay, how many last ones, those between)."""


def mark(record: Record) -> None:
    """The record is written down as it is now."""
    record.written = None if record.due else [record.last, *chain.from_iterable(record.reg.items())]
    record.asked = None


def difference(record: Record) -> Difference | None:
    """What is to be written after what was; `None` where the whole must be, as nothing was written."""
    written = record.written
    if written is None or record.due:
        return None
    registers, gone, at = [], list[str](), 1
    for path, doc in record.reg.items():
        while at < len(written) and written[at] != path:
            gone.append(written[at])
            at += 2
        if at >= len(written) or written[at + 1] is not doc:
            registers.append((path, *doc))
        at += 2
    gone += written[at::2]
    before, now = written[0], record.last
    last = None if now is before else tuple(_entry(output, before.get(output), what) for output, what in now.items())
    changed = (tuple(registers), last, record.seq, record.failed, record.behind)
    asked = record.asked or ()
    if not gone and not asked:
        return changed
    weights = tuple((s, k, record.open.get(s, {}).get(k, 0)) for s, k in zip(asked[::2], asked[1::2]))
    return (*changed, tuple(gone), weights)


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
    news, now, seq, failed, behind, *more = changed
    gone, asked = more or ((), ())
    merged = {register[0]: register for register in registers}
    for path in gone:
        del merged[path]
    merged |= {register[0]: register for register in news}
    weights = {(slot, key): weight for slot, key, weight in (*opened, *asked)}
    held = dict(last)
    for output, what, *attributes in now or ():
        held[output] = _document(held[output], attributes[0]) if attributes else what
    emitted = last if now is None else tuple((output, held[output]) for output, *_ in now)
    opened = tuple((*asked_for, weight) for asked_for, weight in weights.items() if weight)
    return (tuple(merged.values()), due, opened, emitted, seq, failed, behind)


def _document(before: dict[str, Any], changed: tuple[Any, ...]) -> dict[str, Any]:
    document = dict(before)
    for name, value, *cut in changed:
        if cut:
            head, tail, between = cut
            held = before[name]
            value = [*held[:head], *between, *held[len(held) - tail :]]
        document[name] = value
    return document
