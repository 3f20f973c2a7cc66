"""A case through the local engine: the table, and the gaps of the feed, are compared with the oracle after every batch."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from onto_flow.core.change import DeadLetter, ViewChange
from onto_flow.core.gaps import Gap, Gaps
from onto_flow.engines.base import event, seed
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators import over
from onto_flow.operators.base import Output
from onto_flow.operators.over import KEPT_FROM
from onto_flow.testing.cases import Case, random_case
from onto_flow.testing.histories import DELIVERIES, deliver
from onto_flow.testing.judge import applied, judge_chain, judge_tables
from onto_flow.testing.oracle import recompute

SIZES = (1, 1, 2, 5, 100)


def complaints(case: Case, random: Random) -> Iterator[str]:
    """What is wrong when the local flow runs a case."""
    history, plan = case.history, case.plan
    # Slots of generated views are small: half of the cases keep what accumulators over slots have made of them.
    over.KEPT_FROM = 0 if len(history.commits) % 2 else KEPT_FROM
    flow = LocalFlow(plan, snapshot=history.snapshot)
    seen: list[ViewChange] = []
    gaps = Gaps()

    def take(outputs: list[Output]) -> Iterator[str]:
        for output in outputs:
            if isinstance(output, ViewChange):
                seen.append(output)
            elif isinstance(output, Gap):
                gaps.take(output)
            elif isinstance(output, DeadLetter) and not output.cleared and not output.reason.startswith("path-claimed"):
                yield f"a dead letter: {output}"

    if history.exported:
        yield from take(flow.process([seed(c, history.snapshot) for c in history.seeds()]))
        yield from judge_tables(recompute(plan, history.documents), applied(seen))
    items, size = deliver(history.feed, random, random.choice(DELIVERIES)), random.choice(SIZES)
    lost = set(random.sample(history.feed, len(history.feed) // random.choice((2, 5, 100))))
    items = [index for index in items if index not in lost]
    for at in range(0, len(items), size):
        yield from take(flow.process([event(history.change(i)) for i in items[at : at + size]]))
        for complaint in judge_tables(recompute(plan, history.known(items[: at + size])), applied(seen)):
            yield f"after {items[: at + size]}: {complaint}"
        missing = {(p, v) for p, v in history.missing(items[: at + size]) if plan.projection.wants(p)}
        if gaps.awaited() != missing:
            yield f"after {items[: at + size]}: the gaps are {gaps.awaited()} and should be {missing}"
    yield from judge_chain((change, False) for change in seen)


def run_seed(number: int, *, most: int = 45) -> list[str]:
    """Runs the case of a seed."""
    random = Random(number)
    return list(complaints(random_case(random, most=most), random))
