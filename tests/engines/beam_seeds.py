"""A batch job on Beam that writes seeds, and a stream that begins with them on the runner that shuffles."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import apache_beam as beam
from beam_shuffle import Root, ShufflingRunner
from beam_streams import FROM, Outcome, quick
from engine_views import ListSource

from onto_flow.core.change import BELOW_EVENTS, Change, DeadLetter, ViewChange
from onto_flow.core.values import Document
from onto_flow.engines.base import Job
from onto_flow.engines.beam import Engine, maintain
from onto_flow.engines.beam.keys import encode_key
from onto_flow.engines.beam.maintain import Load, MaintainPlan
from onto_flow.engines.beam.parts import KEYED
from onto_flow.engines.beam.reading import ENDS
from onto_flow.engines.beam.seeds import SeedRecord, SeedsAt
from onto_flow.engines.beam.seeds_read import ListSeeds, ReadShard, SeedsIn, Shown
from onto_flow.engines.carried import LOAD, Begun, End, encode_carried
from onto_flow.engines.credit import ONE, Credit, wrap
from onto_flow.operators.messages import Event
from onto_flow.plan.nodes import Plan
from onto_flow.sinks.memory import MemorySink
from onto_flow.testing.seeding import SeededEngine
from onto_flow.testing.shuffling import LOOSE

BATCH = FROM - 1
"""The generation of the batch job."""


class Batch:
    """What a batch job wrote: its view table and its seeds.

    Args:
        plan: The views.
        documents: What it read.
        snapshot: Their time.
        folder: Where the seeds go.
    """

    def __init__(
        self, plan: Plan, documents: Mapping[str, Document], snapshot: int | None, folder: Path, **options: Any
    ) -> None:
        self.plan, self.snapshot, self.folder = plan, snapshot, folder
        self.letters: list[DeadLetter] = []
        sink = MemorySink()
        source = ListSource([Change(p, None, f, (0, 1)) for p, f in documents.items()], partitions=2)
        job = Job(
            plan,
            source,
            sink,
            snapshot=snapshot,
            generation=BATCH,
            dead_letter=self.letters.append,
            options={"seeds": str(folder)},
            **options,
        )
        Engine().run(job)
        self.changes: list[ViewChange] = [*sink.changes]

    def at(self) -> SeedsAt:
        """The seeds as a stream names them."""
        return SeedsAt(str(self.folder), self.plan, {})

    def read(self) -> list[tuple[str, Any]]:
        """What the workers of a stream read: (name of the collection, element)."""
        found: list[tuple[str, Any]] = []
        lists, reads = ListSeeds(self.at(), self.snapshot, FROM), ReadShard(self.at())
        reads.setup()
        for listed in lists.process(b""):
            if isinstance(listed, beam.pvalue.TaggedOutput):
                found.append((listed.tag, listed.value))
                continue
            for each in reads.process(listed):
                tagged = isinstance(each, beam.pvalue.TaggedOutput)
                found.append((each.tag, each.value) if tagged else ("credit", each))
        return found


class Seeded:
    """`Maintain` of one plan that begins with seeds, on the runner that shuffles, as often as one likes."""

    def __init__(self, plan: Plan, snapshot: int | None, page: int, **options: Any) -> None:
        names = [node.id for node in plan.operators]
        types: dict[str, Any] = {"changes": Change, ENDS: bytes, "credit": bytes, **dict.fromkeys(names, KEYED)}
        types["control"] = bytes
        with quick():
            pipeline = beam.Pipeline()
            self.roots = {name: pipeline | name >> Root().with_output_types(of) for name, of in types.items()}
            seeds = SeedsIn({name: self.roots[name] for name in names}, self.roots[ENDS], self.roots["credit"])
            with mock.patch.object(maintain, "read_seeds", lambda *_: seeds):
                load = Load(seeds=SeedsAt("/nowhere", plan, {}))
                options = {"control": self.roots["control"], **options}
                given = {"snapshot": snapshot, "generation": FROM, "shards": 2, "page": page, **options}
                maintained = self.roots["changes"] | "maintain" >> MaintainPlan(plan, load=load, **given)
            self.runner = ShufflingRunner(pipeline, maintained._asdict())

    def run(
        self,
        seeds: Sequence[tuple[str, Any]],
        changes: Sequence[Change],
        random: Random,
        *,
        later: int = 0,
        forced: bool = False,
    ) -> Outcome:
        """Seeds and feed, in any order, and somewhere among them the word that forces the fence."""
        moves = [(self.roots["control"], [b"open"])] if forced else []
        moves += [(self.roots[name], [element]) for name, element in seeds]
        moves += [(self.roots["changes"], [change]) for change in changes]
        random.shuffle(moves)
        if random.random() < 0.5:
            moves.sort(key=lambda move: random.random() + (move[0] is not self.roots["changes"]))
        self.runner.begin(random)
        self.runner.run(moves, later)
        kept = {name: list(found) for name, found in self.runner.kept.items()}
        receipts = [json.loads(text) for text in kept["receipts"]]
        return Outcome(kept["views"], kept["dead_letters"], kept["gaps"], receipts)


def tables(plan: Plan, *changes: Iterable[ViewChange]) -> dict[str, dict[str, Document]]:
    """What a sink holds after the view changes of several runs."""
    return Outcome([change for some in changes for change in some]).tables(plan)


def seeds_of(
    plan: Plan, documents: Mapping[str, Document], snapshot: int | None
) -> tuple[list[ViewChange], list[tuple[str, Any]]]:
    """What a batch job would have written, as view changes and as `Batch.read`; the operators are run in this process."""
    engine = SeededEngine(plan, Random(0), LOOSE, packed=True)
    engine.bulk([(p, Event(BELOW_EVENTS if snapshot is None else (snapshot, 0), f)) for p, f in documents.items()])
    written = [e.change._replace(version=(BATCH, *e.change.version[1:])) for e in engine.trace.emitted]
    shown, credit, found = Shown(plan), Credit(), []
    for operator, key, seed in engine.seeds():
        record = SeedRecord.of(operator, encode_key(key), seed)
        shown.add(record, credit)
        found.append((operator, (record.key, wrap(record.message, ONE))))
    end = encode_carried(End(LOAD, "all", len(found), len(found)))
    begun = encode_carried(Begun(1, len(found)))
    return written, [*found, ("credit", credit.encoded()), (ENDS, begun), (ENDS, end)]
