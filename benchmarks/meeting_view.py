"""The view of the workload: the meeting room's, with the title that some changes change."""

from __future__ import annotations

from onto_flow import DomainModel, Store, ViewModel, attrs, computed, many, one, operator, root, udf
from onto_flow.demo.meeting_room import Attendee, Location, Ticket, User


class Meeting(DomainModel):
    class Meta:
        collection_name = "meetings"

    title: str = attrs.str
    status: str = attrs.str
    location = attrs.relation(Location)
    tickets = attrs.relations(Ticket)


class MeetingSessionStore(Store):
    meeting = root(Meeting)
    location = one(Location, via=Meeting.location)
    tickets = many(Ticket, via=Meeting.tickets)
    users = many(User, via=Ticket.user)


class MeetingSession(ViewModel):
    class Meta:
        collection_name = "meetingSessions"

    store: MeetingSessionStore

    @computed
    def title(self) -> str:
        return self.store.meeting.title

    @computed
    def in_session(self) -> bool:
        return self.store.meeting.status == "in-session"

    @computed
    def address(self) -> str | None:
        location = self.store.location
        return None if location is None else location.name

    @computed
    def attending(self) -> list[Attendee]:
        users = self.store.users
        return [
            Attendee(f"{u.first_name} {u.last_name}", u.organization, u.hearing_aid_requested)
            for t in self.store.tickets
            if t.attendance and (u := users.get(t.user))
        ]

    @udf
    @staticmethod
    def num_hearing_aid_requested(attending: list[Attendee]) -> int:
        return sum(a.hearing_aid_requested for a in attending)

    @operator.filter
    @classmethod
    def started(cls, meeting: Meeting) -> bool:
        return meeting.status != "not-started"
