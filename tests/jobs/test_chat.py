"""Chat rooms as each member sees them."""

from datetime import datetime, timezone

from onto_flow.testing import scenario
from udfs.chat import RoomOfMember


def at(minute):
    return datetime(2024, 5, 1, 12, minute, tzinfo=timezone.utc)


def room(last, unread, title="Tea"):
    author, text, minute = last
    return {"title": title, "last": {"author": author, "text": text, "sentAt": at(minute)}, "unread": unread}


def test_each_member_has_own_unread_messages_and_all_see_the_last_one():
    (
        scenario(RoomOfMember)
        .given(
            {
                "rooms/tea": {"title": "Tea"},
                "rooms/tea/members/ada": {"readUntil": at(1)},
                "rooms/tea/members/bob": {},
                "rooms/tea/messages/1": {"author": "ada", "text": "Anyone?", "sentAt": at(1)},
                "rooms/tea/messages/2": {"author": "bob", "text": "Coming", "sentAt": at(2)},
                "rooms/sea/messages/1": {"author": "eve", "text": "Ahoy", "sentAt": at(9)},
            }
        )
        .then(
            {
                "roomsOfMembers/tea|ada": room(("bob", "Coming", 2), 1),
                "roomsOfMembers/tea|bob": room(("bob", "Coming", 2), 1),
            }
        )
        .when(("rooms/tea/messages/3", {"author": "ada", "text": "Good", "sentAt": at(3)}))
        .then(
            {
                "roomsOfMembers/tea|ada": room(("ada", "Good", 3), 1),
                "roomsOfMembers/tea|bob": room(("ada", "Good", 3), 2),
            }
        )
        .when(("rooms/tea/members/bob", {"readUntil": at(3)}), ("rooms/tea/messages/3", None))
        .then(
            {
                "roomsOfMembers/tea|ada": room(("bob", "Coming", 2), 1),
                "roomsOfMembers/tea|bob": room(("bob", "Coming", 2), 0),
            }
        )
        .when(("rooms/tea/members/ada", {"muted": True}), ("rooms/tea", {"title": "Coffee"}))
        .then({"roomsOfMembers/tea|bob": room(("bob", "Coming", 2), 0, title="Coffee")})
        .when(("rooms/tea", None))
        .then({})
    )
