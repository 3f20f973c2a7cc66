"""A pipeline that runs as it is, and with every change a step of its operator; and histories for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import apache_beam as beam
from beam_shuffle import Root, ShufflingRunner
from beam_streams import FROM, quick

from onto_flow.core.change import Change
from onto_flow.core.values import Reference
from onto_flow.engines.beam.maintain import Load, MaintainPlan
from onto_flow.engines.carried import End, encode_carried
from onto_flow.engines.coding import decode_message
from onto_flow.operators.base import DAY
from onto_flow.operators.messages import Told
from onto_flow.plan.nodes import Plan
from onto_flow.testing.shapes import Shape

CHAIN = Shape(
    "V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("via", "c", 1, ("s",)), ("on", "b", 0, ("k", "k")))
)
FEW = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("via", "c", 1, ("s",))), "few")
FAILING = Shape(
    "V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",))), selections=((1, "strict", "", False, -1),)
)


class Both:
    """A pipeline that runs as it is, and with every change a step of its operator."""

    def __init__(self, plan: Plan, page: int, *, loads: bool = False) -> None:
        with quick():
            pipeline = beam.Pipeline()
            self.root = pipeline | "changes" >> Root().with_output_types(Change)
            self.documents = pipeline | "documents" >> Root().with_output_types(Change)
            self.ends = pipeline | "ends" >> Root().with_output_types(bytes)
            load = Load(self.documents, self.ends, 1) if loads else None
            maintained = self.root | "maintain" >> MaintainPlan(plan, load=load, generation=FROM, shards=2, page=page)
            self.runner = ShufflingRunner(pipeline, maintained._asdict())
        self.fns = [s.fn for s in self.runner.stages.values() if hasattr(s.fn, "plain")]
        self.plain = [(fn.plain, fn.simple, fn.followed) for fn in self.fns]
        self.taken: Counter[str] = Counter()
        self.loaded: Sequence[Change] = ()

    def run(self, changes: Sequence[Change], seed: int, *, plain: bool) -> Any:
        """All that is left: states, timers and all that there were, and what came out, in its order."""
        for fn, (take, simple, followed) in zip(self.fns, self.plain):
            fn.plain = self._counted(fn.node.kind, take) if plain else lambda *given: None
            fn.simple = self._counted(f"simple {fn.node.kind}", simple) if plain else lambda *given: None
            fn.followed = self._counted("followed", followed) if plain else lambda *given: None
            fn.operator.relies = plain
            fn.live.close()
        random = Random(seed)
        end = encode_carried(End("load", "all", len(self.loaded), len(self.loaded)))
        pieces: list[Any] = [(self.documents, self.loaded), (self.ends, [end])] if self.loaded else []
        pieces += [(self.root, changes[at : at + 2]) for at in range(0, len(changes), 2)]
        timers: set[Any] = set()
        self.runner.begin(random, lambda run: timers.update(run.timers.items()))
        self.runner.run(pieces, 5 * DAY)
        kept = {name: list(found) for name, found in self.runner.kept.items()}
        kept["dead_letters"] = [letter._replace(stack="") for letter in kept["dead_letters"]]
        return dict(self.runner.states), (dict(self.runner.timers), timers), kept

    def _counted(self, kind: str, take: Any) -> Any:
        def counted(*given: Any) -> Any:
            found = take(*given)
            self.taken[kind] += found is not None
            return found

        return counted

    def of_deletions(self, kind: str, take: Any) -> Any:
        """Counts deletions among the steps that are taken."""

        def counted(key: bytes, envelope: bytes, begin: int, given: Any) -> Any:
            found, message = take(key, envelope, begin, given), decode_message(envelope[begin:])
            now = message.doc if isinstance(message, Told) else message
            self.taken[f"deletion {kind}"] += found is not None and getattr(now, "fields", ()) is None
            return found

        return counted

    def compare(self, changes: Sequence[Change], seed: int) -> None:
        """Both ways, in the same order."""
        assert self.run(changes, seed, plain=True) == self.run(changes, seed, plain=False)


def mostly_plain(random: Random, count: int) -> list[Change]:
    """Documents of the collections a, b and c: contents change often, references seldom, and some go and come back."""
    paths = [f"{letter}/{n}" for letter in "abc" for n in range(3)]
    now: dict[str, Any] = {}
    changes = []
    for number in range(1, count + 1):
        path = random.choice(paths)
        fields = dict(now.get(path) or {})
        if not fields or random.random() < 0.15:
            fields["r"] = [Reference(f"b/{n}") for n in range(3) if random.random() < 0.6]
            fields["s"], fields["k"] = Reference(f"c/{random.randrange(3)}"), random.choice("xy")
        fields["n"], fields["x"] = random.choice([1, 2, "hide", "é", None]), number
        now[path] = None if random.random() < 0.08 else fields
        changes.append(Change(path, None, now[path], (FROM + 10 * number, 0)))
    return changes
