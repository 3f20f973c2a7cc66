"""What `attrs` gives, as type checkers are told: a class knows ways into documents, an object knows values."""

from __future__ import annotations

from typing import Any, Generic, TypedDict, TypeVar, overload

from ..core.references import Parse
from ..core.values import Reference
from .attributes import Attribute
from .relations import RelationAttribute

M = TypeVar("M")
E = TypeVar("E")
Text = str


class RelationOptions(TypedDict, total=False):
    """The options of `attrs.relation` and `attrs.relations`."""

    name: Text | None
    default: Any
    sensitive: bool
    parse: Parse | None


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


class ListOf(Attribute, Generic[E]):
    """What `attrs.list(Line)` is for a type checker."""

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> ListOf[E]: ...
    @overload
    def __get__(self, instance: Any, owner: type | None = None) -> list[E]: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any: ...

    @property
    def each(self) -> type[E]:
        """The way into each element."""
        raise NotImplementedError


class MapOf(Attribute, Generic[E]):
    """What `attrs.map(Address)` is for a type checker."""

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> type[E]: ...
    @overload
    def __get__(self, instance: Any, owner: type | None = None) -> E: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any: ...


class ListKind(list[Any]):
    """What `attrs.list` is for a type checker."""

    @overload
    def __call__(
        self, model: type[E], /, *, name: Text | None = ..., default: Any = ..., sensitive: bool = ...
    ) -> ListOf[E]: ...
    @overload
    def __call__(
        self, model: Text = ..., /, *, name: Text | None = ..., default: Any = ..., sensitive: bool = ...
    ) -> Any: ...
    def __call__(self, model: Any = None, /, **options: Any) -> Any:
        """With options."""


class MapKind(dict[Text, Any]):
    """What `attrs.map` is for a type checker."""

    @overload
    def __call__(
        self, model: type[E], /, *, name: Text | None = ..., default: Any = ..., sensitive: bool = ...
    ) -> MapOf[E]: ...
    @overload
    def __call__(
        self, model: Text = ..., /, *, name: Text | None = ..., default: Any = ..., sensitive: bool = ...
    ) -> Any: ...
    def __call__(self, model: Any = None, /, **options: Any) -> Any:
        """With options."""
