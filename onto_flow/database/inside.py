"""Whose transactions run in this context: a commit inside one would wait for itself, or be lost with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..core.errors import UsageError

_INSIDE: ContextVar[tuple[int, ...]] = ContextVar("transactions", default=())


@contextmanager
def inside(database: object) -> Iterator[None]:
    """The function of a transaction of this database runs."""
    token = _INSIDE.set((*_INSIDE.get(), id(database)))
    try:
        yield
    finally:
        _INSIDE.reset(token)


def refuse_inside(database: object, where: object) -> None:
    """Raises: UsageError: `wrong-usage` inside a transaction of the same database."""
    if id(database) in _INSIDE.get():
        what = "a commit inside a transaction of the same database"
        raise UsageError("wrong-usage", what, where=str(where), fix="Write through the transaction.")
