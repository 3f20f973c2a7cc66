"""Domain models: what the documents of a collection are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ..core.collection import Collection
from ..core.errors import DeclarationError
from ..core.values import Document
from .attributes import Attribute
from .meta import class_line, options_of
from .names import camel_case

_OPTIONS = ("collection_name", "path", "collection_group", "convert_names")


class DomainModel:
    """A document of a collection, read through declared attributes.

    `Meta` names the collection: `collection_name = "users"`, `path = "stocks/{symbol}/daily/{date}"`, or
    `collection_group = "daily"`. A missing field reads as the attribute's default, a wrong type reads as it is.
    """

    _collection: ClassVar[Collection]
    _attributes: ClassVar[Mapping[str, Attribute]] = {}
    _convert_names: ClassVar[bool] = True
    _namespace: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        line = class_line(cls)
        options = options_of(cls, _OPTIONS, line)
        cls._namespace = sys._getframe(1).f_locals
        cls._convert_names = bool(options.get("convert_names", cls._convert_names))
        cls._attributes = {
            n: a for base in reversed(cls.__mro__) for n, a in vars(base).items() if isinstance(a, Attribute)
        }
        places = [n for n in ("collection_name", "path", "collection_group") if n in options]
        if len(places) > 1 or (not places and not hasattr(cls, "_collection")):
            raise DeclarationError(
                "bad-meta",
                f"{cls.__name__}.Meta names {'several collections' if places else 'no collection'}",
                where=line,
                fix='Say class Meta: collection_name = "users" (or path = ..., or collection_group = ...).',
            )
        if places:
            cls._collection = _collection(cls, places[0], options[places[0]], line)

    def __init__(self, path: str, fields: Document) -> None:
        self.path = path
        self._fields = fields
        self._cache: dict[str, Any] = {}
        self._overrides: dict[str, Any] = {}

    @classmethod
    def _field_name(cls, name: str) -> str:
        return camel_case(name) if cls._convert_names else name

    def _value(self, name: str, read: Callable[[Document], Any]) -> Any:
        if name in self._overrides:
            return self._overrides[name]
        if name not in self._cache:
            self._cache[name] = read(self._fields)
        return self._cache[name]

    @property
    def doc_id(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"


def is_missing(document: DomainModel, name: str) -> bool:
    """Whether a declared field is missing in the document (it then reads as its default).

    Raises:
        KeyError: The model declares no such attribute.
    """
    return type(document)._attributes[name].field not in document._fields


def _collection(cls: type, option: str, value: Any, line: object) -> Collection:
    try:
        if option == "path":
            pattern, slash, last = str(value).rpartition("/")
            if not slash or not last:
                raise ValueError("a path ends with a document id")
            return Collection(pattern)
        return Collection(value, group=option == "collection_group")
    except (ValueError, AttributeError) as error:
        what = f"{cls.__name__}.Meta.{option} = {value!r}: {getattr(error, 'what', error)}"
        raise DeclarationError(
            "bad-meta", what, where=line, fix='Such as "users" or "stocks/{symbol}/daily/{date}".'
        ) from error
