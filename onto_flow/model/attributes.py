"""Attributes of domain models: one declared field of a document."""

from __future__ import annotations

from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from ..core.errors import DataError, DeclarationError, SourceLine
from ..core.transforms import DELETE
from .meta import refuse_options

if TYPE_CHECKING:
    from .domain import DomainModel

M = TypeVar("M")
N = TypeVar("N")
Text = str
OPTIONS = ("name", "default", "sensitive")
KINDS = ("str", "int", "float", "bool", "bytes", "timestamp", "geopoint", "vector", "list", "map", "any")


class Attribute:
    """One declared field of a domain model.

    Attributes:
        kind: One of `KINDS`, or `relation`, `relations`.
        owner, python_name: Where it was declared.
        line: The user's line.
    """

    kind = "any"
    owner: type[DomainModel]
    python_name: Text = ""

    def __init__(
        self, kind: Text, line: SourceLine, *, name: Text | None = None, default: Any = None, sensitive: bool = False
    ) -> None:
        self.kind = kind
        self.line = line
        self.explicit_name = name
        self.default = default
        self.sensitive = sensitive

    def __call__(self, model: Any = None, /, **options: Any) -> Attribute:
        """The same kind with options: `name=`, `default=`, `sensitive=`; a list or map may have the model of its maps."""
        line = SourceLine.of_caller()
        refuse_options(f"attrs.{self.kind}", (n for n in options if n not in OPTIONS), OPTIONS, line)
        if model is None:
            return Attribute(self.kind, line, **options)
        if self.kind not in ("list", "map") or not isinstance(model, (str, type)):
            what = f"attrs.{self.kind} takes no {model!r:.60}"
            fix = "Only attrs.list and attrs.map take a model of maps: attrs.list(Line), where class Line(MapModel)."
            raise DeclarationError("bad-value", what, where=line, fix=fix)
        from .inner import ListAttribute, MapAttribute

        return (ListAttribute if self.kind == "list" else MapAttribute)(model, self.kind, line, **options)

    def inside(self, owner: type[DomainModel], steps: tuple[Text, ...], name: Text) -> Attribute:
        """This attribute of a map as one of the document around it."""
        found = copy(self)
        found.__dict__.update(field=self.field, steps=steps, owner=owner, python_name=name)
        if hasattr(found, "target"):
            found.model = self.target  # type: ignore[attr-defined]
        return found

    def __set_name__(self, owner: type[DomainModel], name: Text) -> None:
        self.owner, self.python_name = owner, name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        known: dict[Text, Any] = instance._known
        value = known.get(self.python_name, known)
        if value is known:
            value = known[self.python_name] = self.read(instance._fields)
        return self.default if value is DELETE else value

    def __set__(self, instance: Any, value: Any) -> None:
        if not instance._writable:
            what = f"{type(instance).__name__}.{self.python_name} cannot be set: a view is a pure function of its documents"
            raise DataError("bad-value", what, where=instance.path, fix="Set it in a @name.setter.")
        instance._known[self.python_name] = value
        instance._set.add(self.python_name)

    def __delete__(self, instance: Any) -> None:
        """Takes the field out of the document: from here on it is missing."""
        self.__set__(instance, DELETE)

    def __repr__(self) -> Text:
        return f"{self.owner.__name__}.{self.python_name}" if self.python_name else f"attrs.{self.kind}"

    @cached_property
    def field(self) -> Text:
        """Its name in Firestore."""
        return self.owner._field_name(self.python_name) if self.explicit_name is None else self.explicit_name

    @cached_property
    def steps(self) -> tuple[Text, ...]:
        """The way to it from the document: names of fields, `*` for each element of an array."""
        return (self.field,)

    @property
    def each(self) -> Any:
        """The way into each element of an array, where these have a model.

        Raises:
            DeclarationError: `unknown-name` where they have none.
        """
        what = f"{self!r}.each: nothing says what its elements are"
        fix = f"Declare them: {self.python_name} = attrs.list(Line), where class Line(MapModel)."
        raise DeclarationError("unknown-name", what, where=self.line, fix=fix)

    def read(self, fields: Any) -> Any:
        """The value in a document's fields."""
        value = fields.get(self.field, fields)
        if value is fields:
            value = self.default
        return shown(value)


def _copy(value: Any) -> Any:
    """A copy of an array or map: user code may sort its own, and never the document's."""
    if isinstance(value, list):
        return [_copy(v) if isinstance(v, (list, dict)) else v for v in value]
    return {k: _copy(v) if isinstance(v, (list, dict)) else v for k, v in value.items()}


def shown(value: Any) -> Any:
    """A value as user code reads it."""
    return _copy(value) if isinstance(value, (list, dict)) else value
