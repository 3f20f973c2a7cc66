"""The rows of a group in order of their moments, cut into sessions where two neighbours are further apart than the gap.

Law: what is kept is what would be made of all rows at once, whatever the order in which they come and go. It is derived
from the group's members and from what it shows, so it is in no cell: an engine that keeps objects between steps keeps it
for groups that are large enough, others make it anew. A change looks for its session by bisection; two sessions that a
row joins, and the two that one leaves behind, cost as much as the rows of the smaller of both.

Example:
    >>> members = {f"clicks/{m}": (1, ((True, m),), 0, False) for m in (0, 4, 20)}
    >>> cut = Cut(5, Accumulators(()), members)
    >>> [(s.start, s.end) for s in cut.sessions]
    [(0, 4), (20, 20)]
    >>> members["clicks/9"] = (1, ((True, 9),), 0, False)
    >>> cut.change("clicks/9", (), ((True, 9),), False)
    >>> [(s.start, s.end, s in cut.touched) for s in cut.sessions]
    [(0, 9, True), (20, 20, False)]
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..plan.evaluator import Row
from .fold import Accumulators, Fold

Place = tuple[int, str]
"""(moment, root) of the rows that a root has there at this moment."""

Member = tuple[int, "Sequence[Row] | None", int, bool]
"""(sequence number, rows or none, time kept since, whether they are the last good ones of failing code)."""

KEPT_FROM = 8
"""How many places a session has at least for which its accumulators are kept; fewer are folded anew."""


class Session:
    """Some rows of a group that belong together.

    Attributes:
        places: Where its rows are, in order.
        stale: Those of members with the last good rows of failing code.
        fold: Its accumulators, where they are kept.
        shown: (start, path) of the documents that were shown of its rows.
        failing: The start at which it was when its results failed; `None` while they do not.
    """

    __slots__ = ("failing", "fold", "places", "shown", "stale")

    def __init__(self, places: list[Place]) -> None:
        self.places = places
        self.stale: set[Place] = set()
        self.fold: Fold | None = None
        self.shown: list[tuple[int, str]] = []
        self.failing: int | None = None

    @property
    def start(self) -> int:
        """The moment of its first row."""
        return self.places[0][0]

    @property
    def end(self) -> int:
        """The moment of its last row."""
        return self.places[-1][0]


def _start(session: Session) -> int:
    return session.places[0][0]


class Cut:
    """The sessions of one group.

    Args:
        gap: Rows further apart are not of one session.
        accumulators: Those of the view.
        members: Root -> member, as they are now; `change` follows what becomes of them.
        keeps: Whether accumulators of large sessions are kept.

    Attributes:
        sessions: In order.
        touched: Those that must be shown again.
        loose: (start, path) of documents that were shown of sessions that are gone.
        cleared: The starts of failing sessions that are gone.
    """

    def __init__(
        self, gap: int, accumulators: Accumulators, members: Mapping[str, Member], *, keeps: bool = False
    ) -> None:
        self.gap, self.members = gap, members
        self._accumulators, self._keeps = accumulators, keeps
        self.touched: dict[Session, None] = {}
        self.loose: list[tuple[int, str]] = []
        self.cleared: list[int] = []
        self.sessions: list[Session] = []
        for place in sorted({(row[-1], root) for root, member in members.items() for row in member[1] or ()}):
            if not self.sessions or place[0] - self.sessions[-1].end > gap:
                self.sessions.append(Session([]))
            self.sessions[-1].places.append(place)
            if members[place[1]][3]:
                self.sessions[-1].stale.add(place)

    def attach(self, shown: Iterable[tuple[int, str]], failing: Iterable[int]) -> None:
        """Says which documents were shown last, and which sessions fail."""
        for start, path in shown:
            near = self.near(start)
            (self.loose if near is None else near.shown).append((start, path))
        for start in failing:
            near = self.near(start)
            if near is None or near.failing is not None:
                self.cleared.append(start)
            else:
                near.failing = start

    def near(self, moment: int) -> Session | None:
        """The session whose rows are around a moment, or begin within the gap after it: at most one."""
        at = bisect_right(self.sessions, moment, key=_start)
        if at and moment <= self.sessions[at - 1].end:
            return self.sessions[at - 1]
        if at < len(self.sessions) and self.sessions[at].start - moment <= self.gap:
            return self.sessions[at]
        return None

    def change(self, root: str, old: Sequence[Row], new: Sequence[Row], stale: bool) -> None:
        """Takes the rows of a member back and adds others; `members` has the new ones already."""
        before, now = _by_moment(old), _by_moment(new)
        for moment in before.keys() & now.keys():
            session = self.sessions[self._around(moment)]
            _flag(session, (moment, root), stale)
            self._fold(session, root, before[moment], now[moment])
        gone = before.keys() - now.keys()
        for moment in gone:
            self._leave(moment, root, before[moment])
        for moment in gone:
            self._part_at(moment)
        for moment in now.keys() - before.keys():
            self._come(moment, root, now[moment], stale)

    def touch_all(self) -> None:
        """All sessions must be shown again."""
        self.touched.update(dict.fromkeys(self.sessions))

    def results(self, session: Session) -> list[Any]:
        """The results of the accumulators over the rows of a session, in the order of the view's."""
        fold = session.fold
        if fold is None:
            kept = self._keeps and len(session.places) >= KEPT_FROM
            fold = Fold(self._accumulators, self._accumulators.create(), {}, {} if kept else None)
            for root, rows in self._rows(session.places):
                fold.change(root, (), rows)
            if kept:
                session.fold = fold
        fold.settle()
        return fold.results()

    def _around(self, moment: int) -> int:
        """The number of the last session that begins at or before a moment; -1 without one."""
        return bisect_right(self.sessions, moment, key=_start) - 1

    def _fold(self, session: Session, root: str, old: Sequence[Row], new: Sequence[Row]) -> None:
        self.touched[session] = None
        if session.fold is not None:
            session.fold.change(root, old, new)

    def _come(self, moment: int, root: str, rows: Sequence[Row], stale: bool) -> None:
        at = bisect_right(self.sessions, moment, key=_start)
        left = self.sessions[at - 1] if at and moment - self.sessions[at - 1].end <= self.gap else None
        right = self.sessions[at] if at < len(self.sessions) and self.sessions[at].start - moment <= self.gap else None
        session = left or right
        if session is None:
            session = Session([])
            self.sessions.insert(at, session)
        insort(session.places, (moment, root))
        _flag(session, (moment, root), stale)
        self._fold(session, root, (), rows)
        if left is not None and right is not None:
            self._join(left, right, at)

    def _join(self, left: Session, right: Session, at: int) -> None:
        """Makes one session of two neighbours, the second of which is number `at`: the accumulators of the larger stay."""
        larger, smaller = (left, right) if len(left.places) >= len(right.places) else (right, left)
        if larger.fold is not None:
            for root, rows in self._rows(smaller.places):
                larger.fold.change(root, (), rows)
        left.fold = larger.fold
        left.places += right.places
        left.stale |= right.stale
        left.shown += right.shown
        if left.failing is None:
            left.failing = right.failing
        elif right.failing is not None:
            self.cleared.append(right.failing)
        del self.sessions[at]
        self.touched.pop(right, None)

    def _leave(self, moment: int, root: str, rows: Sequence[Row]) -> None:
        at = self._around(moment)
        session = self.sessions[at]
        del session.places[bisect_left(session.places, (moment, root))]
        _flag(session, (moment, root), False)
        self._fold(session, root, rows, ())
        if not session.places:
            self._end(session, at)

    def _part_at(self, moment: int) -> None:
        """Cuts the session that rows at a moment have left, where they held it together: the larger part keeps the fold."""
        at = self._around(moment)
        if at < 0:
            return
        session = self.sessions[at]
        index = bisect_left(session.places, (moment, ""))
        if index == len(session.places) or session.places[index][0] - session.places[index - 1][0] <= self.gap:
            return
        right = Session(session.places[index:])
        del session.places[index:]
        right.stale = {place for place in session.stale if place[0] >= right.start}
        session.stale -= right.stale
        larger, smaller = (session, right) if len(session.places) >= len(right.places) else (right, session)
        fold, session.fold = session.fold, None
        if fold is not None and len(larger.places) >= KEPT_FROM:
            for root, rows in self._rows(smaller.places):
                fold.change(root, rows, ())
            larger.fold = fold
        self.sessions.insert(at + 1, right)
        self.touched[right] = None

    def _end(self, session: Session, at: int) -> None:
        del self.sessions[at]
        self.touched.pop(session, None)
        self.loose += session.shown
        if session.failing is not None:
            self.cleared.append(session.failing)

    def _rows(self, places: Sequence[Place]) -> Iterable[tuple[str, list[Row]]]:
        """The rows at some places, by their roots."""
        moments: dict[str, set[int]] = {}
        for moment, root in places:
            moments.setdefault(root, set()).add(moment)
        for root, wanted in moments.items():
            yield root, [row for row in self.members[root][1] or () if row[-1] in wanted]


def _flag(session: Session, place: Place, stale: bool) -> None:
    if stale:
        session.stale.add(place)
    else:
        session.stale.discard(place)


def _by_moment(rows: Sequence[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row[-1], []).append(row)
    return found
