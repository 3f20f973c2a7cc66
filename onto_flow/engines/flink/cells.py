"""The cells of an operator on Flink's keyed state.

| cell | state | written |
|---|---|---|
| value | `ValueState` of bytes | at the end of a step, where the bytes differ |
| map | `MapState` from text to bytes | the entries that changed, at the end of a step |
| bag | `ListState` of bytes | appended at once |

Law: a step that fails leaves its key as it was.
The bytes are `core.codec`'s, in Flink's pickled byte array: that type alone works in thread mode for our bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from functools import partial
from typing import Any

from pyflink.common import Types
from pyflink.datastream import RuntimeContext
from pyflink.datastream.state import ListStateDescriptor, MapStateDescriptor, ValueStateDescriptor

from ...plan.nodes import Cell
from ..coding import decode_state, encode_state
from .keys import key_of, key_text

Write = Callable[[], None]

_UNREAD: Any = object()
_REMOVED: Any = object()


class ValueCell:
    """One value per key."""

    def __init__(self, name: str, runtime: RuntimeContext) -> None:
        self._state: Any = runtime.get_state(ValueStateDescriptor(name, Types.PICKLED_BYTE_ARRAY()))
        self._held = self._new = _UNREAD

    def begin(self) -> None:
        """Forgets what was read and put: another key's step begins."""
        self._held = self._new = _UNREAD

    def get(self) -> Any:
        """What was last put, or the decoded bytes."""
        if self._new is not _UNREAD:
            return self._new
        held = self._read()
        return None if held is None else decode_state(held)

    def put(self, value: Any) -> None:
        """Keeps a value for the end of the step."""
        self._new = value

    def writes(self) -> list[Write]:
        """What was put, where it differs from what is held."""
        if self._new is _UNREAD:
            return []
        if self._new is None:
            return [] if self._read() is None else [self._state.clear]
        pack = getattr(self._new, "pack", None)
        raw = encode_state(self._new if pack is None else pack())
        return [] if raw == self._read() else [partial(self._state.update, raw)]

    def _read(self) -> bytes | None:
        if self._held is _UNREAD:
            self._held = self._state.value()
        held: bytes | None = self._held
        return held


class MapCell(MutableMapping[Any, Any]):
    """Entries of one key: each is read when it is asked for, and written alone."""

    def __init__(self, name: str, runtime: RuntimeContext) -> None:
        self._state: Any = runtime.get_map_state(MapStateDescriptor(name, Types.STRING(), Types.PICKLED_BYTE_ARRAY()))
        self._known: dict[Any, Any] = {}
        self._changed: dict[Any, None] = {}
        self._whole = False

    def begin(self) -> None:
        """Forgets what was read and changed: another key's step begins."""
        if self._known or self._changed or self._whole:
            self._known, self._changed, self._whole = {}, {}, False

    def writes(self) -> list[Write]:
        """The entries that changed."""
        return [self._write(key_text(key), self._known[key]) for key in self._changed]

    def _write(self, key: str, value: Any) -> Write:
        if value is _REMOVED:
            return partial(self._state.remove, key)
        return partial(self._state.put, key, encode_state(value))

    def __getitem__(self, key: Any) -> Any:
        value = self._known.get(key, _UNREAD)
        if value is _UNREAD:
            raw = None if self._whole else self._state.get(key_text(key))
            value = self._known[key] = _REMOVED if raw is None else decode_state(raw)
        if value is _REMOVED:
            raise KeyError(key)
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        self._known[key] = value
        self._changed[key] = None

    def __delitem__(self, key: Any) -> None:
        self[key]
        self._known[key] = _REMOVED
        self._changed[key] = None

    def __iter__(self) -> Iterator[Any]:
        self._read_all()
        return iter([k for k, v in self._known.items() if v is not _REMOVED])

    def __len__(self) -> int:
        self._read_all()
        return sum(v is not _REMOVED for v in self._known.values())

    def _read_all(self) -> None:
        if not self._whole:
            for text, raw in self._state.items():
                key = key_of(text)
                if key not in self._known:
                    self._known[key] = decode_state(raw)
            self._whole = True


class BagCell:
    """Bytes appended to one key."""

    def __init__(self, name: str, runtime: RuntimeContext) -> None:
        self._state: Any = runtime.get_list_state(ListStateDescriptor(name, Types.PICKLED_BYTE_ARRAY()))

    def add(self, element: bytes) -> None:
        """Appends."""
        self._state.add(element)

    def take(self) -> list[bytes]:
        """All elements; the bag is empty then."""
        elements = list(self._state.get())
        self._state.clear()
        return elements


class Cells:
    """All cells of one operator; Flink points them at the key whose element or timer is at hand."""

    def __init__(self, cells: tuple[Cell, ...], runtime: RuntimeContext) -> None:
        self.values = {c.name: ValueCell(c.name, runtime) for c in cells if c.kind == "value"}
        self.maps = {c.name: MapCell(c.name, runtime) for c in cells if c.kind == "map"}
        self.bags = {c.name: BagCell(c.name, runtime) for c in cells if c.kind == "bag"}
        self._written_at_end: list[ValueCell | MapCell] = [*self.values.values(), *self.maps.values()]

    def begin(self) -> None:
        """A step begins."""
        for cell in self._written_at_end:
            cell.begin()

    def writes(self) -> list[Write]:
        """What the step has to write, all of it encoded: nothing of a step that fails is in the state."""
        return [write for cell in self._written_at_end for write in cell.writes()]
