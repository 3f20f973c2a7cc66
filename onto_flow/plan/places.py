"""Places in a document that a plan names: a field, or a part of the path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldPath:
    """Where in a document: names of fields, `*` for each element of an array.

    Example:
        >>> FieldPath(("lines", "*", "product")).read({"lines": [{"product": 1}, {"product": 2}, {}]})
        [1, 2]
        >>> str(FieldPath(("lines", "*", "product")))
        'lines[].product'
    """

    steps: tuple[str, ...]

    def read(self, fields: Any) -> list[Any]:
        """All values found there; an array at the end counts as its elements; nulls and missing ones do not."""
        found = [fields]
        for step in self.steps:
            if step == "*":
                found = [e for v in found if isinstance(v, list) for e in v]
            else:
                found = [v[step] for v in found if isinstance(v, dict) and step in v]
        values: list[Any] = []
        for value in found:
            values.extend(value if isinstance(value, list) else [value])
        return [v for v in values if v is not None]

    def __str__(self) -> str:
        return ".".join(self.steps).replace(".*", "[]")


@dataclass(frozen=True)
class PathPart:
    """An id in the path of a document.

    Attributes:
        name: What the model calls it.
        index: Which segment of the path it is; -1 for the last one, the document's own id.

    Example:
        >>> PathPart("symbol", 1).read("stocks/ABC/daily/2024-05-01"), str(PathPart("doc_id", -1))
        ('ABC', '{doc_id}')
    """

    name: str
    index: int

    def read(self, path: str) -> str:
        """The id."""
        return path.split("/")[self.index]

    def __str__(self) -> str:
        return f"{{{self.name}}}"


Place = FieldPath | PathPart
"""Where a document has values that can be equal to another's."""
