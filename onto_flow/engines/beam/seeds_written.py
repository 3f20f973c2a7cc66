"""A batch job's seeds -> files, and what the manifest will say of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from ...core.errors import EngineError
from ...formats.seed_files import SeedManifest, Shard, shard_name, write_records
from ...plan.nodes import Plan
from ..carried import Seeds, encode_carried
from ..coding import decode, encode
from ..made_by import Fingerprints, structures
from .parts import flatten, pardo
from .seeds import SeedRecord, plan_hash, refuse_a_folder_of_seeds, write_manifest

SHARDS = 16
SHARD_BYTES = 64 << 20
"""A job has a shard more for so many bytes of its source."""


class WriteSeeds(beam.PTransform):
    """The collections of `SeedRecord`s, encoded, under their shards -> one manifest as JSON, of files that are there.

    Whoever takes it writes it (`seeds.write_manifest`, `CompleteSeeds`) when what the views show is written: from then on
    these are seeds.

    Args:
        uri: The folder.
        about: The manifest of no seeds.
        shards: How many files.
    """

    def __init__(self, uri: str, about: SeedManifest, shards: int = SHARDS) -> None:
        super().__init__()
        self.uri, self.about, self.shards = uri, about, shards

    def expand(self, seeds: Sequence[Any]) -> Any:
        """Writes the files."""
        grouped = flatten("in", seeds) | "by shard" >> beam.GroupByKey()
        files = grouped | "files" >> pardo(
            WriteShard(self.uri, self.shards), tuple[bytes, Iterable[bytes]], {None: bytes}
        )
        start = seeds[0].pipeline | "start" >> beam.Create([b""]).with_output_types(bytes)
        listed = beam.ParDo(ListFiles(self.about.to_json()), beam.pvalue.AsList(files))
        return start | "manifest" >> listed.with_output_types(str)


class CompleteSeeds(beam.PTransform):
    """The manifest of files -> the same, written.

    Args:
        uri: The folder.
        after: A collection that has ended before: what the writing of the tables gives; `None`: nobody waits.
    """

    def __init__(self, uri: str, after: Any = None) -> None:
        super().__init__()
        self.uri, self.after = uri, after

    def expand(self, manifest: Any) -> Any:
        """Writes it."""
        waits = []
        if self.after is not None:
            count = self.after | "after" >> beam.combiners.Count.Globally()
            waits.append(beam.pvalue.AsSingleton(count))
        return manifest | "write" >> beam.Map(_completed, self.uri, *waits).with_output_types(str)


def said() -> Any:
    """A manifest as it goes to who submitted the job."""
    return beam.Map(_said).with_output_types(bytes)


def _completed(manifest: str, uri: str, after: int = 0) -> str:
    write_manifest(uri, SeedManifest.of(manifest, uri))
    return manifest


def _said(manifest: str) -> bytes:
    return encode_carried(Seeds(manifest))


def about(plan: Plan, fingerprints: Fingerprints, generation: int, snapshot: int | None) -> SeedManifest:
    """The manifest of no seeds of some views."""
    return SeedManifest(generation, snapshot, plan_hash(plan), fingerprints or structures(plan))


class WriteShard(beam.DoFn):
    """The seeds of a shard -> a file, and what is in it.

    Args:
        uri: The folder.
        shards: How many files there are.
    """

    def __init__(self, uri: str, shards: int) -> None:
        super().__init__()
        self.uri, self.shards = uri, shards

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "shard"

    def process(self, element: tuple[bytes, Iterable[bytes]]) -> Iterator[bytes]:
        """Writes one; a worker that tries again writes another file.

        Raises:
            EngineError: `bad-seeds` where the folder has seeds of another job.
        """
        refuse_a_folder_of_seeds(self.uri)
        key, records = element
        number = decode(key)
        name, counts = shard_name(number, self.shards, uuid.uuid4().hex), dict[str, int]()
        with FileSystems.create(FileSystems.join(self.uri, name)) as file:
            size = write_records(file, _counted(records, counts))
        yield encode((number, name, size, tuple(sorted(counts.items()))))


def _counted(records: Iterable[bytes], counts: dict[str, int]) -> Iterator[bytes]:
    """Counts seeds by their operators.

    Raises:
        EngineError: `engine-failed` where a key has two: the runner made several steps of it, and nobody knows the last.
    """
    known: set[tuple[str, bytes]] = set()
    for data in records:
        operator, key, _ = SeedRecord.decoded(data, "")
        if (operator, key) in known:
            what = f"{operator} was stepped twice at a key: this runner fires timers before all input has come"
            raise EngineError("engine-failed", f"{what}, and seeds are the last state of each key")
        known.add((operator, key))
        counts[operator] = counts.get(operator, 0) + 1
        yield data


class ListFiles(beam.DoFn):
    """What is in all files -> the manifest.

    Args:
        about: The manifest of no seeds.
    """

    def __init__(self, about: str) -> None:
        super().__init__()
        self.about = about

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "files"

    def process(self, element: bytes, files: Sequence[bytes]) -> Iterator[str]:
        """Adds them up; a shard counts once, however often a runner tells of it."""
        about = SeedManifest.of(self.about, "")
        shards: dict[int, Shard] = {}
        counts: dict[int, dict[str, int]] = {}
        for data in files:
            number, name, size, counted = decode(data)
            counts[number] = dict(counted)
            shards[number] = Shard(name, sum(counts[number].values()), size)
        seeds = {operator: 0 for one in counts.values() for operator in one}
        for operator in seeds:
            seeds[operator] = sum(one.get(operator, 0) for one in counts.values())
        found = tuple(shards[number] for number in sorted(shards))
        yield SeedManifest(about.generation, about.snapshot, about.plan, about.fingerprints, found, seeds).to_json()
