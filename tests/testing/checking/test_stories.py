"""What stories tell, and how one that fails is made small: what happens often enough that a fault in it is met."""

from __future__ import annotations

from random import Random

from onto_flow.core.equality import same
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.testing.checking.fields import fields_of
from onto_flow.testing.checking.stories import Story, draw_story
from onto_flow.testing.checking.ways import Shuffled
from onto_flow.testing.checking.worlds import draw_world
from onto_flow.testing.schedules import HASTY

FIELDS = fields_of(MeetingSession.plan(), (MeetingSession,))


def stories(count):
    for seed in range(count):
        random = Random(seed)
        yield draw_story(random, draw_world(random, FIELDS, "nulls"))


def was_away(story):
    """Whether a document is there again as it was, behind a deletion and one change of another one."""
    states = story.states()
    for at, (path, fields) in enumerate(story.changes[2:], start=2):
        gone, between = story.changes[at - 2], story.changes[at - 1][0]
        before = states[at - 2].get(path)
        if gone == (path, None) and between != path and fields is not None and same(before, fields):
            return True
    return False


def test_documents_are_away_while_others_change():
    assert sum(map(was_away, stories(400))) > 40


def test_a_smaller_story_is_tried_in_more_haste():
    hasty = Shuffled(delivery="ordered", tight=True, style=HASTY)
    assert list(Shuffled(delivery="ordered").simpler(Story({}, ()))) == [hasty]
    assert list(hasty.simpler(Story({}, ()))) == []
