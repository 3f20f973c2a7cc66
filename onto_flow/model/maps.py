"""Maps in documents as models: `attrs.map(Address)`, `attrs.list(Line)`, and the way to what is inside them.

On a class, `Order.lines.each.product` is the relation in each element, `Order.address.country` the one in a map; they are
used in `via=`, `by=` and `on=` as those of the document itself are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..core.errors import DataError, SourceLine, did_you_mean
from .attributes import Attribute
from .domain import ModelType, attributes_of
from .meta import Surroundings, declaring_frame, options_of
from .names import camel_case


class MapModel(metaclass=ModelType):
    """A map in a document, read through declared attributes; `Meta` may have `convert_names`.

    Example:
        >>> from onto_flow import DomainModel, attrs
        >>> class Line(MapModel):
        ...     article: str = attrs.str
        ...     unit_price: float = attrs.float
        >>> class Order(DomainModel):
        ...     class Meta:
        ...         collection_name = "orders"
        ...     lines = attrs.list(Line)
        >>> order = Order("orders/o1", {"lines": [{"article": "tea", "unitPrice": 2.5}]})
        >>> [(line.article, line.unit_price) for line in order.lines], Order.lines.each.unit_price.steps
        ([('tea', 2.5)], ('lines', '*', 'unitPrice'))
    """

    _attributes: ClassVar[Mapping[str, Attribute]] = {}
    _parts: ClassVar[Mapping[str, int]] = {}
    _convert_names: ClassVar[bool] = True
    _around: ClassVar[Surroundings]
    _fields: Mapping[str, Any]
    _known: dict[str, Any]
    _writable = False
    path = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        frame = declaring_frame()
        options = options_of(cls, ("convert_names",), SourceLine(frame.f_code.co_filename, frame.f_lineno))
        cls._around = Surroundings(frame)
        cls._convert_names = options.get("convert_names", cls._convert_names)
        cls._attributes = attributes_of(cls)

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.__dict__.update(_fields=fields, _known={})

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._attributes:
            what = f"{type(self).__name__} has no attribute {name!r}"
            raise DataError("unknown-name", what, fix=did_you_mean(name, self._attributes))
        fix = "Set the whole array or map in a @name.setter: order.lines = [...]."
        raise DataError("bad-value", f"{type(self).__name__}.{name} cannot be set: it is a part of a document", fix=fix)

    @classmethod
    def _field_name(cls, name: str) -> str:
        return camel_case(name) if cls._convert_names else name

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and bool(other._fields == self._fields)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._fields!r:.80})"
