"""The values of a view's names while it is evaluated: each is computed once, when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .scopes import BoundCall, Source

Getter = Callable[["Scope"], Any]


class Scope(dict[Source, Any]):
    """The values known for one root, row or group; what is not known here is asked of the scope around.

    Attributes:
        view: The view document's object: what `self` is in a computed attribute.
    """

    __slots__ = ("_around", "_rules", "view")

    def __init__(self, rules: Mapping[Source, Getter], around: Scope | None = None) -> None:
        super().__init__()
        self._rules, self._around = rules, around
        self.view: Any = None if around is None else around.view

    def __missing__(self, source: Source) -> Any:
        rule = self._rules.get(source)
        if rule is None:
            if self._around is None:
                raise KeyError(source)
            return self._around[source]
        value = self[source] = rule(self)
        return value


def takes_in_order(bound: BoundCall, skip: int = 0) -> bool:
    """Whether a function takes what it asks for by position, in that order, behind `skip` others."""
    code = getattr(bound.call.function, "__code__", None)
    positional = code.co_varnames[skip : code.co_argcount] if code is not None else ()
    names = [name for name, _ in bound.sources]
    return list(positional[: len(names)]) == names


def getter_of(bound: BoundCall, *first: Any) -> Getter:
    """The call of a user's function in a scope; its parameters are found by position or by name, as it takes them."""
    function = partial(bound.call.function, *first) if first else bound.call.function
    sources = [source for _, source in bound.sources]
    if not takes_in_order(bound, len(first)):
        return lambda scope: function(**{n: scope[s] for n, s in bound.sources})
    if len(sources) == 1:
        only = sources[0]
        return lambda scope: function(scope[only])
    return lambda scope: function(*[scope[s] for s in sources])
