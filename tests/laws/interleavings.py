"""Every interleaving of a small case: each message of each key may be the next step, and all ends are judged."""

from __future__ import annotations

from random import Random

from onto_flow.core.codec import encode
from onto_flow.operators.base import Key
from onto_flow.testing.cases import Case
from onto_flow.testing.judge import judge_shown, timelines
from onto_flow.testing.judge_changes import applied, judge_chain, judge_tables
from onto_flow.testing.oracle import recompute
from onto_flow.testing.recovery import _Snapshot
from onto_flow.testing.rest import complaints_at_rest
from onto_flow.testing.shuffling import ShufflingEngine
from onto_flow.testing.simulation import Setting, item


class _Explorer:
    def __init__(self, case: Case) -> None:
        self.case = case
        history = case.history
        self.engine = ShufflingEngine(case.plan, Random(0), Setting().profile(history.snapshot))
        self.engine.bulk([item(change) for change in history.seeds()])
        for index in range(history.exported, len(history.commits)):
            self.engine.feed(*item(history.change(index)))
        self.seen: set[bytes] = set()

    def explore(self) -> None:
        """Takes every message that is under way as the next one, in turn."""
        engine = self.engine
        state = self._state()
        if state in self.seen:
            return
        self.seen.add(state)
        choices = [
            (op, key, i) for op, keys in engine.queues.items() for key, queue in keys.items() for i in range(len(queue))
        ]
        snapshot = _Snapshot(engine, 0)
        if not choices:
            self._judge()
            snapshot.restore(engine, "outbox")
        for choice in choices:
            self._step(*choice)
            self.explore()
            snapshot.restore(engine, "outbox")

    def _step(self, operator: str, key: Key, index: int) -> None:
        queue = self.engine.queues[operator][key]
        message = queue.pop(index)
        self.engine.queues[operator][key] = [message]
        self.engine.step(operator, key, everything=True)
        if queue:
            self.engine.queues[operator][key] = queue

    def _state(self) -> bytes:
        """What the future and the judgement depend on."""
        engine = self.engine
        queues = [
            (op, repr(key), sorted(w.message for w in queue))
            for op, keys in engine.queues.items()
            for key, queue in keys.items()
        ]
        shown = [
            (str(who), [(s.root, dict(s.outputs)) for s in several])
            for who, several in sorted(engine.trace.shown.items())
        ]
        return encode((repr(sorted(_frozen(engine.store.states))), repr(sorted(queues)), repr(shown)))

    def _judge(self) -> None:
        self.engine.rest()
        trace, case = self.engine.trace, self.case
        assert (
            list(judge_tables(recompute(case.plan, case.history.final), applied(e.change for e in trace.emitted))) == []
        )
        assert list(judge_chain((e.change, e.again) for e in trace.emitted)) == []
        assert list(complaints_at_rest(case.plan, self.engine.store.opened(), case.history.final)) == []
        lines = timelines(case.plan, case.history, shown=(e.change for e in trace.emitted))
        for (name, _), shown in trace.shown.items():
            assert judge_shown(case.plan.view(name), shown, lines) is None
        assert trace.complaints == []


def _frozen(states: dict) -> list[str]:
    found = []
    for operator, keys in states.items():
        for key, cells in keys.items():
            plain = {c: sorted(v.items()) if isinstance(v, dict) else v for c, v in cells.items()}
            found.append(repr((operator, key, sorted(plain.items(), key=lambda e: e[0]))))
    return found


def every_interleaving(case: Case) -> int:
    """Judges all ends; how many different states were met on the way."""
    explorer = _Explorer(case)
    explorer.explore()
    return len(explorer.seen)
