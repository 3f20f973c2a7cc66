"""The cells of an operator on Beam's user state.

| cell | state | written |
|---|---|---|
| value | read-modify-write, bytes | at the end of a step, where the bytes differ |
| map | read-modify-write, bytes: the whole map while it is small, else shards by the key's hash | shards that changed |
| bag | bag of bytes | appended at once |

Beam's Python SDK has no map state. And every state that a method of a DoFn names costs 1.3 kB and 11 microseconds per
key and bundle, touched or not (measured, Beam 2.77); so a step is first run with the first state of each map (*narrow*),
and again with all shards (*wide*) only for a key that has a split map, or grows one.

Law: a step that fails, or has to be run again, leaves its key as it was.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from functools import lru_cache, partial
from typing import Any

from apache_beam.coders import BytesCoder
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from ...plan.nodes import Cell
from ..coding import decode_state, encode, encode_state
from .live import Held

SHARDS = 16
SPLIT_BYTES = 32 << 10
"""A map is split when its bytes exceed this; it stays split."""

Write = Callable[[], None]
Specs = dict[str, Any]

_UNREAD: Any = object()
_FIRST = -1
"""The number of the first state of a map; the shards are counted from 0."""

_MARK = encode_state("split")
"""What the first state holds when the entries are in the shards."""


def state_specs(cells: Sequence[Cell], *, wide: bool) -> Specs:
    """Beam's specifications of some cells by name; with `wide`, the shards of maps too."""
    specs: Specs = {}
    for cell in cells:
        kind = BagStateSpec if cell.kind == "bag" else ReadModifyWriteStateSpec
        specs.update((name, kind(name, BytesCoder())) for name in state_names(cell, wide=wide))
    return specs


@lru_cache(maxsize=64)
def state_names(cell: Cell, *, wide: bool) -> tuple[str, ...]:
    """The names of the states of a cell; with `wide`, of the shards of a map too."""
    shards = range(SHARDS) if wide and cell.kind == "map" else ()
    return (cell.name, *(f"{cell.name}_{number}" for number in shards))


class NeedsShards(Exception):
    """A narrow step met a map that is split, or has become too large for one state."""


class _State:
    """One state of Beam's that holds bytes; read when it is asked for, once."""

    def __init__(self, state: Any) -> None:
        self._state = state
        self._held: Any = _UNREAD

    def read(self) -> bytes | None:
        if self._held is _UNREAD:
            self._held = self._state.read()
        held: bytes | None = self._held
        return held

    def writes(self, raw: bytes | None) -> list[Write]:
        if raw == self.read():
            return []
        return [self._state.clear if raw is None else partial(self._state.write, raw)]


def decoded(raw: bytes, live: Held | None, name: Any) -> Any:
    """The object that some bytes are: the one that they were written as, if it is still there."""
    kept = None if live is None else live.get(name)
    return kept[1] if kept is not None and kept[0] == raw else decode_state(raw)


class ValueCell:
    """One value.

    Args:
        state: Beam's.
        live: What is kept of the key; may be kept under `name`.
    """

    def __init__(self, state: Any, live: Held | None = None, name: str = "") -> None:
        self._state = _State(state)
        self._new = self._got = _UNREAD
        self._live, self._name = live, name

    def get(self) -> Any:
        """What was last put, or the object of the bytes."""
        if self._new is not _UNREAD:
            return self._new
        if self._got is _UNREAD:
            held = self._state.read()
            self._got = None if held is None else decoded(held, self._live, self._name)
        return self._got

    def put(self, value: Any) -> None:
        """Keeps a value for the end of the step."""
        self._new = value

    def writes(self) -> list[Write]:
        """What was put, where it differs from what is held."""
        if self._new is _UNREAD:
            return []
        pack = getattr(self._new, "pack", None)
        value = self._new if pack is None else pack()
        raw = None if value is None else encode_state(value)
        if self._live is not None:
            self._live.pop(self._name, None)
            if raw is not None and pack is not None:
                self._live[self._name] = (raw, self._new)
        return self._state.writes(raw)


