"""The documents of a many slot, as user code sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..core.errors import MissingDocument
from ..core.values import Reference

if TYPE_CHECKING:
    from .domain import DomainModel
    from .view import ViewModel

M = TypeVar("M", bound="DomainModel | ViewModel")


class Many(Generic[M]):
    """The documents of a many slot: in path order, or in the order that the slot is declared with.

    Example:
        >>> from onto_flow import DomainModel
        >>> class User(DomainModel):
        ...     class Meta:
        ...         collection_name = "users"
        >>> users = Many([User("users/u1", {}), User("users/u2", {})])
        >>> len(users), users.get(Reference("users/u3")), users[Reference("users/u1")]
        (2, None, User('users/u1'))
    """

    __slots__ = ("_by_path",)

    def __init__(self, documents: Sequence[M]) -> None:
        self._by_path = {d.path: d for d in documents}

    @classmethod
    def of(cls, by_path: dict[str, M]) -> Many[M]:
        """Documents by their paths, in their order."""
        made = cls.__new__(cls)
        made._by_path = by_path
        return made

    def __iter__(self) -> Iterator[M]:
        return iter(self._by_path.values())

    def __len__(self) -> int:
        return len(self._by_path)

    def __contains__(self, document: object) -> bool:
        return path_of(document) in self._by_path

    def get(self, document: Reference[M] | M | str | None) -> M | None:
        """The document that a reference (or path) names, `None` when it is not among these."""
        return self._by_path.get(path_of(document))

    def __getitem__(self, document: Reference[M] | M | str) -> M:
        found = self._by_path.get(path_of(document))
        if found is None:
            raise MissingDocument(path_of(document))
        return found


def path_of(document: Any) -> str:
    """The path that a reference, a document or a text names; empty for one of another database."""
    if isinstance(document, str):
        return document
    return "" if getattr(document, "database", None) is not None else getattr(document, "path", "")
