"""The fenced sink on an embedded database, with time that stands still until somebody waits."""

from __future__ import annotations

from itertools import count

from onto_flow.core.change import ViewChange
from onto_flow.core.collection import Collection
from onto_flow.core.fence import without_fence
from onto_flow.database import Query
from onto_flow.database.embedded import EmbeddedDatabase
from onto_flow.sinks.around import Around
from onto_flow.sinks.firestore import FirestoreSink
from onto_flow.sinks.firestore.sink import Limits
from onto_flow.testing.sink_suite import ROOMS

NOON = 1_764_158_400.0
"""2025-11-26 12:00 UTC."""


class Standing:
    """Time that goes on when somebody sleeps, and not else.

    Attributes:
        now: Seconds since 1970.
        slept: How long everybody slept, one after the other.
    """

    def __init__(self, now=NOON):
        self.now = now
        self.slept = []
        self.around = Around(lambda: self.now, self._sleep, lambda: 0.5)

    def _sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def opened(database, generation=1, *, time=None, session="", tables=(ROOMS,), **limits):
    """A sink that was opened for tables."""
    sessions = count()
    sink = FirestoreSink(
        database,
        Limits(**{"gently": False, "under_way": 1, **limits}),
        (time or Standing()).around,
        lambda: session or f"s{id(sessions)}",
    )
    sink.open(list(tables), generation)
    return sink


def database(folder, name="app.sqlite"):
    """An embedded database whose commits need not survive a power cut."""
    return EmbeddedDatabase(folder / name, synchronous="off")


def documents(place, collection="rooms"):
    """path -> fields, without fences."""
    return {s.path: without_fence(s.fields) for s in place.query(Query.of(Collection(collection)))}


def change(id, seq, new, generation=1, epoch=0, old=None):
    """A change of a room."""
    return ViewChange("Room", f"rooms/{id}", old, new, (generation, epoch, seq))
