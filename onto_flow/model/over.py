"""Accumulators over a many slot: what a declaration says, and its mistakes.

The first parameter of their functions is one document of the slot, whatever its name; the others name slots and attributes
as everywhere. A slot that hangs on the many slot holds, beside one of its documents, what that document leads to.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..core.errors import DeclarationError, did_you_mean
from ..plan.nodes import Slot
from .aggregates import AccumulatorDeclaration
from .declaration import Call, Declaration
from .slot import SlotDeclaration


def slot_over(view: Declaration, accumulator: AccumulatorDeclaration) -> Slot | None:
    """The slot that an accumulator is over, if it is over one.

    Raises:
        DeclarationError: `bad-slot` for anything but a many slot of the view's store.
    """
    over = accumulator.over
    if over is None:
        return None
    name = f"{view.cls.__name__}.{accumulator.name}"
    slots = view.store._slots
    if not isinstance(over, SlotDeclaration) or slots.get(over.name) is not over:
        many = [n for n, s in slots.items() if s.many]
        written = over if isinstance(over, str) else getattr(over, "name", "")
        place = view.store.__name__
        fix = f"Write over={place}.{written}." if written in many else did_you_mean(written, many)
        what = f"{name}: over={over!r:.60} is not a slot of {place}"
        raise DeclarationError("bad-slot", what, where=accumulator.line, fix=fix)
    if not over.many:
        what = f"{name}: {over.name} is no many slot"
        raise DeclarationError("bad-slot", what, where=accumulator.line, fix="Compute it from that document in a @udf.")
    if view.key is not None:
        what = f"{name} is over {over.name}, and the view has a key, so its rows are those of a group"
        fix = "Leave over= out, or make it a view of its own without key."
        raise DeclarationError("bad-slot", what, where=accumulator.line, fix=fix)
    return next(s for s in view.slots if s.name == over.name)


def hanging_on(slots: Sequence[Slot], index: int) -> list[Slot]:
    """The slots that hang on a slot, directly or through others."""
    below = {index}
    for slot in slots:
        if slot.parent in below:
            below.add(slot.index)
    return [s for s in slots if s.index in below and s.index != index]


def first_parameter(view: Declaration, accumulator: AccumulatorDeclaration, call: Call, known: Collection[str]) -> str:
    """The parameter that is one document of the slot.

    Raises:
        DeclarationError: `unknown-name` when there is none, `ambiguous-name` when it names something of the view.
    """
    slot = accumulator.over.name
    form = f"The first parameter is one document of {slot}, the others are named as everywhere."
    first = next(iter((*call.required, *call.optional)), None)
    if first is None:
        what = f"{view.cls.__name__}: {call.name} takes no document of {slot}"
        raise DeclarationError("unknown-name", what, where=call.line, fix=form)
    if first in known:
        what = (
            f"{view.cls.__name__}: {first!r}, the first parameter of {call.name}, is one document of {slot}, and names "
        )
        what += "the slot" if first == slot else "something else of the view"
        raise DeclarationError("ambiguous-name", what, where=call.line, fix=form)
    return first
