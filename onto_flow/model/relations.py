"""Relations between models: attributes that hold references to documents."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..core.errors import DeclarationError, SourceLine, did_you_mean
from ..core.references import Parse, reference_path
from ..core.values import Reference
from .attributes import Attribute
from .family import any_of, collection_of

if TYPE_CHECKING:
    from .domain import DomainModel

M = TypeVar("M")
Text = str


def resolved_model(attribute: Attribute, model: Any) -> Any:
    """A model that may be given by its name, which is resolved in the module (or function) of the declaring class.

    A view stands for the model of its documents.
    """
    return _of_documents(model if not isinstance(model, str) else _named(attribute, model))


def _of_documents(model: Any) -> Any:
    if hasattr(model, "_abstract"):
        return model
    from .view import ViewModel
    from .view_documents import document_of

    return document_of(model) if issubclass(model, ViewModel) else model


def _named(attribute: Attribute, model: Text) -> Any:
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
