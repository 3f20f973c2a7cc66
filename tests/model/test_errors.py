"""Every mistake in a declaration: its code, its text, its suggestion, and the user's line (the one that ends with `# <-`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from onto_flow import (
    DomainModel,
    Store,
    ViewModel,
    agg,
    attrs,
    computed,
    is_missing,
    many,
    one,
    operator,
    plan_views,
    root,
    udf,
    window,
)
from onto_flow.core.errors import DeclarationError
from onto_flow.testing.oracle import recompute


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


class Mistake(NamedTuple):
    code: str
    what: str
    fix: str
    declare: Callable[[], object]


MISTAKES: list[Mistake] = []


def mistake(code: str, what: str, fix: str = "") -> Callable[[Callable[[], object]], Callable[[], object]]:
    def add(declare: Callable[[], object]) -> Callable[[], object]:
        MISTAKES.append(Mistake(code, what, fix, declare))
        return declare

    return add


@mistake("unknown-name", "attrs has no 'string'", "Did you mean str?")
def unknown_kind():
    class Note(DomainModel):
        class Meta:
            collection_name = "notes"

        text = attrs.string  # <-


@mistake("unknown-name", "attrs.str has no option 'nmae'", "Did you mean name?")
def unknown_option_of_an_attribute():
    class Note(DomainModel):
        class Meta:
            collection_name = "notes"

        text = attrs.str(nmae="t")  # <-


@mistake("bad-meta", "Note.Meta names no collection", 'collection_name = "users"')
def no_collection():
    class Note(DomainModel):  # <-
        text: str = attrs.str


@mistake("bad-meta", "Note.Meta has no option 'collection'", "Did you mean collection_name?")
def unknown_meta_option():
    class Note(DomainModel):  # <-
        class Meta:
            collection = "notes"

        text: str = attrs.str


@mistake("bad-meta", "Note.Meta names several collections")
def two_collections():
    class Note(DomainModel):  # <-
        class Meta:
            collection_name = "notes"
            collection_group = "notes"

        text: str = attrs.str


@mistake("bad-meta", "Note.Meta.collection_name = 'a/b': 'a/b' is not the path of a collection")
def a_document_path_as_collection():
    class Note(DomainModel):  # <-
        class Meta:
            collection_name = "a/b"

        text: str = attrs.str


@mistake("bad-slot", "a slot holds a DomainModel or a ViewModel, not 'users'")
def slot_of_a_name():
    class S(Store):
        user = root("users")  # <-


@mistake("bad-slot", "nothing says how the slot is reached", "via=")
def slot_without_way():
    class S(Store):
        ticket = root(Ticket)
        users = many(User)  # <-


@mistake("bad-slot", "via and by both say how the slot is reached")
def slot_with_two_ways():
    class S(Store):
        ticket = root(Ticket)
        users = many(User, via=Ticket.user, by=Ticket.user)  # <-


@mistake("unknown-name", "many(...) has no option 'wia'", "Did you mean via?")
def unknown_option_of_a_slot():
    class S(Store):
        ticket = root(Ticket)
        users = many(User, wia=Ticket.user)  # <-


@mistake("bad-slot", "S has no root slots", "root(Meeting)")
def no_root():
    class S(Store):
        user = one(User, via=Ticket.user)

    class V(ViewModel):  # <-
        class Meta:
            collection_name = "v"

        store: S

    return V


@mistake("bad-slot", "S has 2 root slots")
def two_roots():
    class S(Store):
        ticket = root(Ticket)
        user = root(User)  # <-

    return view_of(S)


@mistake("bad-slot", "slot user: it starts from Buyer, and no slot holds that", "Known: Ticket")
def start_that_no_slot_holds():
    class Buyer(DomainModel):
        class Meta:
            collection_name = "buyers"

        user = attrs.relation(User)

    class S(Store):
        ticket = root(Ticket)
        user = one(User, via=Buyer.user)  # <-

    return view_of(S)


@mistake("bad-slot", "slot user: via=Ticket.user leads to User, not Ticket")
def relation_to_another_model():
    class S(Store):
        ticket = root(Ticket)
        user = one(Ticket, via=Ticket.user)  # <-

    return view_of(S)


@mistake("bad-slot", "slot user: via='user' is not a relation")
def via_a_name():
    class S(Store):
        ticket = root(Ticket)
        user = one(User, via="user")  # <-

    return view_of(S)


@mistake("ambiguous-name", "slot peers: user and buyer both hold User", "via=(user, User.peer)")
def start_that_two_slots_hold():
    class User(DomainModel):
        class Meta:
            collection_name = "users"

        peer = attrs.relation("User")

    class Ticket(DomainModel):
        class Meta:
            collection_name = "tickets"

        user = attrs.relation(User)
        buyer = attrs.relation(User)

    class Friend(User):
        pass

    class S(Store):
        ticket = root(Ticket)
        user = one(User, via=Ticket.user)
        buyer = one(User, via=Ticket.buyer)
        peers = many(User, via=User.peer)  # <-

    return view_of(S)


@mistake("cycle", "the slots a, b lead to each other, and none to the root")
def slots_in_a_circle():
    class Node(DomainModel):
        class Meta:
            collection_name = "nodes"

        next = attrs.relation("Node")

    slot_b = one(Node, via=Node.next)

    class S(Store):
        ticket = root(Ticket)
        a = one(Node, via=(slot_b, Node.next))  # <-
        b = slot_b

    slot_b.how = (S._slots["a"], Node.next)
    return view_of(S)


@mistake("unknown-name", "Ticket.owner refers to 'Usr'", "Did you mean User?")
def relation_to_an_unknown_model():
    class Ticket(DomainModel):
        class Meta:
            collection_name = "tickets"

        owner = attrs.relation("Usr")  # <-

    class S(Store):
        ticket = root(Ticket)
        user = one(User, via=Ticket.owner)

    return view_of(S)


@mistake("bad-slot", "slot same: User.team is not an attribute of Ticket")
def pair_with_a_foreign_field():
    class S(Store):
        ticket = root(Ticket)
        same = many(Ticket, on=(Ticket.role, User.team))  # <-

    return view_of(S)


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


@mistake("bad-value", "limit=0 is not a number of values")
def limit_of_nothing():
    agg.collect(lambda ticket: ticket, limit=0)  # <-


@mistake("unknown-name", "agg.count has no option 'were'", "Did you mean where?")
def unknown_option_of_an_accumulator():
    agg.count(were=lambda ticket: ticket)  # <-


@mistake("unknown-name", "attrs.relation has no option 'pars'", "Did you mean parse?")
def unknown_option_of_a_relation():
    attrs.relation(User, pars=str)  # <-


@mistake("unknown-name", "root(...) has no option 'phantoms'", "Known: phantom, until.")
def unknown_option_of_a_root():
    root(Ticket, phantoms=True)  # <-


@mistake("bad-meta", "Note.Meta.convert_names = 'no' is not a bool")
def meta_option_of_a_wrong_type():
    class Note(DomainModel):  # <-
        class Meta:
            collection_name = "notes"
            convert_names = "no"


@mistake("bad-meta", "V.Meta has no option 'strict'", "Known: collection_name, convert_names")
def unknown_meta_option_of_a_view():
    class V(ViewModel):  # <-
        class Meta:
            collection_name = "v"
            strict = True


@mistake("bad-meta", "V.Meta does not say where the view's documents live")
def view_into_a_pattern_of_collections():
    class V(ViewModel):  # <-
        class Meta:
            collection_name = "teams/{team}/v"

        store: TicketStore

    return V


@mistake("ambiguous-name", "Note.path: every document has its own path", 'attrs.str(name="path")')
def attribute_that_every_document_has():
    class Note(DomainModel):
        class Meta:
            collection_name = "notes"

        path: str = attrs.str  # <-


@mistake("ambiguous-name", "Note: first_line and firstLine are both firstLine in Firestore", "name=")
def two_attributes_of_one_field():
    class Note(DomainModel):
        class Meta:
            collection_name = "notes"

        first_line: str = attrs.str
        firstLine: str = attrs.str  # <-


@mistake("bad-slot", "slot same: on=User.team is not a pair of fields", "on=(Meeting.sku, User.sku)")
def on_without_a_pair():
    class S(Store):
        ticket = root(Ticket)
        same = many(User, on=User.team)  # <-

    return view_of(S)


@mistake("bad-slot", "slot same: the pairs start from different slots")
def pairs_of_two_starts():
    class S(Store):
        ticket = root(Ticket)
        user = one(User, via=Ticket.user)
        same = many(User, on=[(Ticket.role, User.team), (User.name, User.name)])  # <-

    return view_of(S)


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


@mistake("unknown-name", "Ticket has no attribute 'rolle'", "Did you mean role?")
def missing_of_an_unknown_attribute():
    is_missing(Ticket("tickets/t1", {}), "rolle")  # <-


@mistake("unknown-name", "Day.simbol is declared as a part, and the path of Day has none", "Did you mean symbol?")
def part_that_the_path_does_not_name():
    class Day(DomainModel):
        class Meta:
            path = "stocks/{symbol}/daily/{date}"

        simbol: str = attrs.part  # <-


@mistake("unknown-name", "Day.symbol is declared as a part", 'path = "stocks/{symbol}/daily/{date}"')
def part_of_a_collection_group():
    class Day(DomainModel):
        class Meta:
            collection_group = "daily"

        symbol: str = attrs.part  # <-


@mistake("unknown-name", "attrs.part has no option 'name'")
def part_with_an_option():
    class Day(DomainModel):
        class Meta:
            path = "stocks/{symbol}/daily/{date}"

        ticker: str = attrs.part(name="symbol")  # <-


@mistake(
    "ambiguous-name",
    "Day.date is a part of the path, and declared as something else",
    'date: str = attrs.part. To read the field: document_date = attrs.timestamp(name="date")',
)
def field_named_like_a_part():
    class Day(DomainModel):
        class Meta:
            path = "stocks/{symbol}/daily/{date}"

        date = attrs.timestamp  # <-


@mistake(
    "ambiguous-name", "Week.symbol is a part of the path, and declared as something else", 'attrs.int(name="symbol")'
)
def field_of_a_subclass_named_like_an_inherited_part():
    class Day(DomainModel):
        class Meta:
            path = "stocks/{symbol}/daily/{date}"

    class Week(Day):
        symbol: int = attrs.int  # <-


@mistake("ambiguous-name", "Day.label is a part of the path, and declared as something else", "Rename one of them.")
def method_named_like_a_part():
    class Day(DomainModel):  # <-
        class Meta:
            path = "stocks/{label}/daily/{date}"

        def label(self) -> str: ...


@mistake("unknown-name", "Week.symbol is declared as a part, and the path of Week has none", "Did you mean")
def inherited_part_that_the_new_path_does_not_name():
    class Day(DomainModel):
        class Meta:
            path = "stocks/{symbol}/daily/{date}"

    class Week(Day):  # <-
        class Meta:
            path = "weeks/{week}/symbols/{a_symbol}"


@mistake("ambiguous-name", "Day: every document has its own doc_id", "Rename that part of the path.")
def part_that_every_document_has():
    class Day(DomainModel):  # <-
        class Meta:
            path = "stocks/{doc_id}/daily/{date}"


@mistake("bad-meta", "Day.Meta.path: two parts are named id", "Rename one.")
def parts_of_one_name():
    class Day(DomainModel):  # <-
        class Meta:
            path = "stocks/{id}/daily/{id}"


@mistake("bad-meta", "Day.Meta.path: {sym-bol} cannot be the name of an attribute", "such as {symbol}")
def part_that_is_no_name():
    class Day(DomainModel):  # <-
        class Meta:
            path = "stocks/{sym-bol}/daily/{date}"


@mistake("unknown-name", "Ticket has no attribute 'rolle'", "Did you mean role?")
def unknown_attribute_of_a_model():
    class S(Store):
        ticket = root(Ticket)
        same = many(User, on=(Ticket.rolle, User.team))  # <-


@mistake("unknown-name", "Day has no attribute 'simbol'", "Did you mean symbol? Known: close, date, doc_id, symbol.")
def unknown_part_of_a_model():
    class Day(DomainModel):
        class Meta:
            path = "stocks/{symbol}/daily/{date}"

        close: float = attrs.float

    class S(Store):
        user = root(User)
        days = many(Day, on=(User.doc_id, Day.simbol))  # <-


@mistake("bad-slot", "slot same: on= takes attributes of domain models", "what the other slot has")
def pair_with_the_name_of_an_attribute():
    class S(Store):
        ticket = root(Ticket)
        same = many(User, on=(Ticket.doc_id, "doc_id"))  # <-

    return view_of(S)


@mistake("bad-slot", "slot same: Ticket.doc_id is not an attribute of User")
def pair_with_the_id_of_another_model():
    class S(Store):
        ticket = root(Ticket)
        same = many(User, on=(Ticket.role, Ticket.doc_id))  # <-

    return view_of(S)


@mistake("bad-slot", "slot same: it starts from User, and no slot holds that", "Known: Tagged, Ticket")
def pair_that_starts_from_the_id_of_no_slot():
    class S(Store):
        ticket = root(Ticket)
        same = many(Tagged, on=(User.doc_id, Tagged.tags))  # <-

    return view_of(S)


@mistake("bad-slot", "slot users: the function of where= takes 3 documents, not 1 or 2", "Write where=lambda user: ...")
def condition_on_too_many():
    class S(Store):
        ticket = root(Ticket)
        users = many(User, via=(ticket, Ticket.user), where=lambda a, b, c: True)  # <-

    return view_of(S)


@mistake(
    "unknown-name", "parameter 'ticket' of where is given User, and names the slot ticket", "lambda user, ticket: ..."
)
def condition_on_another_slot():
    class S(Store):
        ticket = root(Ticket)
        users = many(User, via=(ticket, Ticket.user), where=lambda ticket: ticket.role)  # <-

    return view_of(S)


@mistake("bad-slot", "slot users: where='role' is not a function")
def condition_that_is_no_function():
    class S(Store):
        ticket = root(Ticket)
        users = many(User, via=(ticket, Ticket.user), where="role")  # type: ignore[arg-type]  # <-

    return view_of(S)


@mistake("bad-slot", "slot users: order_by=Ticket.role is not an attribute of User", "Order by what users have")
def order_by_what_another_has():
    class S(Store):
        ticket = root(Ticket)
        users = many(User, via=(ticket, Ticket.user), order_by=Ticket.role)  # <-

    return view_of(S)


@mistake("bad-slot", "descending= without order_by=", "order_by=Note.created, descending=True")
def descending_without_an_order():
    many(User, via=Ticket.user, descending=True)  # <-


@mistake("bad-value", "limit=0 is not a number of documents")
def limit_of_none():
    many(User, via=Ticket.user, limit=0)  # <-


@mistake("unknown-name", "one(...) has no option 'limit'", "Known: by")
def limit_of_one():
    one(User, via=Ticket.user, limit=1)  # <-


@mistake("unknown-name", "agg has no 'cuont'", "Did you mean count?")
def unknown_accumulator():
    agg.cuont()  # <-


@mistake("unknown-name", "operator has no 'filtr'", "Did you mean filter?")
def unknown_operator():
    operator.filtr  # noqa: B018 # <-


@mistake("unknown-name", "window has no 'sessions'", "Did you mean session?")
def unknown_window():
    window.sessions()  # <-


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


def view_of(store):
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        @udf
        @staticmethod
        def a() -> int: ...

    V.__annotations__["store"] = store
    return V


@pytest.mark.parametrize("case", MISTAKES, ids=lambda m: m.declare.__name__)
def test_a_mistake_is_told_with_its_line(case):
    with pytest.raises(DeclarationError) as caught:
        plan_views(case.declare())
    error = caught.value
    assert error.code == case.code
    assert case.what in error.what
    assert case.fix in error.fix
    assert __file__ in error.where
    assert error.where.endswith("# <-")


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
