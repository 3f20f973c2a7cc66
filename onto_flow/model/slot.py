"""`root(...)`, `one(...)`, `many(...)`: the slots of a store, as the user writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeVar, overload

from ..core.errors import DeclarationError, SourceLine
from .attributes import Attribute
from .choosing import NO_OPTIONS, Compares, OrderOf, Passes, SlotOptions, compares_of, order_of, passes_of
from .domain import DomainModel
from .members import Many
from .meta import refuse_options
from .view import ViewModel

if TYPE_CHECKING:
    from .store import Store

M = TypeVar("M", bound="DomainModel | ViewModel")
Where = Callable[[M], object] | Callable[[M, Any], object]
_WAYS = ("via", "by", "on")
_OPTIONS = ("where", "order_by", "descending")


class SlotDeclaration(Generic[M]):
    """A slot as the user wrote it; `model.slots` makes a `plan.nodes.Slot` of it."""

    name: str = ""
    owner: type[Store]

    def __init__(
        self,
        model: type[M],
        line: SourceLine,
        *,
        kind: str,
        many: bool = False,
        how: Any = None,
        required: bool = False,
        until: Any = None,
        always: str | None = None,
        phantom: bool = False,
        options: SlotOptions = NO_OPTIONS,
    ) -> None:
        self.model = _held(model, line)
        self.line, self.kind, self.many, self.how, self.required = line, kind, many, how, required
        self.until, self.always = _checked_until(until, self.model, line), always
        self.options, self.phantom = options, phantom

    def __set_name__(self, owner: type[Store], name: str) -> None:
        self.owner, self.name = owner, name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else instance._slot(self)

    def __repr__(self) -> str:
        return f"{self.kind} slot of {self.model.__name__}"

    # What plans refer to by import path: functions over raw documents.

    @cached_property
    def passes(self) -> Passes | None:
        """Whether a document, (path, fields), counts."""
        return passes_of(self)

    @cached_property
    def compares(self) -> Compares | None:
        """Whether a document and one of its parents belong together."""
        from .slots import parent_of

        return compares_of(self, parent_of(self.owner._slots, self))

    @cached_property
    def order(self) -> OrderOf | None:
        """The value that a document is ordered by."""
        return order_of(self)


def _held(model: Any, line: SourceLine) -> type[DomainModel]:
    """The model of the documents that a slot holds; of a view, that of its documents."""
    if isinstance(model, type) and issubclass(model, ViewModel):
        from .view_documents import document_of

        return document_of(model)
    if not (isinstance(model, type) and issubclass(model, DomainModel)):
        what = f"a slot holds a DomainModel or a ViewModel, not {model!r:.60}"
        raise DeclarationError("bad-slot", what, where=line, fix="Give the class: root(Meeting), many(Note, ...).")
    return model


def _checked_until(until: Any, model: type[DomainModel], line: SourceLine) -> Attribute | None:
    if until is None or (
        isinstance(until, Attribute) and issubclass(model, until.owner) and until.kind in ("timestamp", "any")
    ):
        return until
    raise DeclarationError(
        "bad-slot",
        f"until={until!r} is no timestamp of {model.__name__}",
        where=line,
        fix=f"Write until={model.__name__}.expires_at, where expires_at = attrs.timestamp: it counts until then.",
    )


if TYPE_CHECKING:

    class Root(SlotDeclaration[M]):
        """What `root` is for a type checker."""

        @overload
        def __get__(self, instance: None, owner: type | None = None) -> Root[M]: ...
        @overload
        def __get__(self, instance: Any, owner: type | None = None) -> M: ...
        def __get__(self, instance: Any, owner: type | None = None) -> Any: ...

    class One(SlotDeclaration[M]):
        """What `one` is for a type checker."""

        @overload
        def __get__(self, instance: None, owner: type | None = None) -> One[M]: ...
        @overload
        def __get__(self, instance: Any, owner: type | None = None) -> M | None: ...
        def __get__(self, instance: Any, owner: type | None = None) -> Any: ...

    class ManySlot(SlotDeclaration[M]):
        """What `many` is for a type checker."""

        @overload
        def __get__(self, instance: None, owner: type | None = None) -> ManySlot[M]: ...
        @overload
        def __get__(self, instance: Any, owner: type | None = None) -> Many[M]: ...
        def __get__(self, instance: Any, owner: type | None = None) -> Any: ...

else:
    Root = One = ManySlot = SlotDeclaration


def root(model: type[M], *, phantom: bool = False, until: Any = None, **unknown: NoReturn) -> Root[M]:
    """The slot that a view document is made for: one view document per document of this model.

    Args:
        model: What the document is.
        phantom: Whether one that does not exist counts too while documents lie below it, in slots `by=` an
            `attrs.parent(...)`; all its fields are missing then.
        until: A timestamp of `model`: there is a view document until that moment (declared time); without one, always.
    """
    line = SourceLine.of_caller()
    refuse_options("root(...)", unknown, ("phantom", "until"), line)
    return Root(model, line, kind="root", phantom=phantom, until=until)


@overload
def one(
    model: type[M],
    *,
    via: Any = ...,
    by: Any = ...,
    on: Any = ...,
    where: Where[M] | None = ...,
    order_by: Any = ...,
    descending: bool = ...,
    until: Any = ...,
    required: Literal[True],
) -> Root[M]: ...
@overload
def one(
    model: type[M],
    *,
    via: Any = ...,
    by: Any = ...,
    on: Any = ...,
    where: Where[M] | None = ...,
    order_by: Any = ...,
    descending: bool = ...,
    until: Any = ...,
    required: Literal[False] = ...,
) -> One[M]: ...
def one(model: type[M], *, required: bool = False, **given: Any) -> Any:
    """A slot of one document, or none; of several, the first by its order, or by path.

    Args:
        model: What the document is.
        via: A relation of another slot's model that leads to it; `(slot, relation)` where several slots have that model.
        by: A relation of `model` that leads to another slot.
        on: `(Other.field, Model.field)`, or a list of such pairs: equal values. Either side may be a field, a list (each
            element counts), `doc_id`, or a part of the path.
        where: Which documents count: `lambda note: note.pinned`, or `lambda note, meeting: note.day == meeting.day` to
            compare with the document that it hangs on.
        order_by: An attribute, `lambda note: ...`, or several in a tuple; ties are broken by path.
        descending: The greatest first.
        required: Whether there is no view document while it is missing.
        until: A timestamp of `model`: a document counts until that moment (declared time); without one, always.
    """
    line = SourceLine.of_caller()
    known = (*_WAYS, *_OPTIONS, "required", "until")
    refuse_options("one(...)", (n for n in given if n not in known), known, line)
    kind, value = _way({n: given.pop(n, None) for n in _WAYS}, line)
    until = given.pop("until", None)
    options = SlotOptions.checked(line, **given)
    return One(model, line, kind=kind, how=value, required=required, options=options, until=until)


def many(
    model: type[M],
    *,
    via: Any = None,
    by: Any = None,
    on: Any = None,
    where: Where[M] | None = None,
    order_by: Any = None,
    descending: bool = False,
    limit: int | None = None,
    until: Any = None,
    **unknown: NoReturn,
) -> ManySlot[M]:
    """A slot of many documents: `via=`, `by=` or `on=`, and `where=`, `order_by=`, `descending=`, `until=` as for `one`.

    Args:
        limit: At most so many, the first by the order; slots that start from this one start from these.
    """
    line = SourceLine.of_caller()
    refuse_options("many(...)", unknown, (*_WAYS, *_OPTIONS, "limit", "until"), line)
    kind, value = _way({"via": via, "by": by, "on": on}, line)
    options = SlotOptions.checked(line, where=where, order_by=order_by, descending=descending, limit=limit)
    return ManySlot(model, line, kind=kind, many=True, how=value, options=options, until=until)


def _way(ways: Mapping[str, Any], line: SourceLine) -> tuple[str, Any]:
    how = {name: way for name, way in ways.items() if way is not None}
    if len(how) != 1:
        what = "nothing says" if not how else f"{' and '.join(how)} both say"
        raise DeclarationError(
            "bad-slot",
            f"{what} how the slot is reached",
            where=line,
            fix="Give one of via= (a relation that leads to it), by= (its relation that leads here), on= (equal fields).",
        )
    return next(iter(how.items()))
