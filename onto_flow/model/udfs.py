"""A `@udf` staticmethod as an attribute: the function on the class, its value on a view document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

P = ParamSpec("P")
R = TypeVar("R")

if TYPE_CHECKING:
    from collections.abc import Callable

    class Udf(Generic[P, R]):
        """What `@udf` makes of a staticmethod, for a type checker."""

        owner: type
        name: str

        def __init__(self, owner: type, name: str, method: staticmethod[P, R]) -> None: ...
        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
            """The function; as where `@staticmethod` stands above."""
            raise NotImplementedError

        @overload
        def __get__(self, instance: None, owner: type | None = None) -> Callable[P, R]: ...
        @overload
        def __get__(self, instance: Any, owner: type | None = None) -> R: ...
        def __get__(self, instance: Any, owner: type | None = None) -> Any: ...

else:

    class Udf(staticmethod):
        """A staticmethod that is marked as a udf, on its view."""

        def __init__(self, owner, name, method):
            super().__init__(method.__func__)
            self.owner, self.name = owner, name
            method.__func__.__onto_flow_udf__ = self

        def __get__(self, instance, owner=None):
            """The function, or the value that a view document has."""
            return super().__get__(instance, owner) if instance is None else instance._shown(self.name)


def is_udf(member: Any) -> bool:
    """Whether a member of a class is a staticmethod that is marked as a udf."""
    return isinstance(member, staticmethod) and getattr(member.__func__, "__onto_flow__", None) == "udf"
