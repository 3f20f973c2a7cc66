"""Faults in declared time: expiries, ticks, sessions, and the time of jobs."""

from __future__ import annotations

from tests.laws.breaking import Fault

EXPIRY = "operators.expiry"
CUT = "operators.cut"
FLOW = "engines.local.flow"
RUN, GIVING = "engines.local.run", "engines.local.giving"

FAULTS_OF_TIME = (
    Fault(
        "time: an end comes a moment late",
        (
            (EXPIRY, "is not None and at <= moment)]", "is not None and at < moment)]"),
            (EXPIRY, "return min(waiting, default=None)", "return min((at + 1 for at in waiting), default=None)"),
        ),
    ),
    Fault(
        "time: an end comes a moment early",
        ((EXPIRY, "is not None and at <= moment)]", "is not None and at <= moment + 1)]"),),
    ),
    Fault("time: nothing ends", ((EXPIRY, "return slot.until is not None and", "return False and"),)),
    Fault(
        "time: what ends for one slot ends for all",
        (
            (
                EXPIRY,
                "return slot.until is not None and str(slot.until) in fields.get(MARK, ())",
                "return MARK in fields",
            ),
        ),
    ),
    Fault("time: nothing waits for an end", ((EXPIRY, "return min(waiting, default=None)", "return None"),)),
    Fault(
        "time: it waits for the last end alone",
        ((EXPIRY, "return min(waiting, default=None)", "return max(waiting, default=None)"),),
    ),
    Fault("time: it goes back", ((FLOW, "self.moment = max(self.moment, moment)", "self.moment = moment"),)),
    Fault(
        "time: a tick comes a moment late",
        ((FLOW, "last_tick(every, self.moment)", "last_tick(every, self.moment - 1)"),),
    ),
    Fault("time: a clock ticks once", ((FLOW, "if tick > self._ticks[path]:", "if self._ticks[path] < 0:"),)),
    Fault(
        "time: a gap ends a session before it is over",
        (
            (CUT, "place[0] - self.sessions[-1].end > gap:", "place[0] - self.sessions[-1].end >= gap:"),
            (CUT, "moment - self.sessions[at - 1].end <= self.gap", "moment - self.sessions[at - 1].end < self.gap"),
            (
                CUT,
                "self.sessions[at].start - moment <= self.gap else None",
                "self.sessions[at].start - moment < self.gap else None",
            ),
        ),
    ),
    Fault(
        "time: sessions have a length",
        (
            (CUT, "place[0] - self.sessions[-1].end > gap:", "place[0] - self.sessions[-1].start > gap:"),
            (CUT, "moment - self.sessions[at - 1].end <= self.gap", "moment - self.sessions[at - 1].start <= self.gap"),
        ),
    ),
    Fault(
        "time: a row between two sessions joins one of them",
        ((CUT, "if left is not None and right is not None:", "if False:"),),
    ),
    Fault("time: a session is not parted", ((CUT, "            self._part_at(moment)", "            pass"),)),
    Fault("time: the part behind is not shown", ((CUT, "        self.touched[right] = None\n", ""),)),
    Fault("time: a session that was joined stays", ((CUT, "        left.shown += right.shown\n", ""),)),
    Fault("time: a session that ended stays", ((CUT, "        self.loose += session.shown\n", ""),)),
    Fault("time: an earlier row does not reach a session", ((CUT, "session = left or right", "session = left"),)),
    Fault(
        "time: what left a session stays in it",
        (
            (CUT, "        self._fold(session, root, rows, ())\n        if not", "        if not"),
            (CUT, "del session.places[bisect_left", "self.touched[session] = session.places[bisect_left"),
        ),
    ),
    Fault("time: a job forgets it in the end", ((RUN, "and self._advance(to_the_end=True):", "and False:"),)),
    Fault("time: it stands still in a job", ((GIVING, "if not self.timed:", "if self.timed or not self.timed:"),)),
)
