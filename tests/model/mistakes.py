"""What mistakes in declarations are written with: their code, text, suggestion, and the line (the one that ends with `# <-`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from onto_flow import DomainModel, Store, ViewModel, attrs, one, plan_views, root, udf
from onto_flow.core.errors import DeclarationError


class User(DomainModel):
    class Meta:
        collection_name = "users"

    name: str = attrs.str
    team: str = attrs.str


class Ticket(DomainModel):
    class Meta:
        collection_name = "tickets"

    role: str = attrs.str
    user = attrs.relation(User)
    buyer = attrs.relation(User)


class TicketStore(Store):
    ticket = root(Ticket)
    user = one(User, via=Ticket.user)


class Tagged(DomainModel):
    class Meta:
        collection_name = "tagged"

    tags: list = attrs.list


class TagStore(Store):
    tagged = root(Tagged)


def view_of(store):
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        @udf
        @staticmethod
        def a() -> int: ...

    V.__annotations__["store"] = store
    return V


class Mistake(NamedTuple):
    code: str
    what: str
    fix: str
    declare: Callable[[], object]


class Mistakes(list):
    """The mistakes of a module; `@mistakes(code, what, fix)` stands above a function that makes one."""

    def __call__(self, code, what, fix=""):
        def keep(declare):
            self.append(Mistake(code, what, fix, declare))
            return declare

        return keep


def judge(case: Mistake) -> None:
    """The mistake is told, with what the case says of it and its line."""
    with pytest.raises(DeclarationError) as caught:
        plan_views(case.declare())
    error = caught.value
    assert error.code == case.code
    assert case.what in error.what
    assert case.fix in error.fix
    assert case.declare.__code__.co_filename in error.where
    assert error.where.endswith("# <-")
