"""Mistakes in accumulators over many slots: each with its code, its text, its suggestion, and the user's line."""

from __future__ import annotations

import pytest

from onto_flow import Store, ViewModel, agg, many, operator, root, udf
from tests.model.mistakes import Mistakes, judge
from tests.model.test_over import Room, RoomStore, Ticket

mistake = Mistakes()


class Plain(ViewModel):
    class Meta:
        collection_name = "v"

    store: RoomStore


class OtherStore(Store):
    room = root(Room)
    tickets = many(Ticket, by=Ticket.room)


@mistake("bad-slot", "V.sold: over=by slot of Ticket is not a slot of RoomStore", "Write over=RoomStore.tickets.")
def a_slot_of_another_store():
    class V(Plain):
        sold = agg.count(over=OtherStore.tickets)  # <-

    return V


@mistake("bad-slot", "V.sold: over='ticket' is not a slot of RoomStore", "Did you mean tickets?")
def the_name_of_a_slot():
    class V(Plain):
        sold = agg.count(over="ticket")  # <-

    return V


@mistake("bad-slot", "V.sold: user is no many slot", "@udf")
def a_slot_of_one_document():
    class V(Plain):
        sold = agg.count(over=RoomStore.user)  # <-

    return V


@mistake("bad-slot", "V.sold is over tickets, and the view has a key", "view of its own")
def in_a_view_with_a_key():
    class V(Plain):
        @operator.key
        @classmethod
        def open(cls, room: Room) -> bool:
            return room.open

        sold = agg.count(over=RoomStore.tickets)  # <-

    return V


@mistake(
    "ambiguous-name", "V: 'tickets', the first parameter of <lambda>, is one document of tickets, and names the slot"
)
def the_slot_as_first_parameter():
    class V(Plain):
        sold = agg.count(over=RoomStore.tickets, where=lambda tickets: tickets.sold)  # <-

    return V


@mistake(
    "ambiguous-name", "'room', the first parameter of <lambda>, is one document of tickets, and names something else"
)
def another_slot_as_first_parameter():
    class V(Plain):
        sold = agg.count(over=RoomStore.tickets, where=lambda room, ticket: room.open)  # <-

    return V


@mistake("unknown-name", "V: <lambda> takes no document of tickets", "first parameter is one document of tickets")
def no_parameter():
    class V(Plain):
        sold = agg.count(over=RoomStore.tickets, where=lambda: True)  # <-

    return V


@mistake("unknown-name", "V: parameter 'usr' of <lambda> names nothing of the view", "Did you mean user?")
def unknown_second_parameter():
    class V(Plain):
        sold = agg.count(over=RoomStore.tickets, where=lambda ticket, usr: usr.vip)  # <-

    return V


@mistake("unknown-name", "V: parameter 'twice' of <lambda> needs sold, an accumulator, which is known later")
def an_accumulator_of_an_accumulator():
    class V(Plain):
        sold = agg.count(over=RoomStore.tickets)

        @udf
        @staticmethod
        def twice(sold: int) -> int:
            return 2 * sold

        many_sold = agg.count(over=RoomStore.tickets, where=lambda ticket, twice: ticket.price > twice)  # <-

    return V


@mistake("unknown-name", "V: parameter 'sold' of enough is not known yet at that point")
def a_filter_by_an_accumulator():
    class V(Plain):
        sold = agg.count(over=RoomStore.tickets)

        @operator.filter  # <-
        @classmethod
        def enough(cls, sold: int) -> bool:
            return sold > 3

    return V


@pytest.mark.parametrize("case", mistake, ids=lambda m: m.declare.__name__)
def test_a_mistake_is_told_with_its_line(case):
    judge(case)
