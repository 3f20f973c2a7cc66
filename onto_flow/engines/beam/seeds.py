"""Seed messages: what they are as records of files, where they lie, and whether they are those of a stream's views.

```
a batch job:  steps (each key once per stage) -> seeds, by shard -> files -> manifest
a stream:     manifest -> files -> seeds, each to its operator's step       (one hop: nothing is computed on the way)
```
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from ...core.errors import DataError, EngineError
from ...formats.seed_files import MANIFEST, MAX_MANIFEST_BYTES, SeedManifest
from ...operators.messages import Seed
from ...plan.nodes import Plan
from ...plan.wire import to_json
from ..coding import decode, decode_message, encode, encode_message
from ..made_by import Fingerprints, differences, structures

SEEDS = "seeds"
"""The output of seeds."""


class SeedRecord(NamedTuple):
    """A record of a file of seeds.

    Attributes:
        operator: Whose seed it is.
        key: The bytes of its key, as Beam groups by them.
        message: The bytes of the seed.
    """

    operator: str
    key: bytes
    message: bytes

    @classmethod
    def of(cls, operator: str, key: bytes, seed: Seed) -> SeedRecord:
        """The record of a seed."""
        return cls(operator, key, encode_message(seed))

    def encoded(self) -> bytes:
        """The bytes of the record."""
        return encode(tuple(self))

    @classmethod
    def decoded(cls, data: bytes, where: str) -> SeedRecord:
        """The record of some bytes.

        Raises:
            DataError: `bad-seeds` when they are none.
        """
        try:
            return cls(*decode(data))
        except (DataError, TypeError) as error:
            raise DataError("bad-seeds", f"a record that is no seed: {error!r:.200}", where=where) from error

    def seed(self) -> Seed:
        """The seed."""
        message: Any = decode_message(self.message)
        assert isinstance(message, Seed)
        return message

    def tagged(self, shards: int) -> Any:
        """The record on its way to its file, one of so many."""
        shard = zlib.crc32(self.key, zlib.crc32(self.operator.encode())) % shards
        return beam.pvalue.TaggedOutput(SEEDS, (encode(shard), self.encoded()))


def plan_hash(plan: Plan) -> str:
    """What tells two plans apart: 32 hexadecimal digits."""
    return hashlib.blake2b(to_json(plan).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class SeedsAt:
    """The seeds that a stream begins with.

    Attributes:
        uri: The folder.
        plan: What the stream maintains.
        fingerprints: Of its views' code; the structure alone is compared where there are none.
    """

    uri: str
    plan: Plan
    fingerprints: Fingerprints

    def manifest(self) -> SeedManifest:
        """What the folder says of itself.

        Raises:
            EngineError: `bad-seeds` where there is none, as of a job that has not ended; `seeds-differ` for other views.
            DataError: `bad-seeds`, `state-version` where it cannot be read.
        """
        manifest = read_manifest(self.uri)
        self._refuse_other_code(manifest)
        return manifest

    def known(self) -> SeedManifest | None:
        """The same, where it is there already."""
        return self.manifest() if _is_there(FileSystems.join(self.uri, MANIFEST)) else None

    def snapshot(self) -> int | None:
        """The time of the documents, where the manifest is there already."""
        known = self.known()
        return None if known is None else known.snapshot

    def check(self, snapshot: int | None, generation: int) -> None:
        """Compares what is on this machine: who makes a job for elsewhere contacts nobody, and the workers compare.

        Raises:
            EngineError: As `manifest` and `refuse_other_documents`.
        """
        known = self.known() if is_here(self.uri) else None
        if known is not None:
            refuse_other_documents(known, self.uri, snapshot, generation)

    def _refuse_other_code(self, manifest: SeedManifest) -> None:
        changed = list(differences(manifest.fingerprints, self.fingerprints or structures(self.plan)))
        if not changed and manifest.plan != plan_hash(self.plan):
            changed = ["what the views read together"]
        if changed:
            raise EngineError(
                "seeds-differ",
                f"these seeds were made by other code: {'; '.join(changed)}",
                where=self.uri,
                fix="Run the backfill with this code, into another folder, or run the code that made them.",
            )


def refuse_other_documents(manifest: SeedManifest, uri: str, snapshot: int | None, generation: int) -> None:
    """Whether a stream of this time and generation goes on from some seeds.

    Raises:
        EngineError: `seeds-differ` for another time of the documents, or a generation that is not later.
    """
    what = None
    if manifest.snapshot != snapshot:
        what = f"of the documents at {manifest.snapshot}, and the stream's snapshot is {snapshot}"
    elif generation <= manifest.generation:
        what = f"of generation {manifest.generation}, and the stream's {generation} is not later"
    if what is not None:
        fix = "Give the snapshot of the backfill, and as generation the time when the stream begins, in microseconds."
        raise EngineError("seeds-differ", f"these seeds are {what}", where=uri, fix=fix)


def read_manifest(uri: str) -> SeedManifest:
    """The manifest of a folder; see `SeedsAt.manifest`."""
    place = FileSystems.join(uri, MANIFEST)
    if not _is_there(place):
        what = "there are no seeds: the manifest is written when the backfill has ended"
        raise EngineError("bad-seeds", what, where=uri, fix="Name the folder that `--seeds` of the backfill named.")
    with FileSystems.open(place) as file:
        text = file.read(MAX_MANIFEST_BYTES + 1)
    if len(text) > MAX_MANIFEST_BYTES:
        raise DataError("bad-seeds", f"a manifest of more than {MAX_MANIFEST_BYTES} bytes", where=uri)
    return SeedManifest.of(text, uri)


def write_manifest(uri: str, manifest: SeedManifest) -> None:
    """Writes the manifest: from now on these are seeds."""
    with FileSystems.create(FileSystems.join(uri, MANIFEST)) as file:
        file.write(manifest.to_json().encode())


def is_here(uri: str) -> bool:
    """Whether a folder is on this machine: what is elsewhere is for workers to look at."""
    return "://" not in uri


def refuse_a_folder_of_seeds(uri: str) -> None:
    """Raises: EngineError: `bad-seeds` where a folder has a manifest already: a stream may begin with it."""
    if _is_there(FileSystems.join(uri, MANIFEST)):
        fix = "Name another folder, or delete this one."
        raise EngineError("bad-seeds", "there are seeds already", where=uri, fix=fix)


def _is_there(place: str) -> bool:
    try:
        return bool(FileSystems.exists(place))
    except Exception as error:
        raise EngineError("io-failed", f"cannot be looked for: {error!r:.200}", where=place) from error
