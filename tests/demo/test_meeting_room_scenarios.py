"""The meeting room's views, as their specification: given documents, when changes, then the view."""

from __future__ import annotations

from onto_flow import Reference
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.testing import EXPORT, MISSING, scenario

ADA = {"firstName": "Ada", "lastName": "Lovelace", "organization": "Analytical", "hearingAidRequested": True}
ALAN = {"firstName": "Alan", "lastName": "Turing", "organization": "Bletchley", "hearingAidRequested": False}
ROOM = {
    "users/ada": ADA,
    "users/alan": ALAN,
    "locations/attic": {"name": "Attic"},
    "tickets/t1": {"user": Reference("users/ada"), "role": "speaker", "attendance": True},
    "tickets/t2": {"user": Reference("users/alan"), "role": "guest", "attendance": False},
    "meetings/standup": {
        "status": "in-session",
        "location": Reference("locations/attic"),
        "tickets": [Reference("tickets/t1"), Reference("tickets/t2")],
    },
}
SHOWN_ADA = {"name": "Ada Lovelace", "organization": "Analytical", "hearingAidRequested": True}
SHOWN_ALAN = {"name": "Alan Turing", "organization": "Bletchley", "hearingAidRequested": False}


def standup(*attending, aids=0, address="Attic", in_session=True):
    return {
        "meetingSessions/standup": {
            "inSession": in_session,
            "address": address,
            "attending": list(attending),
            "numHearingAidRequested": aids,
        }
    }


def test_who_attends_is_shown_and_who_does_not_is_not():
    scenario(MeetingSession).given(ROOM).then(standup(SHOWN_ADA, aids=1))


def test_a_guest_decides_to_attend():
    (
        scenario(MeetingSession)
        .given(ROOM)
        .when(("tickets/t2", {"attendance": True}))
        .then(standup(SHOWN_ADA, SHOWN_ALAN, aids=1))
    )


def test_a_rename_reaches_every_meeting():
    (
        scenario(MeetingSession)
        .given(ROOM)
        .when(
            ("users/ada", {"lastName": "King"}),
            ("tickets/t2", {"user": Reference("users/ada"), "attendance": True}),
        )
        .then(standup({**SHOWN_ADA, "name": "Ada King"}, {**SHOWN_ADA, "name": "Ada King"}, aids=2))
    )


def test_a_deleted_ticket_and_a_deleted_user_are_gone():
    (
        scenario(MeetingSession)
        .given(ROOM)
        .when(("tickets/t1", None))
        .then(standup())
        .when(("tickets/t2", {"attendance": True}), ("users/alan", None))
        .then(standup())
    )


def test_a_location_that_does_not_exist_is_an_answer():
    (
        scenario(MeetingSession)
        .given(ROOM)
        .when(("locations/attic", None))
        .then(standup(SHOWN_ADA, aids=1, address=None))
        .when(("meetings/standup", {"location": MISSING}), ("locations/attic", {"name": "Attic"}))
        .then(standup(SHOWN_ADA, aids=1, address=None))
    )


def test_a_meeting_that_has_not_started_has_no_document():
    (
        scenario(MeetingSession)
        .given(ROOM)
        .when(("meetings/standup", {"status": "not-started"}))
        .then({})
        .when(("meetings/standup", {"status": "closed"}))
        .then(standup(SHOWN_ADA, aids=1, in_session=False))
    )


def test_what_was_deleted_after_the_export_stays_deleted():
    (
        scenario(MeetingSession)
        .given(ROOM)
        .when(
            ("tickets/t1", {"role": "guest"}),
            EXPORT,
            ("tickets/t1", None),
        )
        .delivered("2 | 1 | kill | 2 1")
        .then(standup())
    )


def test_an_organization_has_a_document_while_it_has_tickets():
    (
        scenario(OrganizationLoad)
        .given(ROOM)
        .then({
            "organizationLoad/Analytical|speaker": {
                "organization": "Analytical", "role": "speaker", "attending": 1, "names": ["Lovelace"],
            },
            "organizationLoad/Bletchley|guest": {
                "organization": "Bletchley", "role": "guest", "attending": 0, "names": ["Turing"],
            },
        })
        .when(
            ("users/alan", {"organization": "Analytical"}),
            ("tickets/t2", {"role": "speaker"}),
        )
        .then({
            "organizationLoad/Analytical|speaker": {
                "organization": "Analytical", "role": "speaker", "attending": 1, "names": ["Lovelace", "Turing"],
            },
        })
    )  # fmt: skip


def test_the_views_are_pure_functions_of_their_documents():
    scenario(MeetingSession, OrganizationLoad).given(ROOM).when(("tickets/t2", {"attendance": True})).twice()
