"""`attrs`: the attributes of domain models, plain or called with options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, overload

from ..core.errors import DeclarationError, SourceLine, did_you_mean
from ..core.references import Parse
from .attributes import KINDS, OPTIONS, Attribute
from .meta import refuse_options
from .parts import Part
from .relations import RelationAttribute

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .typed import ListKind, MapKind, Relation, RelationOptions, Relations

M = TypeVar("M")
N = TypeVar("N")
Text = str


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
    def relation(self, model: type[M], **options: Unpack[RelationOptions]) -> Relation[M]: ...
    @overload
    def relation(self, model: type[M], other: type[N], /, **options: Unpack[RelationOptions]) -> Relation[M | N]: ...
    @overload
    def relation(
        self, model: type[Any] | Text, *others: type[Any] | Text, **options: Unpack[RelationOptions]
    ) -> Relation[Any]: ...
    def relation(self, model: Any, *others: Any, parse: Parse | None = None, **options: Any) -> Any:
        """A reference to a document of `model` (a class, or its name), or of one of several models."""
        return _relation("attrs.relation", (model, *others) if others else model, parse, options)

    @overload
    def relations(self, model: type[M], **options: Unpack[RelationOptions]) -> Relations[M]: ...
    @overload
    def relations(self, model: type[M], other: type[N], /, **options: Unpack[RelationOptions]) -> Relations[M | N]: ...
    @overload
    def relations(
        self, model: type[Any] | Text, *others: type[Any] | Text, **options: Unpack[RelationOptions]
    ) -> Relations[Any]: ...
    def relations(self, model: Any, *others: Any, parse: Parse | None = None, **options: Any) -> Any:
        """A list of references to documents of `model`, or of several models."""
        return _relation("attrs.relations", (model, *others) if others else model, parse, options)


def _relation(written: Text, model: Any, parse: Parse | None, options: dict[Text, Any]) -> RelationAttribute[Any]:
    line = SourceLine.of_caller(3)
    for one in model if isinstance(model, tuple) else (model,):
        if not isinstance(one, (str, type)):
            fix = f'Give the class, or its name: {written}(User), {written}("User").'
            raise DeclarationError("bad-value", f"{written} leads to a model, not to {one!r:.60}", where=line, fix=fix)
    refuse_options(written, (n for n in options if n not in OPTIONS), (*OPTIONS, "parse"), line)
    return RelationAttribute(model, line, many=written == "attrs.relations", parse=parse, **options)


attrs = Attrs()
