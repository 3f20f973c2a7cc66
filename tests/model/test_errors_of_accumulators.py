"""Mistakes in keys and accumulators: each with its code, its text, its suggestion, and the user's line."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from onto_flow import ViewModel, agg, operator, udf, window
from tests.model.mistakes import Mistakes, Tagged, TagStore, Ticket, TicketStore, User, judge

mistake = Mistakes()


@mistake("bad-slot", "V does not say what its store is", "store: MyStore")
def no_store():
    class V(ViewModel):  # <-
        class Meta:
            collection_name = "v"

        total = agg.count()

    return V


@mistake("bad-meta", "V.Meta does not say where the view's documents live")
def no_output():
    class V(ViewModel):  # <-
        store: TicketStore
        total = agg.count()

    return V


@mistake("unknown-name", "V: parameter 'team' of some is not known yet at that point", "Known: ticket, user")
def key_part_in_a_filter():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @operator.filter  # <-
        @classmethod
        def some(cls, team: str) -> bool:
            return bool(team)

        @operator.key
        @classmethod
        def team(cls, user: User) -> str:
            return user.team

    return V


@mistake("unknown-name", "V: parameter 'usr' of <lambda> names nothing of the view", "Did you mean user?")
def unknown_parameter_of_a_lambda():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @operator.key
        @classmethod
        def team(cls, user: User) -> str:
            return user.team

        names = agg.collect(lambda usr: usr.name)  # <-

    return V


@mistake("bad-slot", "V.total is an accumulator, and the view has no key to group by", "@operator.key")
def accumulator_without_key():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore
        total = agg.count()  # <-

    return V


@mistake("wrong-decorator", "some is marked as key and as filter", "one role")
def two_roles():
    class V(ViewModel):
        @operator.filter  # <-
        @operator.key
        @classmethod
        def some(cls, ticket: Ticket) -> bool: ...


@mistake("ambiguous-name", "V has two operators @operator.key")
def two_keys():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @operator.key
        @classmethod
        def team(cls, user: User) -> str: ...

        @operator.key  # <-
        @classmethod
        def role(cls, ticket: Ticket) -> str: ...

    return V


@mistake("unknown-name", "V.share needs total, which is known per group, and ticket, which is known per row")
def udf_over_rows_and_groups():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @operator.key
        @classmethod
        def team(cls, user: User) -> str: ...

        total = agg.count()

        @udf  # <-
        @staticmethod
        def share(total: int, ticket: Ticket) -> int: ...

    return V


@mistake("bad-value", "limit=0 is not a number of values")
def limit_of_nothing():
    agg.collect(lambda ticket: ticket, limit=0)  # <-


@mistake("unknown-name", "agg.count has no option 'were'", "Did you mean where?")
def unknown_option_of_an_accumulator():
    agg.count(were=lambda ticket: ticket)  # <-


@mistake("ambiguous-name", "V: role is a part of the key and an accumulator")
def accumulator_named_like_a_part_of_the_key():
    class Role(NamedTuple):
        role: str

    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @operator.key
        @classmethod
        def by_role(cls, ticket: Ticket) -> Role: ...

        role = agg.count()  # <-

    return V


@mistake("wrong-decorator", "V.doc_ref names documents per root, and team makes rows", "the id comes from the key")
def paths_of_a_keyed_view():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @property
        def doc_ref(self) -> str: ...

        @operator.key  # <-
        @classmethod
        def team(cls, user: User) -> str: ...

    return V


@mistake("bad-value", "V.tags: an array in an array")
def collected_arrays():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TagStore

        @operator.key
        @classmethod
        def team(cls, tagged: Tagged) -> str: ...

        tags = agg.collect(lambda tagged: tagged.tags)  # <-

    return V


@mistake("unknown-name", "agg has no 'cuont'", "Did you mean count?")
def unknown_accumulator():
    agg.cuont()  # <-


@mistake("unknown-name", "window has no 'sessions'", "Did you mean session?")
def unknown_window():
    window.sessions()  # <-


@mistake("bad-value", "bounds=['x'] of a histogram", "Give finite numbers")
def bounds_that_are_none():
    agg.histogram(lambda ticket: 1, "x")  # <-


@pytest.mark.parametrize("case", mistake, ids=lambda m: m.declare.__name__)
def test_a_mistake_is_told_with_its_line(case):
    judge(case)