class MapCell(MutableMapping[Any, Any]):
    """Entries in one state, or in shards; a shard is read when one of its entries is asked for.

    Args:
        states: The first state, and in a wide step the shards behind it.
        live: What is kept of the key; parts may be kept under `name` and their numbers.
    """

    def __init__(self, states: Sequence[Any], live: Held | None = None, name: str = "") -> None:
        self._first = _State(states[0])
        self._shards = _Shards(states)
        self._live, self._name = live, name
        self._split: bool | None = None
        self._parts: dict[int, dict[Any, Any]] = {}
        self._changed: set[int] = set()
        self.needs_shards = False

    def writes(self) -> list[Write]:
        """The parts that changed; a map that has grown too large for one state is split.

        Raises:
            NeedsShards: It would have to be split in a narrow step.
        """
        if not self._changed:
            return []
        if not self._split:
            raw = self._raw(_FIRST)
            if raw is None or len(raw) <= SPLIT_BYTES:
                return self._first.writes(raw)
            self._spread()
        found = self._first.writes(_MARK)
        for number in self._changed:
            found += self._shards[number].writes(self._raw(number))
        return found

    def _raw(self, number: int) -> bytes | None:
        """The bytes of a part, which is kept as what they are."""
        raw = _encoded(self._parts[number])
        if self._live is not None:
            if raw is None:
                self._live.pop((self._name, number), None)
            else:
                self._live[self._name, number] = (raw, self._parts[number])
        return raw

    def _spread(self) -> None:
        self._need_shards()
        self._split, entries = True, self._parts[_FIRST]
        self._parts = {number: {} for number in range(SHARDS)}
        self._changed = set(self._parts)
        for key, value in entries.items():
            self._parts[_shard(key)][key] = value

    def _need_shards(self) -> None:
        if not self._shards:
            self.needs_shards = True
            raise NeedsShards

    def _is_split(self) -> bool:
        if self._split is None:
            self._split = self._first.read() == _MARK
        if self._split:
            self._need_shards()
        return self._split

    def _number(self, key: Any) -> int:
        return _shard(key) if self._is_split() else _FIRST

    def _part(self, number: int) -> dict[Any, Any]:
        part = self._parts.get(number)
        if part is None:
            held = (self._first if number == _FIRST else self._shards[number]).read()
            part = self._parts[number] = {} if held is None else self._of(number, held)
        return part

    def _of(self, number: int, held: bytes) -> dict[Any, Any]:
        found = decoded(held, self._live, (self._name, number))
        part = found if found.__class__ is dict else dict(found)
        if self._live is not None:
            self._live[self._name, number] = (held, part)
        return part

    def _all(self) -> list[dict[Any, Any]]:
        return [self._part(number) for number in (range(SHARDS) if self._is_split() else (_FIRST,))]

    def __getitem__(self, key: Any) -> Any:
        return self._part(self._number(key))[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        number = self._number(key)
        self._part(number)[key] = value
        self._changed.add(number)

    def __delitem__(self, key: Any) -> None:
        number = self._number(key)
        del self._part(number)[key]
        self._changed.add(number)

    def __iter__(self) -> Iterator[Any]:
        return iter([key for part in self._all() for key in part])

    def __len__(self) -> int:
        return sum(map(len, self._all()))


class _Shards:
    """The shards of a map, each made when it is asked for: there are many of them, and most maps are small."""

    def __init__(self, states: Sequence[Any]) -> None:
        self._states = states
        self._made: dict[int, _State] = {}

    def __bool__(self) -> bool:
        return len(self._states) > 1

    def __getitem__(self, number: int) -> _State:
        made = self._made.get(number)
        if made is None:
            made = self._made[number] = _State(self._states[number + 1])
        return made


def _shard(key: Any) -> int:
    return zlib.crc32(encode(key)) % SHARDS


def _encoded(entries: dict[Any, Any]) -> bytes | None:
    return encode_state(tuple(entries.items())) if entries else None


class Cells:
    """The value and map cells of one key, for one step.

    Args:
        cells: All cells of the operator.
        states: Beam's states by name, as `state_specs` named them.
        wide: Whether the shards are there.
        live: What is kept of the key; `None`: nothing is.
    """

    def __init__(
        self, cells: Sequence[Cell], states: Mapping[str, Any], *, wide: bool, live: Held | None = None
    ) -> None:
        self.values = {c.name: ValueCell(states[c.name], live, c.name) for c in cells if c.kind == "value"}
        self.maps = {
            c.name: MapCell([states[name] for name in state_names(c, wide=wide)], live, c.name)
            for c in cells
            if c.kind == "map"
        }

    def held(self) -> dict[str, Any]:
        """Cell -> what the step holds of it."""
        return {**{name: cell.get() for name, cell in self.values.items()}, **self.maps}

    @property
    def needs_shards(self) -> bool:
        """Whether the step met a map that it could not read: an operator may have caught what told so."""
        return any(cell.needs_shards for cell in self.maps.values())

    def writes(self) -> list[Write]:
        """What the step has to write, all of it encoded: nothing of a step that fails is in the state.

        Raises:
            NeedsShards: The step must be run again, with the shards.
        """
        cells: list[ValueCell | MapCell] = [*self.values.values(), *self.maps.values()]
        return [write for cell in cells for write in cell.writes()]
