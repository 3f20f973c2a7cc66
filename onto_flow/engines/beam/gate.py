"""The gate: the keyed boundary before every side effect, and what keeps a stream silent until the fence.

View changes go through a shard by their path. A runner that tries a step again gives the gate the same view changes, for
what it takes is stored; so what comes out of it may be written.

Until the fence opens, a shard holds the net change of each view document: `old` of the first and `new` of the last. The
marker of the fence says how many view changes the load sent to this shard; when they have come, the shard tells the
receipt what it holds, and lets it out, page by page. Later changes pass after one read of a value.

What goes out says whether it was let out at the fence, and a shard that is open says how many did: when as many are
written, the table is that of this generation, and what older ones left may go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from ...core.change import ViewChange
from ...core.equality import same
from ...plan.nodes import Cell
from ..carried import decode_carried, encode_carried
from ..coding import decode, decode_state, encode, encode_state
from ..credit import Sum, add, digest, less
from ..netted import net, put_in
from . import cells, clock
from .cells import Cells, NeedsWide, Specs, state_specs
from .keys import ONLY, KeyedMessage
from .outlet import CAUSED as CAUSED
from .outlet import SHOWN as SHOWN
from .receipt import part

OPEN = b"\x02"
PARTS = "parts"
"""The output of what each shard held, for the receipt."""

LET_OUT = "let_out"
"""The output of how many view changes each shard let out at the fence, once it has let out all."""

_INBOX = "inbox"
_SHUT, _LETTING_OUT, _OPEN = range(3)
_CELLS = (
    Cell("held", "map", "(view, path) -> (version of old, old, version of new, new, flagged, whether a flag moved)"),
    Cell(_INBOX, "bag", "what waits for the shards of `held`"),
)


def open_marker(caused: int | None) -> bytes:
    """The marker of the fence: it opens when so many view changes that the load caused have come; `None`: at once."""
    return OPEN + encode_state(caused)


class _Gate(NamedTuple):
    """What a shard knows.

    Attributes:
        stage: How far it is open.
        came: How many view changes of the load came.
        awaited: How many there are; -1: nobody has said it.
        let_out: How many were let out at the fence.
    """

    stage: int = _SHUT
    came: int = 0
    awaited: int = -1
    let_out: int = 0


_OPEN_RAW = encode_state(tuple(_Gate(_OPEN)))
_ENTRIES = encode_state(())[:-1]
"""What the state of `held` begins with where all of it is in one state."""


class Gate(beam.DoFn):
    """View changes and the fence's marker, keyed by shard -> view changes.

    Args:
        page: How many view changes one step lets out; 0: all.
        fenced: Whether it is shut until a marker comes; else it holds nothing, and is there for its boundary alone.
    """

    def __init__(self, page: int, *, fenced: bool) -> None:
        super().__init__()
        self.page, self.fenced = page, fenced
        self.specs = state_specs(_CELLS, wide=True)
        self.narrow = {name: self.specs[name] for name in state_specs(_CELLS, wide=False)}
        self.gate = ReadModifyWriteStateSpec("gate", BytesCoder())
        self.timer = TimerSpec("gate.pages", TimeDomain.REAL_TIME)
        self.shards_timer = TimerSpec("gate.shards", TimeDomain.REAL_TIME)
        on_timer(self.timer)(Gate.pages)
        on_timer(self.shards_timer)(Gate.wait_for_shards)

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "gate"

    def _inspect_process(self) -> tuple[list[str], list[Any]]:
        if not self.fenced:
            return ["element", "gate"], [beam.DoFn.StateParam(self.gate)]
        names, defaults = self._params(self.narrow)
        return ["element", *names], defaults

    def _inspect_pages(self) -> tuple[list[str], list[Any]]:
        names, defaults = self._params(self.specs)
        return ["key", *names], [beam.DoFn.KeyParam, *defaults]

    _inspect_wait_for_shards = _inspect_pages

    def _params(self, specs: Specs) -> tuple[list[str], list[Any]]:
        states = [beam.DoFn.StateParam(spec) for spec in (*specs.values(), self.gate)]
        timers = [beam.DoFn.TimerParam(timer) for timer in (self.timer, self.shards_timer)]
        return [*specs, "gate", "timer", "shards_timer"], [*states, *timers]

    def process(self, element: KeyedMessage, *given: Any) -> Sequence[Any]:
        """A view change came, or the marker."""
        key, data = element
        if not self.fenced:
            return (data,) if data.startswith(SHOWN) else _passed(data)
        *states, gate, timer, shards_timer = given
        held = gate.read()
        if held == _OPEN_RAW:
            return _passed(data)
        known = _known(held)
        if data[:1] != OPEN and _held_on_bytes(data, known, states[0], gate):
            return ()
        try:
            return self._shard(key, dict(zip(self.narrow, states)), gate, timer, wide=False).take([data])
        except NeedsWide:
            states[-1].add(data)
            shards_timer.set(Timestamp(micros=clock.micros()))
            return ()

    def pages(self, key: bytes, **given: Any) -> Sequence[Any]:
        """The next page."""
        *states, gate, timer, _ = given.values()
        return self._shard(key, dict(zip(self.specs, states)), gate, timer, wide=True).next_page()

    def wait_for_shards(self, key: bytes, **given: Any) -> Sequence[Any]:
        """Takes what waits for the shards of the map."""
        *states, gate, timer, _ = given.values()
        waiting = list(given[_INBOX].read() or ())
        if not waiting:
            return ()
        found = self._shard(key, dict(zip(self.specs, states)), gate, timer, wide=True).take(waiting)
        given[_INBOX].clear()
        return found

    def _shard(self, key: bytes, states: Mapping[str, Any], gate: Any, timer: Any, *, wide: bool) -> _Shard:
        return _Shard(self, decode(key), _known(gate.read()), Cells(_CELLS, states, wide=wide), gate, timer)


def _passed(data: bytes) -> Sequence[bytes]:
    """What an open shard gives on: all but a marker."""
    if data.startswith(SHOWN):
        return (data,)
    return (SHOWN + data[1:],) if data[:1] != OPEN else ()


def _known(held: bytes | None) -> _Gate:
    return _Gate() if held is None else _Gate(*decode_state(held))


def _held_on_bytes(data: bytes, known: _Gate, state: Any, gate: Any) -> bool:
    """Whether a view change was put into what a shard holds that stays shut, and has all of it in one state."""
    now = known._replace(came=known.came + data[0])
    held: bytes | None = state.read()
    if now.stage != _SHUT or now.came >= now.awaited >= 0 or not (held is None or held.startswith(_ENTRIES)):
        return False
    raw = put_in(held, data, 1)
    if len(raw) > cells.SPLIT_BYTES:
        return False
    if raw != held:
        state.write(raw)
    if now != known:
        gate.write(encode_state(tuple(now)))
    return True


class _Shard:
    """One step of a shard that holds something, or may."""

    def __init__(self, fn: Gate, number: int, known: _Gate, cells: Cells, gate: Any, timer: Any) -> None:
        self.fn, self.number, self.known, self.cells = fn, number, known, cells
        self.held = cells.maps["held"]
        self.gate, self.timer = gate, timer
        self.found: list[Any] = []

    def take(self, waiting: Sequence[bytes]) -> Sequence[Any]:
        """View changes, and the marker.

        Raises:
            NeedsWide: Nothing of it counts; they must be taken again with the shards.
        """
        known = self.known
        for data in waiting:
            known = self._taken(known, data[:1], data[1:])
        return self._end(known)

    def _taken(self, known: _Gate, cause: bytes, raw: bytes) -> _Gate:
        if known.stage == _OPEN:
            if cause != OPEN:
                self.found.append(SHOWN + raw)
            return known
        if cause == OPEN:
            awaited = decode_state(raw)
            known = known._replace(awaited=known.came if awaited is None else awaited)
        else:
            known = known._replace(came=known.came + cause[0])
            self._hold(raw, shut=known.stage == _SHUT)
        if known.stage == _SHUT and known.came >= known.awaited >= 0:
            self.found.append(beam.pvalue.TaggedOutput(PARTS, (ONLY, part(self.number, self._sums()))))
            known = self._let_out(known)
        return known

    def next_page(self) -> Sequence[Any]:
        """Lets out some more, at the fence."""
        return self._end(self._let_out(self.known)) if self.known.stage == _LETTING_OUT else ()

    def _end(self, known: _Gate) -> Sequence[Any]:
        for write in self.cells.writes():
            write()
        if known != self.known:
            self.gate.write(encode_state(tuple(known)))
        return self.found

    def _hold(self, raw: bytes, *, shut: bool) -> None:
        """Nets a view change with what is held of its document; what is let out already is not held again."""
        change = decode_carried(raw)
        assert isinstance(change, ViewChange)
        if shut or (change.view, change.path) in self.held:
            net(self.held, change)
        else:
            self.found.append(SHOWN + raw)

    def _let_out(self, known: _Gate) -> _Gate:
        """A page of what is held; then the shard is open, or a timer will let out the next one."""
        let_out = known.let_out + self._page()
        if self.held:
            return known._replace(stage=_LETTING_OUT, let_out=let_out)
        self.found.append(beam.pvalue.TaggedOutput(LET_OUT, (ONLY, encode(let_out))))
        return _Gate(_OPEN)

    def _page(self) -> int:
        """Lets out a page of what is held, and sets the timer of the next; says how many view changes it was."""
        before = len(self.found)
        for key in list(islice(self.held, self.fn.page or None)):
            _, old, last, new, failed, flags = self.held.pop(key)
            if not same(old, new) or (flags and new is not None):
                change = ViewChange(key[0], key[1], old, new, tuple(last), failed)
                self.found.append(CAUSED + encode_carried(change))
        if self.held:
            self.timer.set(Timestamp(micros=clock.micros()))
        return len(self.found) - before

    def _sums(self) -> dict[str, Sum]:
        sums: dict[str, Sum] = {}
        for (view, path), (_, old, _, new, *_) in self.held.items():
            if new is not None:
                add(sums, {view: digest(path, new)})
            if old is not None:
                add(sums, {view: less(digest(path, old))})
        return sums
