"""The document above another one in its path, as a relation: `price = attrs.parent(Price)`."""

from __future__ import annotations

from typing import Any, TypeVar

from ..core.errors import DataError, DeclarationError, SourceLine
from ..core.values import Reference
from .family import collection_of
from .relations import RelationAttribute

M = TypeVar("M")


class ParentAttribute(RelationAttribute[M]):
    """A reference to the nearest document of a model above; it is in no field, so it cannot be missing or set."""

    def __init__(self, model: Any, line: SourceLine) -> None:
        super().__init__(model, line, many=False, name="", parse=None)
        self.kind = "parent"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        parts = instance.path.split("/")
        above = ("/".join(parts[:length]) for length in range(len(parts) - 2, 0, -2))
        collection = collection_of(self.target)
        return next((Reference(path) for path in above if collection.matches(path)), None)

    def __set__(self, instance: Any, value: Any) -> None:
        what = f"{instance.path}: the document above cannot be set"
        raise DataError("bad-value", what, where=instance.path)

    def check(self) -> None:
        """Refuses a parent that can never be above.

        Raises:
            DeclarationError: `bad-slot`, with the line of the attribute.
        """
        mine, target = self.owner._collection, collection_of(self.target)
        parts = mine.pattern.split("/")
        if mine.group or any(target.matches("/".join(parts[:length])) for length in range(2, len(parts), 2)):
            return
        what = f"{self.owner.__name__}.{self.python_name}: no {self.target.__name__} ({target}) lies above {mine}"
        fix = 'Say it in Meta: path = "projects/{project}/tasks/{task}".'
        raise DeclarationError("bad-slot", what, where=self.line, fix=fix)
