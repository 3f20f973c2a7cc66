"""Mistakes in stores and their slots: each with its code, its text, its suggestion, and the user's line."""

from __future__ import annotations

import pytest

from onto_flow import DomainModel, Store, attrs, many, one, root
from tests.model.mistakes import Mistakes, Tagged, Ticket, User, judge, view_of

mistake = Mistakes()


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


@mistake("unknown-name", "root(...) has no option 'phantoms'", "Known: phantom, until.")
def unknown_option_of_a_root():
    root(Ticket, phantoms=True)  # <-


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


@mistake("bad-slot", "by=Ticket.user is not a relation of User", "Write by=User.meeting")
def reverse_relation_of_another_model():
    class S(Store):
        ticket = root(Ticket)
        users = many(User, by=Ticket.user)  # <-

    return view_of(S)


@mistake("bad-slot", "a slot holds a DomainModel or a ViewModel, not 'Ticket'", "Give the class")
def root_by_name():
    root("Ticket")  # <-


@pytest.mark.parametrize("case", mistake, ids=lambda m: m.declare.__name__)
def test_a_mistake_is_told_with_its_line(case):
    judge(case)
