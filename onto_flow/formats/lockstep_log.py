"""The records of many blocks at once: `leveldb_log.read_records` in steps of whole arrays.

A step reads the next fragment of every block. Law: the records, and the error behind them, are those of `read_records`;
whatever is unusual, damage above all, is left to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO, NamedTuple

import numpy as np

from . import leveldb_log
from .leveldb_log import BLOCK, HEADER, HEADER_FORMAT, MASK_DELTA, MAX_RECORD, gather, read_records
from .native import extension
from .spans import Spans
from .words import Ints, Words

CHUNK = 128 * BLOCK
"""Bytes that are read at once; a larger record, which Firestore has none of, is unusual."""

FEW = 40
"""The headers of so few blocks are read one by one, which is quicker for them."""

GATHERED = 4000
"""So many records that were read one by one come together."""

_U = np.uint64
_FULL, _FIRST, _LAST = 1, 2, 4
_NO_INTS: Ints = np.zeros(0, np.int64)


class _Fragments(NamedTuple):
    """Fragments in their order: where the header stands and the payload ends, the type; a checksum still to be compared."""

    at: Ints
    behind: Ints
    kind: Ints
    crc: Ints = _NO_INTS

    def part(self, begin: int, end: int | None) -> _Fragments:
        return _Fragments(*(column[begin:end] for column in self))


def read_spans(
    file: BinaryIO,
    *,
    start: int = 0,
    end: int | None = None,
    verify: bool = True,
    name: str = "log",
    limit: int = MAX_RECORD,
    chunk: int | None = None,
) -> Iterator[Spans]:
    """The records that begin in `[start, end)`.

    Args:
        file: Open for reading bytes, seekable.
        start: As for `read_records`.
        end: As for `read_records`.
        verify: Whether checksums are compared.
        name: What the file is called in errors.
        limit: Bytes of the largest record.
        chunk: Bytes that are read at once, whole blocks; by default half of `CHUNK` where the compiled reader, which has no
            steps to pay for, gains more from what is near.

    Raises:
        DataError: `bad-export`, behind the records before the damage.
    """
    chunk = chunk or (CHUNK if extension() is None else CHUNK // 2)
    reading = _Reading(file, start, end, chunk, limit)
    last: int | None = None
    while not reading.done:
        found = reading.next(verify)
        if found is None:
            break
        if len(found.start):
            last = int(found.offset[-1])
            yield found
    else:
        return
    begin = start if last is None else last
    records = read_records(file, start=begin, end=end, verify=verify, name=name, limit=limit)
    for taken in gather((r for r in records if r[0] != last), GATHERED, chunk):
        offset, behind, payloads = zip(*taken)
        yield Spans.of(payloads)._replace(offset=np.array(offset), behind=np.array(behind))


def measure(file: BinaryIO, *, name: str = "log") -> tuple[int, int]:
    """How many records a file holds, and their bytes; checksums are not compared.

    Raises:
        DataError: As for `read_spans`.
    """
    count = size = at = 0
    kinds: list[Ints] = []
    while True:
        file.seek(at)
        data = file.read(CHUNK)
        found = _scanned(data, 0, verify=False)
        if found is None:
            break
        count += int(((found.kind == _FULL) | (found.kind == _FIRST)).sum())
        size += int((found.behind - found.at).sum()) - HEADER * len(found.at)
        kinds.append(found.kind)
        at += len(data)
        if len(data) < CHUNK:
            kind = np.concatenate(kinds)
            if not _follow(kind) or (len(kind) and int(kind[-1]) not in (_FULL, _LAST)):
                break
            return count, size
    spans = [(len(found.start), found.size) for found in read_spans(file, verify=False, name=name)]
    return sum(n for n, _ in spans), sum(n for _, n in spans)


@dataclass
class _Reading:
    """Where a reading stands: before a record, or (`skipping`) perhaps before the rest of one that began earlier."""

    file: BinaryIO
    at: int
    end: int | None
    chunk: int
    limit: int
    done: bool = False
    held_at: int = 0

    def __post_init__(self) -> None:
        self.skipping = self.at > 0 and self.at % BLOCK == 0
        self.room = memoryview(bytearray(self.chunk))
        self.held = self.room[:0]

    def next(self, verify: bool) -> Spans | None:
        """The records that end in the next chunk; `None` for something unusual."""
        base, data = self._read()
        fragments = _scanned(data, self.at - base, verify)
        if fragments is None:
            return None
        kept = _kept(fragments, self.skipping)
        if kept is None:
            return None
        begun = np.flatnonzero((kept.kind == _FULL) | (kept.kind == _FIRST))
        unfinished = len(kept.kind) > 0 and int(kept.kind[-1]) not in (_FULL, _LAST)
        self.skipping = self.skipping and not len(begun)
        behind = base + int(kept.at[begun[-1]]) if unfinished else base + len(data)
        at_end = len(data) < self.chunk
        if unfinished and (at_end or behind == self.at):
            return None
        spans = _joined(data, base, kept.part(0, int(begun[-1]) if unfinished else None))
        if len(spans.start) and int((spans.stop - spans.start).max()) > self.limit:
            return None
        self.at = behind
        self.done = at_end or (self.end is not None and behind >= self.end)
        return spans if self.end is None else spans.part(0, int(np.searchsorted(spans.offset, self.end)))

    def _read(self) -> tuple[int, memoryview]:
        """The next chunk, in the room of the last one; what that already had of it is not read again."""
        base = self.at - self.at % BLOCK
        known = self.held[base - self.held_at :] if base >= self.held_at else self.held[:0]
        size = len(known)
        self.room[:size] = known
        self.file.seek(base + size)
        size += self.file.readinto(self.room[size:])  # type: ignore[attr-defined]  # every binary file has it
        self.held, self.held_at = self.room[:size], base
        return base, self.held


def _scanned(data: bytes | memoryview, begin: int, verify: bool) -> _Fragments | None:
    """The fragments of a chunk, checked; `None` for anything unusual."""
    compiled = extension()
    if compiled is not None:
        found = compiled.fragments(data, begin, verify)
        return None if found is None else _Fragments(*(np.frombuffer(column, np.int64) for column in found))
    whole = bytes(data)
    fragments = (_fragments if len(whole) >= FEW * BLOCK else _fragments_of_few)(whole, begin)
    return None if fragments is None or (verify and not _sound(whole, fragments)) else fragments


def _fragments(data: bytes, begin: int) -> _Fragments | None:
    """The fragments of a chunk, whose first block is read from `begin` on; `None` for anything that is not whole."""
    words = Words(data)
    first = np.arange(0, len(data), BLOCK)
    stop = np.minimum(first + BLOCK, len(data))
    first[:1] += begin
    block, at = np.arange(len(first)), first
    counts: Ints = np.zeros(len(first), np.int64)
    steps: list[tuple[Ints, ...]] = []
    ends: list[tuple[Ints, Ints]] = []
    while len(at):
        word = words.at(at)
        length, kind = ((word >> _U(32)) & _U(0xFFFF)).view(np.int64), ((word >> _U(48)) & _U(0xFF)).view(np.int64)
        behind = at + HEADER + length
        over = (at + HEADER > stop) | ((length == 0) & (kind == 0))
        if over.any():
            ends.append((at[over], stop[over]))
            block, at, stop, behind, kind, word = (c[~over] for c in (block, at, stop, behind, kind, word))
        if (behind > stop).any() or (kind == 0).any() or (kind > _LAST).any():
            return None
        steps.append((block, counts[block], at, behind, kind, (word & _U(0xFFFFFFFF)).view(np.int64)))
        counts[block] += 1
        live = behind < stop
        at = behind
        if not live.all():
            block, at, stop = block[live], at[live], stop[live]
    return _ordered(counts, steps) if _filled(data, ends) else None


def _fragments_of_few(data: bytes, begin: int) -> _Fragments | None:
    """As `_fragments`, header by header."""
    found: list[tuple[int, int, int, int]] = []
    ends: list[tuple[Ints, Ints]] = []
    unpack = HEADER_FORMAT.unpack_from
    for first in range(0, len(data), BLOCK):
        at, stop = begin if first == 0 else first, min(first + BLOCK, len(data))
        while at + HEADER <= stop:
            crc, length, kind = unpack(data, at)
            behind = at + HEADER + length
            if behind > stop or not 0 < kind <= _LAST:
                if length or kind:
                    return None
                break
            found.append((at, behind, kind, crc))
            at = behind
        if at < stop:
            ends.append((np.array([at]), np.array([stop])))
    columns = np.array(found, np.int64).reshape(-1, 4).T
    return _Fragments(*columns) if _filled(data, ends) else None


def _filled(data: bytes, ends: list[tuple[Ints, Ints]]) -> bool:
    """Whether the ends of blocks are zeros, and none is a header that the end of the file cuts."""
    for begin, stop in ends:
        for a, b in zip(begin.tolist(), stop.tolist()):
            if data.count(0, a, b) != b - a or (b - a < HEADER and b % BLOCK):
                return False
    return True


def _ordered(counts: Ints, steps: list[tuple[Ints, ...]]) -> _Fragments:
    block, number, *columns = [*map(np.concatenate, zip(*steps))] or [_NO_INTS] * 6
    place = (np.cumsum(counts) - counts)[block] + number
    ordered = []
    for column in columns:
        sorted_ = np.empty_like(column)
        sorted_[place] = column
        ordered.append(sorted_)
    return _Fragments(*ordered)


def _sound(data: bytes, fragments: _Fragments) -> bool:
    pieces = map(data.__getitem__, map(slice, (fragments.at + HEADER - 1).tolist(), fragments.behind.tolist()))
    found = np.fromiter(map(leveldb_log.crc32c, pieces), np.int64, len(fragments.at))
    masked = ((found >> 15 | found << 17) + MASK_DELTA) & 0xFFFFFFFF
    return bool((masked == fragments.crc).all())


def _kept(fragments: _Fragments, skipping: bool) -> _Fragments | None:
    """The fragments without the rest of an earlier record; `None` if they stand in an impossible order."""
    begins = (fragments.kind == _FULL) | (fragments.kind == _FIRST)
    if skipping:
        first = int(begins.argmax()) if begins.any() else len(begins)
        fragments, begins = fragments.part(first, None), begins[first:]
    return fragments if _follow(fragments.kind) else None


def _follow(kind: Ints) -> bool:
    """Whether fragments stand in a possible order, from the begin of a record on."""
    begins, ends = (kind == _FULL) | (kind == _FIRST), (kind == _FULL) | (kind == _LAST)
    return not len(kind) or bool(begins[0] and (begins[1:] == ends[:-1]).all())


def _joined(data: memoryview, base: int, fragments: _Fragments) -> Spans:
    """Whole records; the headers inside them are cut out."""
    begins = (fragments.kind == _FULL) | (fragments.kind == _FIRST)
    first, last = np.flatnonzero(begins), np.flatnonzero((fragments.kind == _FULL) | (fragments.kind == _LAST))
    start, behind = fragments.at + HEADER, fragments.behind
    inner = np.flatnonzero(~begins)
    gaps = np.zeros(len(begins), np.int64)
    gaps[inner] = start[inner] - behind[inner - 1]
    shift = np.cumsum(gaps)
    edges = [0, *np.column_stack([behind[inner - 1], start[inner]]).reshape(-1).tolist(), len(data)]
    return Spans(
        Words(*(data[a:b] for a, b in list(pairwise(edges))[::2])),
        (start - shift)[first],
        (behind - shift)[last],
        base + fragments.at[first],
        base + behind[last],
    )
