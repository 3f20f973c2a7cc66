"""Chat rooms as each member sees them: the last message, and how many are unread.

`rooms/{room}` has a `title`; `rooms/{room}/members/{member}` has `readUntil` (a time) and `muted`;
`rooms/{room}/messages/{message}` has `author` (a member's id), `text` and `sentAt`. One document per member and room.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from onto_flow import DomainModel, Store, ViewModel, attrs, computed, many, one, operator, root

PREVIEW = 40


class Room(DomainModel):
    """A room."""

    class Meta:
        path = "rooms/{room}"

    room: str = attrs.part
    title: str = attrs.str


class Member(DomainModel):
    """Somebody in a room."""

    class Meta:
        path = "rooms/{room}/members/{member}"

    room: str = attrs.part
    member: str = attrs.part
    read_until: datetime | None = attrs.timestamp
    muted: bool = attrs.bool(default=False)


class Message(DomainModel):
    """A message; a message that is taken back is deleted."""

    class Meta:
        path = "rooms/{room}/messages/{message}"

    room: str = attrs.part
    author: str = attrs.str
    text: str = attrs.str(default="")
    sent_at: datetime | None = attrs.timestamp


class MembershipStore(Store):
    """A member, the room, and its messages."""

    member = root(Member)
    room = one(Room, on=(Member.room, Room.room), required=True)
    messages = many(Message, on=(Member.room, Message.room))


@dataclass(frozen=True)
class Preview:
    """The last message of a room."""

    author: str
    text: str
    sent_at: datetime


class RoomOfMember(ViewModel):
    """A room in the list of one member."""

    class Meta:
        collection_name = "roomsOfMembers"

    store: MembershipStore

    @computed
    def title(self) -> str:
        """The room's title."""
        return self.store.room.title

    @computed
    def last(self) -> Preview | None:
        """The newest message, shortened; messages that have no time yet are not shown."""
        sent = [m for m in self.store.messages if m.sent_at is not None]
        newest = max(sent, key=lambda message: (message.sent_at, message.path), default=None)
        if newest is None or newest.sent_at is None:
            return None
        return Preview(newest.author, newest.text[:PREVIEW], newest.sent_at)

    @computed
    def unread(self) -> int:
        """Messages of others since the member last looked."""
        member = self.store.member
        since = member.read_until
        return sum(
            1
            for m in self.store.messages
            if m.author != member.member and m.sent_at is not None and (since is None or m.sent_at > since)
        )

    @operator.filter
    @classmethod
    def shown(cls, member: Member) -> bool:
        """A muted room is not in the list."""
        return not member.muted
