"""Documents of a model, selected: a query in the names of Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..core.errors import DeclarationError, SourceLine, did_you_mean
from ..core.field_path import FieldPath, value_at
from ..core.values import Reference
from ..database.bound import current, current_database
from ..database.query import NAME, Query
from .attributes import Attribute
from .meta import declaring_frame
from .parts import DOCUMENT_ID, DocumentId, Part

if TYPE_CHECKING:
    from .stored import Stored

M = TypeVar("M", bound="Stored")


@dataclass(frozen=True)
class Selection(Generic[M]):
    """Documents of a model: iterate over it, or narrow it down; each method gives a new selection.

    Fields are named as in Python (`"first_name"`, `"address.city"`), or given as `User.first_name`.

    Attributes:
        model: Whose documents they are.
        query: What is asked of the database.

    Example:
        >>> from onto_flow.demo.meeting_room import User
        >>> User.where("last_name", ">=", "L").order_by("last_name").limit(10).query.full_order[0].path
        ('lastName',)
    """

    model: type[M]
    query: Query

    def where(self, field: Any = None, operator: str = "==", value: Any = None, **equal: Any) -> Selection[M]:
        """Only documents whose field meets a condition, and all of those that are said by name: `where(role="guest")`.

        Args:
            field: The field; left out where all is said by name.
            operator: `==`, `!=`, `<`, `<=`, `>`, `>=`, `in` or `contains`.
            value: What it is compared with; documents count as references to them.
            equal: Attributes and the values that they have.

        Raises:
            DeclarationError: `unknown-name` for an attribute that the model does not declare.
            UsageError: `unknown-name` for an operator that is none.
        """
        query = self.query
        if field is not None:
            query = query.matching(self._field(field), operator, self._value(value))
        for name, wanted in equal.items():
            query = query.matching(self._field(name), "==", self._value(wanted))
        return Selection(self.model, query)

    def order_by(self, field: Any, *, descending: bool = False) -> Selection[M]:
        """Sorted by one more field; documents that lack it are left out."""
        return Selection(self.model, self.query.ordered(self._field(field), descending=descending))

    def limit(self, count: int) -> Selection[M]:
        """At most so many."""
        return Selection(self.model, self.query.first(count))

    def start_after(self, *place: Any) -> Selection[M]:
        """From behind a document of this model, or behind values of the fields of the order."""
        values = self._place(place[0]) if isinstance(place[0], self.model) else [self._value(v) for v in place]
        return Selection(self.model, self.query.start_after(*values))

    def __iter__(self) -> Iterator[M]:
        return map(self.model._of_snapshot, current().query(self.query))

    def first(self) -> M | None:
        """The first one, if there is any."""
        return next(iter(self.limit(1)), None)

    def listen(self) -> Iterator[list[M]]:
        """The documents as they are now, then again whenever they change; ends with the loop."""
        listener = current_database().listen(self.query)
        try:
            for update in listener:
                yield [self.model._of_snapshot(snapshot) for snapshot in update.documents]
        finally:
            listener.close()

    def _field(self, field: Any) -> FieldPath:
        """The field that a name or an attribute of the class says."""
        if isinstance(field, (DocumentId, Part)):
            field = field.python_name or DOCUMENT_ID
        if isinstance(field, Attribute):
            field = field.python_name
        head, *rest = str(field).split(".")
        if head == DOCUMENT_ID and not rest:
            return NAME
        attribute = self.model._attributes.get(head)
        if attribute is None:
            what = f"{self.model.__name__} has no attribute {head!r:.80}"
            fix = did_you_mean(head, [*self.model._attributes, DOCUMENT_ID])
            raise DeclarationError("unknown-name", what, where=_line(), fix=fix)
        return (attribute.field, *rest)

    def _value(self, value: Any) -> Any:
        from .documents import Converter

        if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
            return [self._value(element) for element in value]
        if hasattr(type(value), "_collection") and hasattr(value, "path"):
            return Reference(value.path)
        return Converter(self.model._field_name).value(value)

    def _place(self, document: M) -> list[Any]:
        fields = document._fields
        return [document.path if o.path == NAME else value_at(fields, o.path) for o in self.query.full_order]


def _line() -> SourceLine:
    """The line of the user."""
    frame = declaring_frame()
    return SourceLine(frame.f_code.co_filename, frame.f_lineno)
