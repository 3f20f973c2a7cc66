"""Crashes of the shuffling engine, and the two ways to survive them; and a first load that is silent until caught up.

*Outbox*: what was emitted since the snapshot never reached the sink. *Epoch*: it did; a restore raises the epoch, is silent
until the caught-up signal has passed stage by stage, and asks again for every row that the sink got since the snapshot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ..operators.messages import CaughtUp, Event, Republish
from .judge_changes import Ledger
from .shuffling import Now, ShufflingEngine

Form = Literal["outbox", "epoch"]
Item = tuple[str, Event | Now]


class _Snapshot:
    """Cells, messages under way, timers, the place in the source, and how much the judge had heard."""

    def __init__(self, engine: ShufflingEngine, position: int) -> None:
        self.position = position
        self.store = engine.store.copy()
        self.queues = {n: {k: list(q) for k, q in keys.items()} for n, keys in engine.queues.items()}
        self.timers = dict(engine.timers)
        self.now = engine.now
        self.ledger: Ledger = engine.trace.ledger.copy()
        self.emitted = len(engine.trace.emitted)
        self.gaps, self.letters = len(engine.trace.gaps), len(engine.trace.letters)
        self.shown = {key: len(shown) for key, shown in engine.trace.shown.items()}

    def restore(self, engine: ShufflingEngine, form: Form) -> None:
        """Puts the engine back; time stands still meanwhile."""
        engine.store = self.store.copy()
        engine.queues = {n: {k: list(q) for k, q in keys.items()} for n, keys in self.queues.items()}
        engine.timers = dict(self.timers)
        engine.now = self.now
        engine.trace.ledger = self.ledger.copy()
        engine.behind = {name: set() for name in engine.names}
        if form == "outbox":
            del engine.trace.emitted[self.emitted :]
            del engine.trace.gaps[self.gaps :]
            del engine.trace.letters[self.letters :]
            for key, shown in engine.trace.shown.items():
                del shown[self.shown.get(key, 0) :]


class CrashingEngine:
    """Runs a shuffling engine through crashes.

    Args:
        engine: The engine.
        form: How it survives.
        crashes: How often it crashes.
    """

    def __init__(self, engine: ShufflingEngine, form: Form, crashes: int) -> None:
        self.engine, self.form, self.crashes = engine, form, crashes
        self.random = engine.random
        self.replay_end = 0
        self.recovering = self.asked = False
        self.since = 0

    def load(self, seeds: Sequence[Item]) -> None:
        """The first load as messages, silent until caught up."""
        engine = self.engine
        engine.silent_stages = set(engine.names)
        for path, event in self.random.sample(list(seeds), len(seeds)):
            engine.feed(path, event, before=True)
        self.recovering, self.asked, self.since = True, False, 0

    def run(self, source: Sequence[Item]) -> None:
        """Delivers a source, with crashes on the way, and runs to rest."""
        engine, random = self.engine, self.random
        items, position = list(source), 0
        snapshot = None if self.recovering else _Snapshot(engine, 0)
        rate = random.choice((0.05, 0.3, 0.9))
        while position < len(items) or engine.busy or self.recovering:
            chance = random.random()
            if snapshot is not None and self.crashes and chance < 0.01:
                self.crashes -= 1
                items = self._crash(snapshot, items, max(position, self.replay_end))
                position = snapshot.position
            elif not self.recovering and self.crashes and chance < 0.05:
                snapshot = _Snapshot(engine, position)
            elif position < len(items) and (not engine.busy or chance > 1 - rate):
                engine.feed(*items[position], before=position < self.replay_end)
                position += 1
            else:
                engine.move()
            self._signal(position)
        engine.rest()

    def _crash(self, snapshot: _Snapshot, items: list[Item], position: int) -> list[Item]:
        snapshot.restore(self.engine, self.form)
        replayed = items[snapshot.position : position]
        replayed += [item for item in replayed if self.random.random() < 0.2]
        self.random.shuffle(replayed)
        self.replay_end = snapshot.position + len(replayed)
        if self.form == "epoch":
            self._fall_silent(snapshot.emitted)
        return [*items[: snapshot.position], *replayed, *items[position:]]

    def _fall_silent(self, since: int) -> None:
        engine = self.engine
        engine.epoch += 1
        engine.silent_stages = set(engine.names)
        engine.silent_keys = {name: set() for name in engine.names}
        for queue in (queue for keys in engine.queues.values() for queue in keys.values()):
            queue[:] = [w._replace(before=True) for w in queue]
        engine.timers = {t: w._replace(before=True) for t, w in engine.timers.items()}
        engine.unanswered = 0
        self.recovering, self.asked, self.since = True, False, since

    def _signal(self, position: int) -> None:
        """Lets the signal pass every stage for which all is processed that was sent before it had passed those above."""
        if not self.recovering or position < self.replay_end:
            return
        engine = self.engine
        for name in [n for n in engine.names if n in engine.silent_stages]:
            above = [n for n in engine.names if name in engine.operators[n].node.sends_to]
            if any(self._unsure(n) for n in above) or self._waits(name):
                continue
            engine.silent_stages.discard(name)
            if engine.operators[name].node.kind in ("assemble", "aggregate", "sessions", "own"):
                for key in list(engine.store.states[name]):
                    engine.silent_keys[name].add(key)
                    engine.enqueue(name, key, CaughtUp())
        if not self.asked and not any(self._unsure(n) for n in engine.names):
            self._again()
        self.recovering = not self.asked or engine.unanswered > 0

    def _unsure(self, name: str) -> bool:
        engine = self.engine
        return name in engine.silent_stages or bool(engine.silent_keys[name]) or bool(engine.behind[name])

    def _waits(self, name: str) -> bool:
        engine = self.engine
        queued: Any = (w for queue in engine.queues[name].values() for w in queue)
        rounds = (w for (n, _, kind), w in engine.timers.items() if n == name and kind == "coalesce")
        return any(w.before for w in (*queued, *rounds))

    def _again(self) -> None:
        """Asks for every row that the sink got since the snapshot.

        The recovery ends, and the next snapshot may be taken, when all are answered: a snapshot with such a message
        under way would publish, after another restore, what the row was then.
        """
        engine = self.engine
        self.asked = True
        rows = {(e.operator, e.key, e.change.path): None for e in engine.trace.emitted[self.since :]}
        for operator, key, path in rows:
            engine.enqueue(operator, key, Republish(path))
        engine.unanswered = len(rows)
