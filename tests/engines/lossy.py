"""A feed that lost events, for every engine: what its report says of it is what the history says."""

from __future__ import annotations

from random import Random

from engine_views import ListSource

from onto_flow.engines.base import Engine, Job
from onto_flow.sinks.memory import MemorySink
from onto_flow.testing.cases import Case
from onto_flow.testing.histories import deliver, history_of
from onto_flow.testing.named_cases import VIA


def judge_gaps(engine: Engine) -> None:
    """Runs a job whose feed lost a third of its events and repeats others, in no order."""
    writes = [(path, None if n % 9 == 8 else {"n": n}) for n in range(12) for path in ("a/1", "a/2", "b/1", "b/2")]
    history = history_of(*writes, exported=6)
    case, random = Case((VIA,), history), Random(4)
    kept = random.sample(history.feed, 2 * len(history.feed) // 3)
    delivered = deliver(kept, random, "shuffled")
    job = Job(
        case.plan,
        ListSource(history.seeds(), partitions=2),
        MemorySink(),
        feed=ListSource([history.change(index) for index in delivered], partitions=2),
        snapshot=history.snapshot,
    )
    report = engine.run(job)
    missing = {(path, version) for path, version in history.missing(delivered) if case.plan.projection.wants(path)}
    assert len(missing) > 3
    assert (report.gaps.awaited(), report.gaps_open, report.gaps.lost) == (missing, len(missing), 0)
    assert report.dead_letters == 0
