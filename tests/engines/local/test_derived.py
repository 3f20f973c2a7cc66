"""Documents of a `via` slot are not written by its match: they are ingest's, whenever they are read."""

from __future__ import annotations

import pytest
from test_kept import Kept, attends, many_meetings, no_waiting_for_the_disk  # noqa: F401

from onto_flow import DomainModel, Store, ViewModel, attrs, computed, one, plan_views, root
from onto_flow.core.change import Change
from onto_flow.core.native import compiled
from onto_flow.core.values import Reference
from onto_flow.demo.meeting_room import MeetingSession, User
from onto_flow.engines.base import event
from onto_flow.engines.local.derived import is_derived

USERS = "MeetingSession.match.users"
GRACE = {"firstName": "Grace", "lastName": "Hopper", "organization": "N", "hearingAidRequested": False}


@pytest.fixture
def kept(tmp_path):
    made = Kept(MeetingSession.plan(), tmp_path / "state")
    many_meetings(made, 3)
    yield made
    made.store.close()


def rename(kept, micros=50, fields=GRACE):
    kept.flow.process([event(Change("users/u1", None, fields, (micros, 0), None))])


def newcomer(kept):
    """What a meeting shows that asks for the user now."""
    new = {"status": "in-session", "tickets": [Reference("tickets/t1")]}
    [change] = kept.flow.process([event(Change("meetings/new", None, new, (90, 0), None))])
    return [a["name"] for a in change.new["attending"]]


@pytest.mark.parametrize("folds", [False, True])
def test_whoever_asks_after_a_restart_is_given_the_newest(kept, folds):
    rename(kept)
    kept.commit()
    if folds:
        kept.state.fold()
    kept.open()
    assert newcomer(kept) == ["Grace Hopper"]
    assert not kept.state.states["ingest"].keys() & {"users/u1"}, "ingest was not needed"


def test_whoever_asks_after_a_restart_whose_document_changes_in_the_same_batch_is_given_both(kept):
    rename(kept)
    kept.commit()
    kept.open()
    new = {"status": "in-session", "tickets": [Reference("tickets/t1")]}
    changes = [
        Change("meetings/new", None, new, (90, 0), None),
        Change("users/u1", None, {**GRACE, "lastName": "H"}, (91, 0), None),
    ]
    shown = {c.path: [a["name"] for a in c.new["attending"]] for c in kept.flow.process([event(c) for c in changes])}
    assert shown == dict.fromkeys([f"meetingSessions/m{n}" for n in range(3)] + ["meetingSessions/new"], ["Grace H"])


@pytest.mark.skipif(compiled() is None, reason="in Python a key is said whenever it has a step")
def test_a_change_of_a_document_is_not_said_of_match(kept):
    rename(kept)
    rename(kept, 60, {**GRACE, "lastName": "H"})
    kept.commit()
    rename(kept, 70)
    assert kept.state.changed("ingest") and not kept.state.changed(USERS)


def test_a_document_whose_newer_version_is_not_in_the_table_yet_is_not_evicted(kept):
    """Else it would be made again from the older one."""
    rename(kept)
    rename(kept, 60, {**GRACE, "lastName": "H"})
    kept.commit()
    attends(kept, 2, 70)  # so that nothing can be folded
    kept.state.evict(0)
    assert newcomer(kept) == ["Grace H"]


def test_a_document_that_is_gone_stays_gone(kept):
    rename(kept)
    rename(kept, 60, None)
    kept.commit()
    kept.open()
    assert newcomer(kept) == []


class Shown(DomainModel):
    """What `MeetingSession` shows, as a model."""

    class Meta:
        collection_name = "meetingSessions"

    attending = attrs.list


class Badge(DomainModel):
    class Meta:
        collection_name = "badges"

    of = attrs.relation(Shown)
    user = attrs.relation(User)


class BadgeStore(Store):
    badge = root(Badge)
    session = one(Shown, via=Badge.of)
    user = one(User, via=Badge.user)


class Badges(ViewModel):
    class Meta:
        collection_name = "printed"

    store: BadgeStore

    @computed
    def text(self) -> str:
        session, user = self.store.session, self.store.user
        return f"{user.last_name if user else '?'} with {len(session.attending) if session else 0}"


def badge(kept, micros):
    fields = {"of": Reference("meetingSessions/m1"), "user": Reference("users/u1")}
    [change] = kept.flow.process([event(Change(f"badges/b{micros}", None, fields, (micros, 0), None))])
    return change.new["text"]


def test_a_document_of_another_view_is_written_as_ingest_has_none(tmp_path):
    plan = plan_views(MeetingSession, Badges)
    derived = {node.id for node in plan.operators if is_derived(node, plan)}
    assert derived == {
        "Badges.match.user",
        *(f"MeetingSession.match.{name}" for name in ("location", "tickets", "users")),
    }
    kept = Kept(plan, tmp_path / "state")
    many_meetings(kept, 3)
    rename(kept)
    kept.commit()
    for micros in (60, 70):
        kept.open()
        assert badge(kept, micros) == "Hopper with 1"
        kept.commit()
        kept.state.fold()
    kept.store.close()
