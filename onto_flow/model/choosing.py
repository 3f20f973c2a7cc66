"""`where=` and `order_by=` of a slot: from the user's functions, which see objects, to functions over raw documents."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.errors import DeclarationError, SourceLine
from ..core.field_path import MISSING, value_at
from ..core.values import Document
from .attributes import Attribute
from .family import class_of, members_of, of_family
from .objects import maker_of
from .parts import Part
from .strict import refuse_wrong_types

if TYPE_CHECKING:
    from .slot import SlotDeclaration

    _Slot = SlotDeclaration[Any]

Passes = Callable[[str, Document], bool]
Compares = Callable[[str, Document, str, Document], bool]
OrderOf = Callable[[str, Document], Any]


@dataclass(frozen=True)
class SlotOptions:
    """Which of the documents that a slot reaches it holds, as the user wrote it."""

    where: Callable[..., object] | None = None
    order_by: Any = None
    descending: bool = False
    limit: int | None = None

    @classmethod
    def checked(cls, line: SourceLine, **options: Any) -> SlotOptions:
        """The options, when they have a meaning together."""
        made = cls(**options)
        limit = made.limit
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise DeclarationError("bad-value", f"limit={limit!r} is not a number of documents", where=line)
        if made.descending and made.order_by is None:
            fix = "Say by what: order_by=Note.created, descending=True."
            raise DeclarationError("bad-slot", "descending= without order_by=", where=line, fix=fix)
        return made


NO_OPTIONS = SlotOptions()


def passes_of(slot: _Slot) -> Passes | None:
    """Whether a document counts; `None` where nothing says it of the document alone."""
    where = slot.options.where
    where = where if where is not None and len(_required(where)) == 1 else None
    model, make = slot.model, maker_of(slot.model)
    one_of_several = model._discriminator_value is not None
    if where is None and not one_of_several and not any(m._strict for m in members_of(model)):
        return None

    def passes(path: str, fields: Document) -> bool:
        if one_of_several and not of_family(model, path, fields):
            return False
        found = class_of(model, path, fields)
        if found._strict:
            refuse_wrong_types(found, path, fields)
        return where is None or bool(where(make(path, fields)))

    return passes


def compares_of(slot: _Slot, parent: _Slot) -> Compares | None:
    """Whether a document and one of its parents belong together; `None` where nothing compares them."""
    where = slot.options.where
    if where is None or len(_required(where)) != 2:
        return None
    make, make_above = maker_of(slot.model), maker_of(parent.model)
    return lambda path, fields, above, above_fields: bool(where(make(path, fields), make_above(above, above_fields)))


def order_of(slot: _Slot) -> OrderOf | None:
    """The value that a document is ordered by."""
    by = slot.options.order_by
    if by is None:
        return None
    parts = [_part(slot, p) for p in _order_parts(by)]
    if len(parts) == 1 and not isinstance(by, Sequence):
        return parts[0]
    return lambda path, fields: [part(path, fields) for part in parts]


def check_selection(slot: _Slot, parent: _Slot, slots: Mapping[str, _Slot]) -> None:
    """Refuses a `where` or `order_by` that cannot be understood.

    Raises:
        DeclarationError: `bad-slot`, `unknown-name`, with the slot's line.
    """
    where = slot.options.where
    if where is not None:
        names = _parameters(slot, "where", where, (1, 2))
        for name, wanted in zip(names, (slot, parent)):
            other = slots.get(name)
            if other is not None and other is not wanted and other.model is not wanted.model:
                raise _not_given(slot, parent, name, wanted)
    for part in _order_parts(slot.options.order_by):
        if isinstance(part, Attribute) and "*" in part.steps:
            fix = f"Say which one counts: order_by=lambda {slot.model.__name__.lower()}: min(...)."
            raise _bad(slot, f"order_by={part!r} is several values", fix)
        if isinstance(part, (Attribute, Part)):
            if not issubclass(slot.model, part.owner):
                what = f"order_by={part!r} is not an attribute of {slot.model.__name__}"
                raise _bad(slot, what, f"Order by what {slot.name} have: order_by={slot.model.__name__}....")
        else:
            _parameters(slot, "order_by", part, (1,))


def _not_given(slot: _Slot, parent: _Slot, name: str, wanted: _Slot) -> DeclarationError:
    form = f"where=lambda {slot.model.__name__.lower()}, {parent.name}: ..."
    what = f"slot {slot.name}: parameter {name!r} of where is given {wanted.model.__name__}, and names the slot {name}"
    fix = f"where gets a document of {slot.name}, then the one of {parent.name} that it hangs on: {form}"
    return DeclarationError("unknown-name", what, where=slot.line, fix=fix)


def _order_parts(by: Any) -> Sequence[Any]:
    if by is None:
        return ()
    from .view_documents import attribute_of

    return [attribute_of(part) for part in (by if isinstance(by, (tuple, list)) else (by,))]


def _part(slot: _Slot, by: Any) -> OrderOf:
    if isinstance(by, Attribute) and len(by.steps) > 1:
        return lambda path, fields: _inside(fields, by)
    if isinstance(by, Attribute):
        return lambda path, fields: _plain(by.read(fields))
    make = maker_of(slot.model)
    if isinstance(by, Part):
        return lambda path, fields: by.__get__(make(path, fields))
    return lambda path, fields: _plain(by(make(path, fields)))


def _inside(fields: Document, by: Attribute) -> Any:
    value = value_at(fields, by.steps)
    return by.default if value is MISSING else value


def _plain(value: Any) -> Any:
    from .documents import Converter

    return Converter(str).value(list(value) if isinstance(value, tuple) else value)


def _required(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [
        p.name for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]


def _parameters(slot: _Slot, option: str, function: Any, wanted: tuple[int, ...]) -> list[str]:
    form = f"{option}=lambda {slot.model.__name__.lower()}: ..."
    if not callable(function):
        raise _bad(slot, f"{option}={function!r:.60} is not a function", f"Write {form}")
    try:
        names = _required(function)
    except (TypeError, ValueError) as error:
        raise _bad(slot, f"the function of {option}= does not tell its parameters", f"Wrap it: {form}") from error
    if len(names) not in wanted:
        takes = " or ".join(map(str, wanted))
        raise _bad(slot, f"the function of {option}= takes {len(names)} documents, not {takes}", f"Write {form}")
    return names


def _bad(slot: _Slot, what: str, fix: str) -> DeclarationError:
    return DeclarationError("bad-slot", f"slot {slot.name}: {what}", where=slot.line, fix=fix)
