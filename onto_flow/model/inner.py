"""Attributes of maps inside documents, and the ways to them on a class: `Order.lines.each.product`."""

from __future__ import annotations

from typing import Any

from ..core.errors import DeclarationError, SourceLine, did_you_mean
from .attributes import Attribute, shown
from .relations import resolved_model


class Inner:
    """The way into the maps of a document, on its class: each attribute of theirs is one of the document's."""

    def __init__(self, outer: MapsAttribute, steps: tuple[str, ...], name: str) -> None:
        self._outer, self._steps, self._name = outer, steps, name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        model = self._outer.target
        found: Attribute | None = model._attributes.get(name)
        if found is None:
            from .domain import UnknownAttribute

            what, fix = f"{model.__name__} has no attribute {name!r}", did_you_mean(name, model._attributes)
            raise UnknownAttribute("unknown-name", what, where=SourceLine.of_caller(), fix=fix)
        found = found.inside(self._outer.owner, (*self._steps, found.field), f"{self._name}.{name}")
        return found.way if isinstance(found, MapAttribute) else found

    def __repr__(self) -> str:
        return f"{self._outer.owner.__name__}.{self._name}"


class MapsAttribute(Attribute):
    """An array of maps, or a map, that has a model."""

    def __init__(self, model: Any, kind: str, line: SourceLine, **options: Any) -> None:
        super().__init__(kind, line, **options)
        self.model = model

    @property
    def target(self) -> Any:
        """The model of the maps."""
        found = resolved_model(self, self.model)
        from .maps import MapModel

        if not issubclass(found, MapModel):
            fix = f"Declare it as class {found.__name__}(MapModel): maps have no path."
            what = f"{self.owner.__name__}.{self.python_name} holds {found.__name__}, which is no MapModel"
            raise DeclarationError("bad-value", what, where=self.line, fix=fix)
        return found

    def read(self, fields: Any) -> Any:
        """The maps as objects; what is no map reads as it is, a missing array as an empty one."""
        value = fields.get(self.field, fields)
        if value is fields:
            return [] if self.kind == "list" and self.default is None else shown(self.default)
        if self.kind == "list":
            return [self._made(element) for element in value] if isinstance(value, list) else shown(value)
        return self._made(value)

    def _made(self, value: Any) -> Any:
        return self.target(value) if isinstance(value, dict) else shown(value)


class ListAttribute(MapsAttribute):
    """`attrs.list(Line)`."""

    @property
    def each(self) -> Any:
        """The way into each element, on the class."""
        return Inner(self, (*self.steps, "*"), f"{self.python_name}.each")


class MapAttribute(MapsAttribute):
    """`attrs.map(Address)`: on the class it is the way into the map."""

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return super().__get__(instance, owner) if instance is not None else self.way

    @property
    def way(self) -> Inner:
        """The way into the map."""
        return Inner(self, self.steps, self.python_name)
