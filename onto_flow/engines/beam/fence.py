"""The fence of a cutover in a stream: when the load is over, as data.

```
end markers -> ends -> (all has been read) -> gather, by shard -> fence, one key -> open, to each shard of the gate
what operators give back ---------------------^                    ^       +-> the head of the receipt
canaries seen on the feed, a request to force ---------------------+
```

It opens when all partitions have ended, as many documents were read as the source says that it has, all the weight that
they entered with is back, and each canary was seen on the feed. Until all has been read, what comes back is added up by
shard and goes no further, so that no key is hot; then it goes on.

A change of the feed that overtook its document of the load weighs nothing, and its messages may still be under way when
the document's weight is back. `settle` is the bound for that: so many microseconds the fence waits after all else.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from ...core.change import DeadLetter
from ...core.errors import OntoFlowError
from ..carried import Begun, End, Unreadable, decode_carried, encode_carried, half_read
from ..coding import decode, decode_state, encode, encode_state
from ..credit import Credit, Weight, total
from . import clock
from .gate import open_marker
from .keys import ONLY, KeyedMessage
from .receipt import Head
from .steps import LETTERS

HEADS = "heads"
"""The output for the receipt."""

READ, CREDITED, CANARY, FORCE = range(4)
"""What a message to `Gather` or `Fence` is; its second part: documents, `Credit`'s form, a path, nothing."""

FORCED = (ONLY, encode((FORCE, None)))
"""A message to the fence: open now, whatever is missing."""


@dataclass(frozen=True)
class Terms:
    """When the fence opens.

    Attributes:
        partitions: How many partitions of the load must end; `None`: a marker says it.
        expected: How many documents the source says that it has; `None`: nobody knows, or a marker says it.
        canaries: Documents whose changes must have been seen on the feed.
        settle: Microseconds to wait after all else.
        shards: Of the gate.
        generation: The first part of view versions, for the receipt.
        snapshot: The time of the load, for the receipt.
        gathers: Over how many keys what comes back is added up before the one key of the fence.
    """

    partitions: int | None
    expected: int | None
    canaries: tuple[str, ...]
    settle: int
    shards: int
    generation: int
    snapshot: int | None
    gathers: int = 64


def returned(credit: bytes, gathers: int) -> KeyedMessage:
    """Something that was given back, on its way to a shard of `Gather`."""
    return encode(zlib.crc32(credit) % gathers), encode((CREDITED, decode(credit)))


class _State:
    """One state that holds a form of `core.codec`."""

    def __init__(self, state: Any) -> None:
        self._state = state

    def get(self) -> Any:
        raw = self._state.read()
        return None if raw is None else decode_state(raw)

    def put(self, value: Any) -> None:
        self._state.write(encode_state(value))


_SETTLE = TimerSpec("fence.settle", TimeDomain.REAL_TIME)
_TIMER = beam.DoFn.TimerParam(_SETTLE)
_HELD = beam.DoFn.StateParam(ReadModifyWriteStateSpec("held", BytesCoder()))


class Ends(beam.DoFn):
    """End markers, all under one key -> that all has been read, to each shard of `Gather`; or a dead letter, once.

    A partition counts once, however often its marker comes.
    """

    def __init__(self, terms: Terms) -> None:
        super().__init__()
        self.terms = terms

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "ends"

    def process(self, element: KeyedMessage, held: Any = _HELD) -> Iterator[Any]:
        """A marker came."""
        state = _State(held)
        ended, planned, expected, done = state.get() or ((), self.terms.partitions, self.terms.expected, False)
        if done:
            return
        marker = decode_carried(element[1])
        partitions = {name: (read, given) for name, read, given in ended}
        broken: OntoFlowError | None = None
        if isinstance(marker, Unreadable):
            broken = marker.error()
        elif isinstance(marker, End):
            partitions[marker.partition] = (marker.read, marker.given)
        elif isinstance(marker, Begun):
            planned, expected = marker
        done = broken is not None or len(partitions) == planned
        state.put((tuple((name, *counts) for name, counts in partitions.items()), planned, expected, done))
        if not done:
            return
        read = sum(count for count, _ in partitions.values())
        if broken is None and expected not in (None, read):
            broken = half_read(read, expected, 0)
        if broken is not None:
            yield beam.pvalue.TaggedOutput(LETTERS, encode_carried(never(broken)))
            return
        given = sum(count for _, count in partitions.values())
        for shard in range(self.terms.gathers):
            yield encode(shard), encode((READ, given if shard == 0 else 0))


