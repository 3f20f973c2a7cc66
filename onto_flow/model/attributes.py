"""`attrs`: the attributes of domain models, plain or called with options."""

from __future__ import annotations

import sys
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, overload

from ..core.errors import DataError, DeclarationError, SourceLine, did_you_mean
from ..core.references import Parse, reference_path
from ..core.transforms import DELETE
from ..core.values import Reference
from .family import any_of, collection_of
from .meta import refuse_options
from .parts import Part

if TYPE_CHECKING:
    from .domain import DomainModel
    from .typed import ListKind, MapKind, Relation, Relations

M = TypeVar("M")
N = TypeVar("N")
Text = str
_OPTIONS = ("name", "default", "sensitive")
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
        refuse_options(f"attrs.{self.kind}", (n for n in options if n not in _OPTIONS), _OPTIONS, line)
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


def resolved_model(attribute: Attribute, model: Any) -> Any:
    """A model that may be given by its name, which is resolved in the module (or function) of the declaring class."""
    if not isinstance(model, str):
        return model
    owner = attribute.owner
    module = sys.modules.get(owner.__module__)
    found = owner._around.names.get(model, getattr(module, model, None))
    if not isinstance(found, type):
        known = [n for n, v in vars(module).items() if isinstance(v, type)] if module else []
        raise DeclarationError(
            "unknown-name",
            f"{owner.__name__}.{attribute.python_name} refers to {model!r}, which {owner.__module__} lacks",
            where=attribute.line,
            fix=did_you_mean(model, known),
        )
    return found


def shown(value: Any) -> Any:
    """A value as user code reads it."""
    return _copy(value) if isinstance(value, (list, dict)) else value


class RelationAttribute(Attribute, Generic[M]):
    """A reference to a document of another model, or a list of them."""

    def __init__(
        self,
        model: type[M] | Text,
        line: SourceLine,
        *,
        many: bool,
        parse: Parse | None,
        name: Text | None = None,
        default: Any = None,
        sensitive: bool = False,
    ) -> None:
        super().__init__("relations" if many else "relation", line, name=name, default=default, sensitive=sensitive)
        self.model = model
        self.many = many
        self.parse = parse

    @property
    def target(self) -> type[DomainModel]:
        """The model referred to; a name is resolved in the module (or function) of the declaring class."""
        if isinstance(self.model, tuple):
            self.model = any_of(tuple(resolved_model(self, m) for m in self.model))
        found: type[DomainModel] = resolved_model(self, self.model)
        return found

    def read(self, fields: Any) -> Any:
        """The reference, or the list of references, in a document's fields."""
        raw = fields.get(self.field, self.default)
        if not self.many:
            raw = raw[0] if isinstance(raw, list) and raw else raw
            return self._reference(raw)
        values = raw if isinstance(raw, list) else [raw]
        return [found for value in values if (found := self._reference(value)) is not None]

    def _reference(self, raw: Any) -> Reference[M] | None:
        path = None if raw is None else reference_path(raw, collection_of(self.target), self.parse)
        return None if path is None else Reference(path)


if not TYPE_CHECKING:
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
        list: ListKind
        map: MapKind
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
    def parent(self, model: type[M]) -> Relation[M]: ...
    @overload
    def parent(self, model: Text) -> Relation[Any]: ...
    def parent(self, model: Any, **unknown: NoReturn) -> Any:
        """The nearest document of `model` (a class, or its name) above this one in its path."""
        from .parents import ParentAttribute

        line = SourceLine.of_caller()
        refuse_options("attrs.parent", unknown, (), line)
        return ParentAttribute(model, line)

    @overload
    def relation(
        self,
        model: type[M],
        *,
        name: Text | None = None,
        default: Any = None,
        sensitive: bool = False,
        parse: Parse | None = None,
    ) -> Relation[M]: ...
    @overload
    def relation(
        self,
        model: type[M],
        other: type[N],
        /,
        *,
        name: Text | None = None,
        default: Any = None,
        sensitive: bool = False,
        parse: Parse | None = None,
    ) -> Relation[M | N]: ...
    @overload
    def relation(
        self,
        model: type[Any] | Text,
        *others: type[Any] | Text,
        name: Text | None = None,
        default: Any = None,
        sensitive: bool = False,
        parse: Parse | None = None,
    ) -> Relation[Any]: ...
    def relation(self, model: Any, *others: Any, parse: Parse | None = None, **options: Any) -> Any:
        """A reference to a document of `model` (a class, or its name), or of one of several models."""
        return _relation("attrs.relation", (model, *others) if others else model, parse, options)

    @overload
    def relations(
        self,
        model: type[M],
        *,
        name: Text | None = None,
        default: Any = None,
        sensitive: bool = False,
        parse: Parse | None = None,
    ) -> Relations[M]: ...
    @overload
    def relations(
        self,
        model: type[M],
        other: type[N],
        /,
        *,
        name: Text | None = None,
        default: Any = None,
        sensitive: bool = False,
        parse: Parse | None = None,
    ) -> Relations[M | N]: ...
    @overload
    def relations(
        self,
        model: type[Any] | Text,
        *others: type[Any] | Text,
        name: Text | None = None,
        default: Any = None,
        sensitive: bool = False,
        parse: Parse | None = None,
    ) -> Relations[Any]: ...
    def relations(self, model: Any, *others: Any, parse: Parse | None = None, **options: Any) -> Any:
        """A list of references to documents of `model`, or of several models."""
        return _relation("attrs.relations", (model, *others) if others else model, parse, options)


def _relation(written: Text, model: Any, parse: Parse | None, options: dict[Text, Any]) -> RelationAttribute[Any]:
    line = SourceLine.of_caller(3)
    refuse_options(written, (n for n in options if n not in _OPTIONS), (*_OPTIONS, "parse"), line)
    return RelationAttribute(model, line, many=written == "attrs.relations", parse=parse, **options)


attrs = Attrs()
