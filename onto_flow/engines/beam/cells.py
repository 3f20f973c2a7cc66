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
from collections.abc import Callable, ItemsView, Iterator, Mapping, MutableMapping, Sequence, ValuesView
from functools import lru_cache
from typing import Any

from apache_beam.coders import BytesCoder
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from ...plan.nodes import Cell
from ..coding import encode, encode_state
from .live import Held
from .value_cell import NeedsWide as NeedsWide
from .value_cell import State, UnnamedCell, ValueCell, Write, decoded

SHARDS = 16
SPLIT_BYTES = 32 << 10
"""A map is split when its bytes exceed this; it stays split."""

Specs = dict[str, Any]

_FIRST = -1
"""The number of the first state of a map; the shards are counted from 0."""

_MARK = encode_state("split")
"""What the first state holds when the entries are in the shards."""


def state_specs(cells: Sequence[Cell], *, wide: bool) -> Specs:
    """Beam's specifications of some cells by name; with `wide`, the shards of maps too."""
    specs: Specs = {}
    for cell in cells:
        kind = BagStateSpec if cell.kind == "bag" else ReadModifyWriteStateSpec
        names = map_states(cell.name, wide=wide) if cell.kind == "map" else (cell.name,)
        specs.update((name, kind(name, BytesCoder())) for name in names)
    return specs


@lru_cache(maxsize=64)
def map_states(name: str, *, wide: bool) -> tuple[str, ...]:
    """The names of the states of a map; with `wide`, of its shards too."""
    return (name, *(f"{name}_{number}" for number in (range(SHARDS) if wide else ())))


class MapCell(MutableMapping[Any, Any]):
    """Entries in one state, or in shards; a shard is read when one of its entries is asked for.

    Args:
        states: The first state, and in a wide step the shards behind it.
        live: What is kept of the key; parts may be kept under `name` and their numbers.
    """

    __slots__ = ("_changed", "_first", "_live", "_name", "_parts", "_shards", "_split", "needs_wide")

    def __init__(self, states: Sequence[Any], live: Held | None = None, name: str = "") -> None:
        self._first = State(states[0])
        self._shards = _Shards(states)
        self._live, self._name = live, name
        self._split: bool | None = None
        self._parts: dict[int, dict[Any, Any]] = {}
        self._changed: set[int] = set()
        self.needs_wide = False

    def writes(self) -> list[Write]:
        """The parts that changed; a map that has grown too large for one state is split.

        Raises:
            NeedsWide: It would have to be split in a narrow step.
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
        self._need_wide()
        self._split, entries = True, self._parts[_FIRST]
        self._parts = {number: {} for number in range(SHARDS)}
        self._changed = set(self._parts)
        for key, value in entries.items():
            self._parts[_shard(key)][key] = value

    def _need_wide(self) -> None:
        if not self._shards:
            self.needs_wide = True
            raise NeedsWide

    def _is_split(self) -> bool:
        if self._split is None:
            self._split = self._first.read() == _MARK
        if self._split:
            self._need_wide()
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

    def _where(self, key: Any) -> dict[Any, Any]:
        """The part that has a key, or would have it."""
        part = self._parts.get(_FIRST)  # there only while the map is not split
        return self._part(self._number(key)) if part is None else part

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of a key."""
        return self._where(key).get(key, default)

    def pop(self, key: Any, *default: Any) -> Any:
        """Takes a key out."""
        if key in self._where(key) or not default:
            value = self[key]
            del self[key]
            return value
        return default[0]

    def items(self) -> ItemsView[Any, Any]:
        """All entries."""
        return self._as_one().items()

    def values(self) -> ValuesView[Any]:
        """All values."""
        return self._as_one().values()

    def _as_one(self) -> dict[Any, Any]:
        parts = self._all()
        return parts[0] if len(parts) == 1 else {key: value for part in parts for key, value in part.items()}

    def __getitem__(self, key: Any) -> Any:
        return self._where(key)[key]

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
        self._made: dict[int, State] = {}

    def __bool__(self) -> bool:
        return len(self._states) > 1

    def __getitem__(self, number: int) -> State:
        made = self._made.get(number)
        if made is None:
            made = self._made[number] = State(self._states[number + 1])
        return made


def _shard(key: Any) -> int:
    return zlib.crc32(encode(key)) % SHARDS


def _encoded(entries: dict[Any, Any]) -> bytes | None:
    return encode_state(tuple(entries.items())) if entries else None


class Cells:
    """The value and map cells of one key, for one step; each is made when it is asked for.

    Args:
        cells: All cells of the operator.
        states: Beam's states by name, as `state_specs` named them.
        wide: Whether the shards are there.
        live: What is kept of the key; `None`: nothing is.
        is_there: Whether a value is there whose state is not among those.
    """

    __slots__ = ("_cells", "maps", "values")

    def __init__(
        self,
        cells: Sequence[Cell],
        states: Mapping[str, Any],
        *,
        wide: bool,
        live: Held | None = None,
        is_there: Callable[[], bool] = bool,
    ) -> None:
        self._cells = cells
        self.values, self.maps = _Values(states, live, is_there), _Maps(states, live, wide=wide)

    def held(self) -> dict[str, Any]:
        """Cell -> what the step holds of it."""
        values = {c.name: self.values[c.name].get() for c in self._cells if c.kind == "value"}
        return {**values, **{c.name: self.maps[c.name] for c in self._cells if c.kind == "map"}}

    @property
    def needs_wide(self) -> bool:
        """Whether the step met what it could not read or write: an operator may have caught what told so."""
        return any(cell.needs_wide for cells in (self.maps, self.values) for cell in cells.values())

    def writes(self) -> list[Write]:
        """What the step has to write, all of it encoded: nothing of a step that fails is in the state.

        Raises:
            NeedsWide: The step must be run again, with all states.
        """
        found: list[Write] = []
        for value in self.values.values():
            found += value.writes()
        for entries in self.maps.values():
            found += entries.writes()
        return found


class _Values(dict[str, ValueCell | UnnamedCell]):
    """The value cells that were asked for."""

    __slots__ = ("_is_there", "_live", "_states")

    def __init__(self, states: Mapping[str, Any], live: Held | None, is_there: Callable[[], bool]) -> None:
        self._states, self._live, self._is_there = states, live, is_there

    def __missing__(self, name: str) -> ValueCell | UnnamedCell:
        state = self._states.get(name)
        made = UnnamedCell(self._is_there) if state is None else ValueCell(state, self._live, name)
        self[name] = made
        return made


class _Maps(dict[str, MapCell]):
    """The map cells that were asked for."""

    __slots__ = ("_live", "_states", "_wide")

    def __init__(self, states: Mapping[str, Any], live: Held | None, *, wide: bool) -> None:
        self._states, self._live, self._wide = states, live, wide

    def __missing__(self, name: str) -> MapCell:
        states = [self._states[state] for state in map_states(name, wide=self._wide)]
        made = self[name] = MapCell(states, self._live, name)
        return made
