"""Faults in the loss meter: what counts as a gap, what closes it, and what is remembered for it."""

from __future__ import annotations

from tests.laws.breaking import Fault

METER = "operators.meter"
INGEST = "operators.ingest"

FAULTS_OF_METER = (
    Fault("meter: what comes late closes nothing", ((METER, "holes = _fill(holes, replaced, version)", "pass"),)),
    Fault(
        "meter: what comes late closes all",
        ((METER, "if hole[0] < hole[1]]", "if False]"),),
    ),
    Fault(
        "meter: what comes late closes all below it",
        ((METER, "((after, replaced), (version, until))", "((version, until),)"),),
    ),
    Fault(
        "meter: what comes late closes all above it",
        ((METER, "((after, replaced), (version, until))", "((after, replaced),)"),),
    ),
    Fault("meter: nothing opens a gap", ((METER, "holes += _HOLE.pack(highest, replaced)", "pass"),)),
    Fault("meter: the making of a document opens a gap", ((METER, "return until % 4 != 0 and", "return"),)),
    Fault(
        "meter: what was before the first event is a gap",
        ((METER, "until % 4 != 0 and after > number(BELOW_EVENTS)", "until % 4 != 0"),),
    ),
    Fault(
        "meter: a document is made only once",
        ((METER, "if event.previous is None or", "if event.previous in (None, NEVER) or"),),
    ),
    Fault(
        "meter: the newest of a step alone counts",
        ((METER, "sorted(events, key=lambda e: e.version)", "[max(events, key=lambda e: e.version)]"),),
    ),
    Fault(
        "meter: what comes late is not written down",
        ((INGEST, "if holes != held:\n                ctx.put", "if False:\n                ctx.put"),),
    ),
    Fault(
        "meter: a newer event forgets the holes",
        ((INGEST, "_state(event.version, after, ctx.now, holes)", '_state(event.version, after, ctx.now, b"")'),),
    ),
    Fault(
        "meter: the export is not known",
        ((INGEST, "NEVER if profile.snapshot is None else (profile.snapshot, 0)", "NEVER"),),
    ),
    Fault(
        "meter: what closes is told as what opens",
        ((INGEST, "Gap(path, known, awaited, weight))", "Gap(path, known, awaited, abs(weight)))"),),
    ),
)
