"""Session windows against the oracle, on both engines; what a session shows on which code fails; what a change costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow import DomainModel, Session, Store, ViewModel, agg, attrs, operator, root, udf, window
from onto_flow.core.change import DeadLetter, ViewChange
from onto_flow.core.values import from_micros
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.fold import Fold
from onto_flow.operators.messages import Event
from onto_flow.operators.sessions import SessionGroup
from onto_flow.plan.nodes import Plan
from onto_flow.testing.histories import History, history_of
from onto_flow.testing.judge_changes import applied, judge_chain
from onto_flow.testing.oracle import recompute
from onto_flow.testing.simulation import Setting, complaints

SECOND = timedelta(seconds=1)


class Act(DomainModel):
    class Meta:
        collection_name = "acts"

    user: str = attrs.str
    moments: list[Any] = attrs.list
    size: int = attrs.int


class ActStore(Store):
    act = root(Act)


class Busy(ViewModel):
    """Several rows of one document, and accumulators of each kind."""

    class Meta:
        collection_name = "busy"

    store: ActStore

    @operator.expand
    @classmethod
    def at(cls, act: Act) -> list[datetime]:
        return act.moments

    @operator.key
    @classmethod
    def user(cls, act: Act) -> str:
        return act.user

    busy = window.session(lambda at: at, gap=3 * SECOND)
    acts = agg.count()
    size = agg.sum(lambda act: act.size)
    largest = agg.max(lambda act: act.size)
    users = agg.collect(lambda act: act.doc_id, order_by=lambda at: at)


class Strict(Busy):
    """Its code fails on sessions with a document of size 9, or more."""

    class Meta:
        collection_name = "strict"

    @udf
    @staticmethod
    def checked(largest: int, busy: Session) -> int:
        if largest >= 9:
            raise ValueError(f"too large: {largest}")
        return largest


class Dropped(Strict):
    class Meta:
        collection_name = "dropped"
        on_error = "delete"


def second(at: int) -> datetime:
    return from_micros(0) + at * SECOND


def act(*moments: int, size: int = 1, user: str = "ada") -> dict[str, Any]:
    return {"user": user, "moments": [second(at) for at in moments], "size": size}


@dataclass(frozen=True)
class Told:
    """A history of one view."""

    plan: Plan
    history: History


moments = st.lists(st.integers(0, 30), max_size=4, unique=True)
contents = st.none() | st.builds(
    lambda at, size, user: act(*at, size=size, user=user), moments, st.integers(0, 9), st.sampled_from(["ada", "bob"])
)
writes = st.lists(st.tuples(st.sampled_from([f"acts/{n}" for n in range(9)]), contents), max_size=25).map(
    lambda given: that_happen(given)
)


def that_happen(changes: list[Any]) -> list[Any]:
    """Without deletions of what is not there."""
    there: set[str] = set()
    found = []
    for path, fields in changes:
        if fields is not None or path in there:
            found.append((path, fields))
        (there.discard if fields is None else there.add)(path)
    return found


class Follow:
    """The local flow of one view, with state that is packed now and then."""

    def __init__(self, view: type[ViewModel]) -> None:
        self.name, self.plan = view.__name__, view.plan()
        self.flow = LocalFlow(self.plan)
        self.documents: dict[str, Any] = {}
        self.outputs: list[Any] = []
        self.time = 0

    def write(self, *batch: tuple[str, Any]) -> list[Any]:
        """What a batch gives."""
        events = []
        for path, fields in batch:
            self.time += 1
            self.documents[path] = fields
            events.append((path, Event((self.time, 0), fields)))
        found = list(self.flow.process(events))
        self.outputs += found
        return found

    def pack(self) -> None:
        """Keeps groups as forms, as after a restart."""
        for cells in self.flow.state.states[f"{self.name}.sessions"].values():
            if isinstance(cells.get("group"), SessionGroup):
                cells["group"] = cells["group"].pack()

    def table(self) -> dict[str, Any]:
        """The view's table."""
        return applied(o for o in self.outputs if isinstance(o, ViewChange)).get(self.name, {})

    def expected(self) -> dict[str, Any]:
        """What it should be."""
        there = {path: fields for path, fields in self.documents.items() if fields is not None}
        return recompute(self.plan, there)[self.name]


@given(writes, st.integers(1, 5), st.booleans())
def test_the_local_flow_shows_what_the_oracle_does(changes, size, packed):
    follow = Follow(Busy)
    for at in range(0, len(changes), size):
        follow.write(*changes[at : at + size])
        if packed:
            follow.pack()
        assert follow.table() == follow.expected()
    assert list(judge_chain((o, False) for o in follow.outputs)) == []


