"""Faults in declared time: expiries, ticks, sessions, and the time of jobs."""

from __future__ import annotations

from tests.laws.breaking import Fault

EXPIRY = "operators.expiry"
SESSIONS = "operators.sessions"
FLOW = "engines.local.flow"
RUN = "engines.local.run"

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
    Fault("time: a gap ends a session before it is over", ((SESSIONS, "> self.gap:", ">= self.gap:"),)),
    Fault(
        "time: sessions have a length",
        ((SESSIONS, "sessions[-1][-1][1][-1] > self.gap", "sessions[-1][0][1][-1] > self.gap"),),
    ),
    Fault(
        "time: sessions go by arrival", ((SESSIONS, "in sorted(rows, key=lambda member: member[1][-1]):", "in rows:"),)
    ),
    Fault("time: a session that was joined stays", ((SESSIONS, "for p in {**last, **shown}]", "for p in shown]"),)),
    Fault(
        "time: what left a session stays in it",
        ((SESSIONS, "            members.pop(message.root, None)\n            return", "            return"),),
    ),
    Fault("time: a job forgets it in the end", ((RUN, "and self._advance(to_the_end=True):", "and False:"),)),
    Fault("time: it stands still in a job", ((RUN, "if not self.timed:", "if self.timed or not self.timed:"),)),
)
