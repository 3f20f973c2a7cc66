"""Mistakes in views: getters, udfs, operators: each with its code, its text, its suggestion, and the user's line."""

from __future__ import annotations

import pytest

from onto_flow import Store, ViewModel, computed, one, operator, plan_views, udf
from onto_flow.core.errors import DeclarationError
from onto_flow.testing.oracle import recompute
from tests.model.mistakes import Mistakes, Ticket, TicketStore, User, judge, view_of

mistake = Mistakes()


@mistake("bad-slot", "S has no root slots", "root(Meeting)")
def no_root():
    class S(Store):
        user = one(User, via=Ticket.user)

    class V(ViewModel):  # <-
        class Meta:
            collection_name = "v"

        store: S

    return V


@mistake("unknown-name", "V: parameter 'tickt' of names names nothing of the view", "Did you mean ticket?")
def unknown_parameter():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @udf  # <-
        @staticmethod
        def names(tickt: Ticket) -> str:
            return tickt.role

    return V


@mistake("wrong-decorator", "names is marked as udf, so it must be a staticmethod", "@udf above @staticmethod")
def udf_without_staticmethod():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @udf  # <-
        def names(self) -> str: ...

    return V


@mistake(
    "wrong-decorator", "some is marked as filter, so it must be a classmethod", "@operator.filter above @classmethod"
)
def filter_as_staticmethod():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @operator.filter  # <-
        @staticmethod
        def some(ticket: Ticket) -> bool: ...

    return V


@mistake("cycle", "V: a -> b -> a")
def udfs_in_a_circle():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @udf  # <-
        @staticmethod
        def a(b: int) -> int: ...

        @udf
        @staticmethod
        def b(a: int) -> int: ...

    return V


@mistake("bad-value", "V.table: an array in an array, which Firestore refuses", "Put a map between them.")
def array_in_an_array():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @computed  # <-
        def table(self) -> list[list[int]]:
            return [[1]]

    return V


@mistake("cycle", "V reads what it writes: V -> V", "A view may read other views, and none that it is made of.")
def view_that_feeds_itself():
    class V(ViewModel):  # <-
        class Meta:
            collection_name = "users"

        store: TicketStore

    return V


@mistake("bad-slot", "CityView does not say what its store is", "class CityStore(Store): city = root(City)")
def view_that_only_has_new():
    class CityView(ViewModel):  # <-
        class Meta:
            collection_name = "cityView"

        @classmethod
        def new(cls, snapshot): ...

    return CityView


@mistake("bad-meta", "V.Meta has no option 'strict'", "Known: collection_name, convert_names")
def unknown_meta_option_of_a_view():
    class V(ViewModel):  # <-
        class Meta:
            collection_name = "v"
            strict = True


@mistake("bad-meta", "V.Meta says 'teams/{team}/v', where ids are free")
def view_into_a_pattern_of_collections():
    class V(ViewModel):  # <-
        class Meta:
            collection_name = "teams/{team}/v"

        store: TicketStore

    return V


@mistake("ambiguous-name", "V: 'user', a parameter of names, is a slot and a computed", "Rename one of them.")
def parameter_with_two_meanings():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @computed
        def user(self) -> str: ...

        @udf  # <-
        @staticmethod
        def names(user: User) -> str: ...

    return V


@mistake("cycle", "V: a -> b -> a")
def computed_attributes_in_a_circle():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @computed  # <-
        def a(self) -> int:
            return self.b + 1

        @computed
        def b(self) -> int:
            return sum(self.a for _ in range(2))

    return V


@mistake("unknown-name", "names takes *tickets, which names nothing")
def udf_of_whatever():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @udf  # <-
        @staticmethod
        def names(*tickets: Ticket) -> str: ...

    return V


@mistake("wrong-decorator", "@computed is for a getter with self, which V.names is not", "@udf above @staticmethod")
def computed_staticmethod():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @computed  # <-
        @staticmethod
        def names(ticket: Ticket) -> str: ...

    return V


@mistake("bad-value", "V.names: a set has no order", "sorted(...)")
def attribute_that_is_a_set():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @computed  # <-
        def names(self) -> set[str]: ...

    return V


@mistake("bad-value", "V.first: a whole User in a view", "Return the attributes")
def attribute_that_is_a_document():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @computed  # <-
        def first(self) -> User | None: ...

    return V


@mistake("unknown-name", "operator has no 'filtr'", "Did you mean filter?")
def unknown_operator():
    operator.filtr  # noqa: B018 # <-


@mistake("unknown-name", "V.name reads self.store.usr, which TicketStore lacks", "Did you mean user?")
def unknown_slot_of_a_getter():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @computed  # <-
        def name(self) -> str:
            return [u.name for u in [self.store.usr]][0]

    return V


@mistake("unknown-name", "V.role reads self.store.tickets, which TicketStore lacks", "Did you mean ticket?")
def unknown_slot_of_a_setter():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @computed
        def role(self) -> str:
            return self.store.ticket.role

        @role.setter  # <-
        def role(self, value: str) -> None:
            self.store.tickets.role = value

    return V


@mistake("wrong-decorator", "V.name is a getter, and takes other parameters than self", "@udf @staticmethod")
def getter_with_a_parameter():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: TicketStore

        @computed  # <-
        def name(self, user):
            return user.name

    return V


@pytest.mark.parametrize("case", mistake, ids=lambda m: m.declare.__name__)
def test_a_mistake_is_told_with_its_line(case):
    judge(case)


def test_two_views_of_one_name_are_refused():
    one_view = view_of(TicketStore)
    with pytest.raises(DeclarationError, match="two views are named V"):
        plan_views(one_view, view_of(TicketStore))


def test_two_views_of_one_collection_are_refused():
    first, second = view_of(TicketStore), view_of(TicketStore)
    second.__name__ = "W"
    with pytest.raises(DeclarationError, match="W and V both write into v"):
        plan_views(first, second)


def test_a_view_that_is_named_twice_is_planned_once():
    view = view_of(TicketStore)
    assert [v.name for v in plan_views(view, view).views] == ["V"]


@pytest.mark.parametrize("other", [User, ViewModel, 7, view_of(TicketStore).evaluator()])
def test_what_is_no_view_is_told(other):
    with pytest.raises(DeclarationError, match="is no view model") as caught:
        plan_views(view_of(TicketStore), other)  # <-
    assert caught.value.where.endswith("# <-")


def test_a_store_with_a_constructor_may_have_more_than_slots():
    class Counting(TicketStore):
        def __init__(self, *given, **more):
            super().__init__(*given, **more)
            self.extra = 1

    class V(ViewModel):
        class Meta:
            collection_name = "v"

        @computed
        def extra(self) -> int:
            return self.store.extra

    V.__annotations__["store"] = Counting
    assert recompute(plan_views(V), {"tickets/t": {}})["V"] == {"v/t": {"extra": 1}}