@given(writes, st.randoms(use_true_random=False, note_method_calls=False))
def test_an_engine_without_order_keeps_the_laws(changes, random: Random):
    mode = random.choice(("shuffled", "streamed", "outbox", "epoch"))
    history = history_of(*changes, exported=random.randint(0, len(changes)))
    assert complaints(Told(Busy.plan(), history), Setting(mode), random) == []


def shown(follow: Follow) -> dict[str, Any]:
    """Start of a session in seconds -> (acts, whether it is flagged)."""
    last = {o.path: o for o in follow.outputs if isinstance(o, ViewChange)}
    return {
        int((o.new["busy"]["start"] - from_micros(0)) / SECOND): (o.new["acts"], o.failed)
        for o in last.values()
        if o.new is not None
    }


def letters(outputs: list[Any]) -> list[tuple[str, bool]]:
    return [(o.key.rpartition("T")[2], o.cleared) for o in outputs if isinstance(o, DeadLetter)]


def test_code_that_fails_on_a_session_leaves_the_others_alone():
    follow = Follow(Strict)
    follow.write(("acts/a", act(1)), ("acts/b", act(3)), ("acts/c", act(20)))
    assert shown(follow) == {1: (2, False), 20: (1, False)}
    failed = follow.write(("acts/d", act(4, size=9)))
    assert letters(failed) == [("00:00:01.000000Z", False)]
    assert shown(follow) == {1: (2, True), 20: (1, False)}
    assert follow.write(("acts/e", act(21)))[0].new["acts"] == 2, "the other session goes on"
    follow.pack()
    moved = follow.write(("acts/a", None))
    assert letters(moved) == [("00:00:03.000000Z", False), ("00:00:01.000000Z", True)]
    assert shown(follow) == {1: (2, True), 20: (2, False)}, "the last good document stays where it was"
    follow.pack()
    assert letters(follow.write(("acts/d", None))) == [("00:00:03.000000Z", True)]
    assert shown(follow) == {3: (1, False), 20: (2, False)} and follow.table() == follow.expected()


def test_sessions_that_are_joined_by_what_fails_keep_their_documents_until_they_are_parted():
    follow = Follow(Strict)
    follow.write(("acts/a", act(1)), ("acts/b", act(6)))
    assert letters(follow.write(("acts/c", act(3, size=9)))) == [("00:00:01.000000Z", False)]
    assert shown(follow) == {1: (1, True), 6: (1, True)}
    assert letters(follow.write(("acts/c", None))) == [("00:00:01.000000Z", True)]
    assert shown(follow) == {1: (1, False), 6: (1, False)}
    assert letters(follow.write(("acts/c", act(8, size=9)), ("acts/d", act(-1, size=9)))) == [
        ("23:59:59.000000Z", False),
        ("00:00:06.000000Z", False),
    ]
    assert shown(follow) == {1: (1, True), 6: (1, True)}
    follow.write(("acts/a", None), ("acts/b", None), ("acts/d", None))
    assert shown(follow) == {6: (1, True)}, "what was shown of rows that are gone goes with them"


def test_with_delete_a_session_that_fails_has_no_document():
    follow = Follow(Dropped)
    follow.write(("acts/a", act(1)), ("acts/c", act(20)))
    follow.write(("acts/d", act(2, size=9)))
    assert shown(follow) == {20: (1, False)}
    follow.write(("acts/d", act(2)))
    assert shown(follow) == {1: (2, False), 20: (1, False)} and follow.table() == follow.expected()


@pytest.mark.parametrize("count", [50, 800])
def test_a_change_folds_the_sessions_that_it_touches_and_only_rows_that_change_sides(count, monkeypatch):
    follow = Follow(Busy)
    follow.write(
        *((f"acts/{n}", act(2 * n)) for n in range(count)), *((f"acts/x{n}", act(5000 + 9 * n)) for n in range(count))
    )
    sessions = follow.flow._operators["Busy.sessions"]
    follow.write(("acts/1", act(2, size=5)))
    taken: list[str] = []
    change = Fold.change

    def counted(fold: Fold, root: str, old: Any, new: Any) -> None:
        taken.append(root)
        change(fold, root, old, new)

    monkeypatch.setattr(Fold, "change", counted)
    before = sessions.evaluated
    follow.write(("acts/1", act(2, size=6)))
    follow.write(("acts/x7", act(5000 + 9 * 7 + 1)))
    assert sessions.evaluated - before == 2 and len(taken) <= 4
    taken.clear()
    follow.write((f"acts/{count - 4}", None), (f"acts/{count - 3}", None))
    assert 3 <= len(taken) <= 10, "the small end of the session that was parted"
    assert len(follow.table()) == count + 2 and follow.table() == follow.expected()