def never(error: OntoFlowError) -> DeadLetter:
    """The dead letter of a load that the fence will not open for."""
    where = f" ({error.where})" if error.where else ""
    what = f"{error.code}: {error.what}{where}; the gate stays shut"
    return DeadLetter("fence", what)


class Gather(beam.DoFn):
    """What comes back, by shard -> its sum, once all has been read; from then on as it comes."""

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "gather"

    def process(self, element: KeyedMessage, held: Any = _HELD) -> Iterator[KeyedMessage]:
        """A credit came, or the word that all has been read."""
        state = _State(held)
        read, waiting = state.get() or (False, None)
        kind, what = decode(element[1])
        if kind == READ:
            yield ONLY, encode((READ, what))
            if waiting is not None:
                yield ONLY, encode((CREDITED, waiting))
            state.put((True, None))
        elif read:
            yield ONLY, element[1]
        else:
            credit = Credit.of(waiting)
            credit.add(Credit.of(what))
            state.put((False, credit.pack()))


class Account(NamedTuple):
    """The state of the fence.

    Attributes:
        credit: What is back, packed.
        shards: How many shards of `Gather` know that all has been read.
        documents: How many documents were read.
        canaries: Those that were seen.
        deadline: When it has settled, in microseconds; 0: something else is missing.
        opened: Whether it is open.
    """

    credit: Any = None
    shards: int = 0
    documents: int = 0
    canaries: tuple[str, ...] = ()
    deadline: int = 0
    opened: bool = False


class Fence(beam.DoFn):
    """The accounts of the load -> one marker to each shard of the gate, and the head of the receipt."""

    def __init__(self, terms: Terms) -> None:
        super().__init__()
        self.terms = terms

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "fence"

    def process(self, element: KeyedMessage, held: Any = _HELD, timer: Any = _TIMER) -> Iterator[Any]:
        """Something of the load is over, or a canary was seen, or somebody forces it."""
        state = _State(held)
        account = Account(*(state.get() or ()))
        if account.opened:
            return
        account, forced = _took(account, element[1])
        if forced or (self._is_complete(account) and not self.terms.settle):
            yield from self._open(account, state, forced=forced)
            return
        if self._is_complete(account) and not account.deadline:
            account = account._replace(deadline=clock.micros() + self.terms.settle)
            timer.set(Timestamp(micros=account.deadline))
        state.put(tuple(account))

    @on_timer(_SETTLE)
    def settled(self, held: Any = _HELD, timer: Any = _TIMER) -> Iterator[Any]:
        """The time to settle is over, or the input has ended before."""
        state = _State(held)
        account = Account(*(state.get() or ()))
        if account.opened or not account.deadline:
            return
        if clock.micros() < account.deadline:
            timer.set(Timestamp(micros=account.deadline))
            return
        yield from self._open(account, state, forced=False)

    def _is_complete(self, account: Account) -> bool:
        credit = Credit.of(account.credit)
        known = account.shards == self.terms.gathers and credit.entered == account.documents
        back = credit.weight == total([Weight(account.documents, 0)])
        return known and back and {*account.canaries} >= {*self.terms.canaries}

    def _open(self, account: Account, state: _State, *, forced: bool) -> Iterator[Any]:
        state.put(tuple(Account(opened=True)))
        credit = Credit.of(account.credit)
        for shard in range(self.terms.shards):
            yield encode(shard), open_marker(None if forced else credit.shown.get(shard, 0))
        read = sum(s.size for s in credit.read.values())
        head = Head(
            self.terms.generation,
            self.terms.snapshot,
            forced,
            read,
            account.canaries,
            credit.read,
            credit.seeds,
            credit.views,
        )
        yield beam.pvalue.TaggedOutput(HEADS, (ONLY, head.encoded()))


def _took(account: Account, data: bytes) -> tuple[Account, bool]:
    kind, what = decode(data)
    if kind == READ:
        account = account._replace(shards=account.shards + 1, documents=account.documents + what)
    elif kind == CREDITED:
        credit = Credit.of(account.credit)
        credit.add(Credit.of(what))
        account = account._replace(credit=credit.pack())
    elif kind == CANARY:
        account = account._replace(canaries=tuple(sorted({*account.canaries, what})))
    return account, kind == FORCE


def seen(paths: Iterable[str]) -> list[KeyedMessage]:
    """Messages to the fence: these canaries were seen on the feed."""
    return [(ONLY, encode((CANARY, path))) for path in paths]
