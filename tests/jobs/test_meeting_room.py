"""The meeting room, as a scenario."""

from onto_flow import Reference
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.testing import scenario

ROOM = {
    "locations/hall": {"name": "Hall"},
    "users/ada": {"firstName": "Ada", "lastName": "King", "organization": "Acme", "hearingAidRequested": True},
    "users/bob": {"firstName": "Bob", "lastName": "Ross", "organization": "Navy", "hearingAidRequested": False},
    "tickets/1": {"role": "guest", "attendance": True, "user": Reference("users/ada")},
    "tickets/2": {"role": "guest", "attendance": False, "user": Reference("users/bob")},
    "meetings/m": {
        "status": "in-session",
        "location": Reference("locations/hall"),
        "tickets": [Reference("tickets/1"), Reference("tickets/2")],
    },
}
ADA = {"name": "Ada King", "organization": "Acme", "hearingAidRequested": True}
BOB = {"name": "Bob Ross", "organization": "Navy", "hearingAidRequested": False}


def session(*attending, address="Hall", in_session=True):
    aids = sum(a["hearingAidRequested"] for a in attending)
    shown = {"inSession": in_session, "address": address, "attending": list(attending), "numHearingAidRequested": aids}
    return {"meetingSessions/m": shown}


def test_all_see_who_attends():
    (
        scenario(MeetingSession)
        .given(ROOM)
        .then(session(ADA))
        .when(("tickets/2", {"attendance": True}))
        .then(session(ADA, BOB))
        .when(("users/ada", {"lastName": "Lovelace"}), ("locations/hall", None))
        .then(session({**ADA, "name": "Ada Lovelace"}, BOB, address=None))
        .when(("users/ada", None), ("meetings/m", {"status": "closed"}))
        .then(session(BOB, address=None, in_session=False))
        .when(("meetings/m", {"status": "not-started"}))
        .then({})
    )


def test_organizations_count_who_comes():
    (
        scenario(OrganizationLoad)
        .given({p: f for p, f in ROOM.items() if not p.startswith("meetings/")})
        .then(
            {
                "organizationLoad/Acme|guest": {
                    "organization": "Acme",
                    "role": "guest",
                    "attending": 1,
                    "names": ["King"],
                },
                "organizationLoad/Navy|guest": {
                    "organization": "Navy",
                    "role": "guest",
                    "attending": 0,
                    "names": ["Ross"],
                },
            }
        )
        .when(("users/bob", {"organization": "Acme"}), ("tickets/1", {"role": "host"}))
        .then(
            {
                "organizationLoad/Acme|guest": {
                    "organization": "Acme",
                    "role": "guest",
                    "attending": 0,
                    "names": ["Ross"],
                },
                "organizationLoad/Acme|host": {
                    "organization": "Acme",
                    "role": "host",
                    "attending": 1,
                    "names": ["King"],
                },
            }
        )
    )
