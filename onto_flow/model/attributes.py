"""`attrs`: the attributes of domain models, plain or called with options."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, overload

from ..core.errors import DataError, DeclarationError, SourceLine, did_you_mean
from ..core.references import Parse, reference_path
from ..core.transforms import DELETE
from ..core.values import Reference
from .meta import refuse_options
from .parts import Part

if TYPE_CHECKING:
    from .domain import DomainModel

M = TypeVar("M")
Text = str
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

    def __call__(self, **options: Any) -> Attribute:
        """The same kind with options: `name=`, `default=`, `sensitive=`."""
        line = SourceLine.of_caller()
        known = ("name", "default", "sensitive")
        refuse_options(f"attrs.{self.kind}", (n for n in options if n not in known), known, line)
        return Attribute(self.kind, line, **options)

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

    def read(self, fields: Any) -> Any:
        """The value in a document's fields."""
        value = fields.get(self.field, fields)
        if value is fields:
            value = self.default
        return _copy(value) if isinstance(value, (list, dict)) else value


def _copy(value: Any) -> Any:
    """A copy of an array or map: user code may sort its own, and never the document's."""
    if isinstance(value, list):
        return [_copy(v) if isinstance(v, (list, dict)) else v for v in value]
    return {k: _copy(v) if isinstance(v, (list, dict)) else v for k, v in value.items()}


class RelationAttribute(Attribute, Generic[M]):
    """A reference to a document of another model, or a list of them."""

    def __init__(
        self, model: type[M] | Text, line: SourceLine, *, many: bool, name: Text | None, parse: Parse | None
    ) -> None:
        super().__init__("relations" if many else "relation", line, name=name)
        self.model = model
        self.many = many
        self.parse = parse

    @property
    def target(self) -> type[DomainModel]:
        """The model referred to; a name is resolved in the module (or function) of the declaring class."""
        if not isinstance(self.model, str):
            return self.model  # type: ignore[return-value]
        module = sys.modules.get(self.owner.__module__)
        found = self.owner._around.names.get(self.model, getattr(module, self.model, None))
        if not isinstance(found, type):
            known = [n for n, v in vars(module).items() if isinstance(v, type)] if module else []
            raise DeclarationError(
                "unknown-name",
                f"{self.owner.__name__}.{self.python_name} refers to {self.model!r}, which {self.owner.__module__} lacks",
                where=self.line,
                fix=did_you_mean(self.model, known),
            )
        return found

    def read(self, fields: Any) -> Any:
        """The reference, or the list of references, in a document's fields."""
        raw = fields.get(self.field)
        if not self.many:
            raw = raw[0] if isinstance(raw, list) and raw else raw
            return self._reference(raw)
        values = raw if isinstance(raw, list) else [raw]
        return [found for value in values if (found := self._reference(value)) is not None]

    def _reference(self, raw: Any) -> Reference[M] | None:
        path = None if raw is None else reference_path(raw, self.target._collection, self.parse)
        return None if path is None else Reference(path)


if TYPE_CHECKING:

    class Relation(RelationAttribute[M]):
        """What `attrs.relation` is for a type checker."""

        @overload
        def __get__(self, instance: None, owner: type | None = None) -> Relation[M]: ...
        @overload
        def __get__(self, instance: Any, owner: type | None = None) -> Reference[M]: ...
        def __get__(self, instance: Any, owner: type | None = None) -> Any: ...

    class Relations(RelationAttribute[M]):
        """What `attrs.relations` is for a type checker."""

        @overload
        def __get__(self, instance: None, owner: type | None = None) -> Relations[M]: ...
        @overload
        def __get__(self, instance: Any, owner: type | None = None) -> list[Reference[M]]: ...
        def __get__(self, instance: Any, owner: type | None = None) -> Any: ...

else:
    Relation = Relations = RelationAttribute


class Attrs:
    """The namespace `attrs`.

    `symbol: str = attrs.part` says to a type checker what `Meta.path = "stocks/{symbol}/daily/{date}"` says by itself.

    Example:
        >>> attrs.str.kind, attrs.float(name="avg_rating").explicit_name
        ('str', 'avg_rating')
    """

    if TYPE_CHECKING:
        str: Any
        int: Any
        float: Any
        bool: Any
        bytes: Any
        timestamp: Any
        geopoint: Any
        vector: Any
        list: Any
        map: Any
        any: Any
        part: Any

    def __getattr__(self, kind: Text) -> Any:
        if kind == "part":
            return Part(SourceLine.of_caller())
        if kind not in KINDS:
            if kind.startswith("__"):
                raise AttributeError(kind)
            line = SourceLine.of_caller()
            fix = did_you_mean(kind, (*KINDS, "part", "relation", "relations", "bproperty"))
            raise DeclarationError("unknown-name", f"attrs has no {kind!r}", where=line, fix=fix)
        return Attribute(kind, SourceLine.of_caller())

    def bproperty(self) -> Any:
        """An attribute of a view whose getter and setter follow, as `@name.getter` and `@name.setter`."""
        from .methods import computed

        return computed()

    @overload
    def relation(self, model: type[M], *, name: Text | None = None, parse: Parse | None = None) -> Relation[M]: ...
    @overload
    def relation(self, model: Text, *, name: Text | None = None, parse: Parse | None = None) -> Relation[Any]: ...
    def relation(self, model: Any, *, name: Text | None = None, parse: Parse | None = None, **unknown: NoReturn) -> Any:
        """A reference to a document of `model` (a class, or its name)."""
        line = SourceLine.of_caller()
        refuse_options("attrs.relation", unknown, ("name", "parse"), line)
        return RelationAttribute(model, line, many=False, name=name, parse=parse)

    @overload
    def relations(self, model: type[M], *, name: Text | None = None, parse: Parse | None = None) -> Relations[M]: ...
    @overload
    def relations(self, model: Text, *, name: Text | None = None, parse: Parse | None = None) -> Relations[Any]: ...
    def relations(
        self, model: Any, *, name: Text | None = None, parse: Parse | None = None, **unknown: NoReturn
    ) -> Any:
        """A list of references to documents of `model`."""
        line = SourceLine.of_caller()
        refuse_options("attrs.relations", unknown, ("name", "parse"), line)
        return RelationAttribute(model, line, many=True, name=name, parse=parse)


attrs = Attrs()
