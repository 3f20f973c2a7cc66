"""The seeds that a stream begins with, read in the same pipeline: each goes to its operator's step, in one hop.

The folder is read on workers, when the job runs; what is there is compared there with what the stream maintains. How many
files there are is a marker of the fence, as with any load: so a stream whose seeds are of other code, or are damaged, stays
silent, and says why in a dead letter `fence`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from ...core.errors import OntoFlowError
from ...formats.seed_files import read_records
from ...operators.base import Profile
from ...operators.build import build_seeded
from ...operators.messages import Seed
from ...operators.seeded.taking import TakesSeeds
from ...plan.nodes import Plan
from ..carried import LOAD, Begun, End, Unreadable, encode_carried
from ..coding import decode, encode
from ..credit import ONE, Credit, add, digest, wrap
from .keys import decode_key
from .parts import KEYED, pardo
from .reading import ENDS
from .seeds import SeedRecord, SeedsAt, refuse_other_documents


class SeedsIn(NamedTuple):
    """The seeds of a stream.

    Attributes:
        by_operator: Operator -> the collection of its seeds, in envelopes.
        ends: The collection of end markers.
        credit: The collection of what was read.
    """

    by_operator: dict[str, Any]
    ends: Any
    credit: Any


def read_seeds(pipeline: beam.Pipeline, seeds: SeedsAt, snapshot: int | None, generation: int) -> SeedsIn:
    """Adds the reading of seeds to a pipeline.

    Args:
        pipeline: Whose stream begins with them.
        seeds: Which ones.
        snapshot: The time of the documents that the stream goes on from.
        generation: The stream's.
    """
    start = pipeline | "seeds.start" >> beam.Create([b""]).with_output_types(bytes)
    fn = ListSeeds(seeds, snapshot, generation)
    listed = start | "seeds.list" >> pardo(fn, bytes, {None: bytes, ENDS: bytes})
    spread = listed[None] | "seeds.spread" >> beam.Reshuffle()
    names = [node.id for node in seeds.plan.operators]
    gives: dict[str | None, Any] = {None: bytes, ENDS: bytes, **dict.fromkeys(names, KEYED)}
    read = spread | "seeds.read" >> pardo(ReadShard(seeds), bytes, gives)
    ends = (listed[ENDS], read[ENDS]) | "seeds.ends" >> beam.Flatten()
    return SeedsIn({name: read[name] for name in names}, ends, read[None])


class ListSeeds(beam.DoFn):
    """The files of a folder of seeds; and how many there are, as a marker.

    Args:
        seeds, snapshot, generation: As of `read_seeds`.
    """

    def __init__(self, seeds: SeedsAt, snapshot: int | None, generation: int) -> None:
        super().__init__()
        self._seeds, self._snapshot, self._generation = seeds, snapshot, generation

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "files"

    def process(self, element: bytes) -> Iterator[Any]:
        """Lists them."""
        try:
            manifest = self._seeds.manifest()
            refuse_other_documents(manifest, self._seeds.uri, self._snapshot, self._generation)
        except OntoFlowError as error:
            yield beam.pvalue.TaggedOutput(ENDS, encode_carried(Unreadable.of(error)))
            return
        total = sum(shard.seeds for shard in manifest.shards)
        yield beam.pvalue.TaggedOutput(ENDS, encode_carried(Begun(len(manifest.shards), total)))
        yield from (encode(shard.name) for shard in manifest.shards)


class ReadShard(beam.DoFn):
    """Files -> seeds, each of weight 1, to the outputs of their operators; credits of what was read, and end markers.

    Args:
        seeds: Which ones.
    """

    def __init__(self, seeds: SeedsAt) -> None:
        super().__init__()
        self._seeds = seeds

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "seeds"

    def setup(self) -> None:
        """Builds what knows of the seeds that show view documents."""
        self._shown = Shown(self._seeds.plan)

    def process(self, element: bytes) -> Iterator[Any]:
        """Reads one to its end."""
        name, count, credit = decode(element), 0, Credit()
        place = FileSystems.join(self._seeds.uri, name)
        try:
            with FileSystems.open(place) as file:
                for data in read_records(file, place):
                    record = SeedRecord.decoded(data, place)
                    self._shown.add(record, credit)
                    count += 1
                    yield beam.pvalue.TaggedOutput(record.operator, (record.key, wrap(record.message, ONE)))
        except OntoFlowError as error:
            yield beam.pvalue.TaggedOutput(ENDS, encode_carried(Unreadable.of(error)))
            return
        yield credit.encoded()
        yield beam.pvalue.TaggedOutput(ENDS, encode_carried(End(LOAD, name, count, count)))


_LAST = ("assemble", "aggregate", "sessions", "own")
"""The operators that may hand view documents to the sinks."""


class Shown:
    """What seeds say of documents and of view documents, for the receipt.

    Args:
        plan: Of the views.
    """

    def __init__(self, plan: Plan) -> None:
        profile = Profile(drained=False)
        further = {v.name for v in plan.views if v.grouped or v.owned}
        self._operators: dict[str, TakesSeeds] = {
            node.id: build_seeded(node, plan, profile)
            for node in plan.operators
            if node.kind in _LAST and not (node.kind == "assemble" and node.view in further)
        }

    def add(self, record: SeedRecord, credit: Credit) -> None:
        """Adds a seed."""
        credit.seeds[record.operator] = credit.seeds.get(record.operator, 0) + 1
        if record.operator == "ingest":
            path = str(decode_key(record.key))
            fields = dict(record.seed().cells)["document"][1]
            if fields is not None:
                add(credit.read, {path.rpartition("/")[0]: digest(path, fields)})
        elif record.operator in self._operators:
            operator: Any = self._operators[record.operator]
            for path, document, _, _ in operator.shown(decode_key(record.key), _cells(operator, record.seed())):
                add(credit.views, {operator.node.view: digest(path, document)})


def _cells(operator: TakesSeeds, seed: Seed) -> dict[str, Any]:
    """The cells of a seed as a step gets them."""
    maps = {c.name for c in operator.node.cells if c.kind == "map"}
    return {name: dict(held) if name in maps else held for name, held in seed.cells}
