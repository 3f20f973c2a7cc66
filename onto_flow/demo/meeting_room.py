"""The meeting room's models and views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from onto_flow import DomainModel, Store, ViewModel, agg, attrs, computed, many, one, operator, root, udf


class User(DomainModel):
    """A person."""

    class Meta:
        collection_name = "users"

    first_name: str = attrs.str
    last_name: str = attrs.str
    organization: str = attrs.str
    hearing_aid_requested: bool = attrs.bool


class Location(DomainModel):
    """Where meetings are."""

    class Meta:
        collection_name = "locations"

    name: str = attrs.str


class Ticket(DomainModel):
    """A person's place in a meeting."""

    class Meta:
        collection_name = "tickets"

    role: str = attrs.str
    attendance: bool = attrs.bool
    user = attrs.relation(User)


class Meeting(DomainModel):
    """A meeting."""

    class Meta:
        collection_name = "meetings"

    status: str = attrs.str
    location = attrs.relation(Location)
    tickets = attrs.relations(Ticket)


@dataclass(frozen=True)
class Attendee:
    """What a meeting's screen shows of a person."""

    name: str
    organization: str
    hearing_aid_requested: bool


class MeetingSessionStore(Store):
    """What one meeting session is made of."""

    meeting = root(Meeting)
    location = one(Location, via=Meeting.location)
    tickets = many(Ticket, via=Meeting.tickets)
    users = many(User, via=Ticket.user)


class MeetingSession(ViewModel):
    """One document per meeting that has started: who attends, and where."""

    class Meta:
        collection_name = "meetingSessions"

    store: MeetingSessionStore

    @computed
    def in_session(self) -> bool:
        """Whether the meeting goes on."""
        return self.store.meeting.status == "in-session"

    @in_session.setter
    def in_session(self, value: bool) -> None:
        self.store.meeting.status = "in-session" if value else "closed"

    @computed
    def address(self) -> str | None:
        """The name of the place."""
        location = self.store.location
        return None if location is None else location.name

    @computed
    def attending(self) -> list[Attendee]:
        """Who attends."""
        users = self.store.users
        return [
            Attendee(f"{u.first_name} {u.last_name}", u.organization, u.hearing_aid_requested)
            for t in self.store.tickets
            if t.attendance and (u := users.get(t.user))
        ]

    @udf
    @staticmethod
    def num_hearing_aid_requested(attending: list[Attendee]) -> int:
        """How many hearing aids to bring."""
        return sum(1 for a in attending if a.hearing_aid_requested)

    @operator.filter
    @classmethod
    def started(cls, meeting: Meeting) -> bool:
        """Only meetings that have started."""
        return meeting.status != "not-started"


class OrgRole(NamedTuple):
    """An organization's role in meetings."""

    organization: str
    role: str


class TicketStore(Store):
    """A ticket and its user."""

    ticket = root(Ticket)
    user = one(User, via=Ticket.user, required=True)


class OrganizationLoad(ViewModel):
    """One document per organization and role: how many of its people attend, and who."""

    class Meta:
        collection_name = "organizationLoad"

    store: TicketStore

    @operator.key
    @classmethod
    def organization_role(cls, user: User, ticket: Ticket) -> OrgRole:
        """The group of a ticket."""
        return OrgRole(user.organization, ticket.role)

    attending = agg.count(where=lambda ticket: ticket.attendance)
    names = agg.collect(lambda user: user.last_name, order_by=lambda user: user.last_name)
