"""Files of seeds: what a batch job leaves for a stream to begin with, as records in shards, and the manifest of them.

| file | what |
|---|---|
| `seeds-00003-of-00016-TOKEN` | a shard: `MAGIC`, then records, then how many there are |
| `manifest.json` | written last: which shards there are, what is in them, and what they were made by and of |

A record is 4 bytes of size and 4 of CRC-32 (little endian), then so many bytes. A size of 0 is the end, and in the place of
the checksum stands the number of records: so a shard that was cut off is no shard. What the manifest does not name is none
of the seeds: files that a worker wrote twice have different tokens.

Example:
    >>> import io
    >>> file = io.BytesIO()
    >>> write_records(file, [b"one", b"two"])
    47
    >>> _ = file.seek(0)
    >>> list(read_records(file, "x"))
    [b'one', b'two']
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from ..core.errors import DataError

FORMAT = "onto_flow.seeds/1"
MAGIC = b"onto_flow.seeds1\n"
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 64 << 20
MAX_RECORD_BYTES = 1 << 30

_HEAD = struct.Struct("<II")
_FIX = "Run the backfill that writes seeds again, into another folder."


class Reads(Protocol):
    """A file that is read."""

    def read(self, size: int) -> bytes:
        """At most so many bytes."""


class Writes(Protocol):
    """A file that is written."""

    def write(self, data: bytes) -> Any:
        """Writes all of them."""


@dataclass(frozen=True)
class Shard:
    """A file of seeds.

    Attributes:
        name: In the folder of the manifest.
        seeds: How many it has.
        size: Its bytes.
    """

    name: str
    seeds: int
    size: int


@dataclass(frozen=True)
class SeedManifest:
    """What a folder of seeds is.

    Attributes:
        generation: The first part of the versions of the view documents that the batch job wrote.
        snapshot: The time of the documents that it read, in microseconds; `None`: below any event.
        plan: A hash of the whole plan.
        fingerprints: View -> part of its code -> hash: what the seeds were made by.
        shards: The files.
        seeds: Operator -> how many seeds it has.
    """

    generation: int
    snapshot: int | None
    plan: str
    fingerprints: Mapping[str, Mapping[str, str]]
    shards: tuple[Shard, ...] = ()
    seeds: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> str:
        """The text of the manifest."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, sort_keys=True)

    @classmethod
    def of(cls, text: bytes | str, where: str) -> SeedManifest:
        """The manifest of a text.

        Raises:
            DataError: `bad-seeds` for what is none; `state-version` for one of a format that this release does not know.
        """
        try:
            said = json.loads(text)
            made = said["format"]
            shards = tuple(Shard(str(s["name"]), int(s["seeds"]), int(s["size"])) for s in said["shards"])
            if any("/" in s.name or "\\" in s.name or s.name.startswith(".") for s in shards):
                raise ValueError("a shard lies in another folder")
            snapshot = said["snapshot"]
            manifest = cls(
                int(said["generation"]),
                None if snapshot is None else int(snapshot),
                str(said["plan"]),
                {str(v): dict(parts) for v, parts in said["fingerprints"].items()},
                shards,
                {str(name): int(count) for name, count in said["seeds"].items()},
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            what = f"this is no manifest of seeds: {error!r:.200}"
            raise DataError("bad-seeds", what, where=where, fix=_FIX) from error
        if made != FORMAT:
            what = f"seeds of format {made!r:.80}; this release reads {FORMAT}"
            raise DataError("state-version", what, where=where, fix=_FIX)
        return manifest


def shard_name(number: int, shards: int, token: str) -> str:
    """The name of a shard's file.

    Example:
        >>> shard_name(3, 16, "c0ffee")
        'seeds-00003-of-00016-c0ffee'
    """
    return f"seeds-{number:05d}-of-{shards:05d}-{token}"


def write_records(file: Writes, records: Iterable[bytes]) -> int:
    """Writes a shard; its size in bytes.

    Raises:
        DataError: `too-deep` for a record that is larger than 1 GiB.
    """
    count, size = 0, len(MAGIC) + _HEAD.size
    file.write(MAGIC)
    for record in records:
        if not 0 < len(record) <= MAX_RECORD_BYTES:
            raise DataError("too-deep", f"a seed of {len(record)} bytes")
        file.write(_HEAD.pack(len(record), zlib.crc32(record)))
        file.write(record)
        count, size = count + 1, size + _HEAD.size + len(record)
    file.write(_HEAD.pack(0, count))
    return size


def read_records(file: Reads, where: str) -> Iterator[bytes]:
    """The records of a shard.

    Raises:
        DataError: `bad-seeds` where it is damaged or was cut off, after the records before that.
    """
    if _read(file, len(MAGIC)) != MAGIC:
        raise DataError("bad-seeds", "this is no file of seeds", where=where, fix=_FIX)
    count = 0
    while True:
        head = _read(file, _HEAD.size)
        if len(head) < _HEAD.size:
            raise DataError("bad-seeds", f"cut off after {count} seeds", where=where, fix=_FIX)
        size, check = _HEAD.unpack(head)
        if size == 0:
            break
        record = _read(file, size) if size <= MAX_RECORD_BYTES else b""
        if len(record) < size or zlib.crc32(record) != check:
            raise DataError("bad-seeds", f"seed {count + 1} is damaged or cut off", where=where, fix=_FIX)
        count += 1
        yield record
    if check != count:
        raise DataError("bad-seeds", f"{count} seeds, and it says {check}", where=where, fix=_FIX)


def _read(file: Reads, size: int) -> bytes:
    """So many bytes, or what is left; in pieces, so that a wrong size asks for no memory."""
    found: list[bytes] = []
    while size > 0 and (data := file.read(min(size, 1 << 20))):
        found.append(data)
        size -= len(data)
    return b"".join(found)
