"""The conformance suite of sinks: bind it in a few lines.

```python
class TestParquet(SinkSuite):
    def create_sink(self, folder): return ParquetSink(str(folder / "tables"))
    def read_back(self, sink, table): ...    # path -> document, from outside the sink where it keeps tables
```
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..core.change import ViewChange
from ..core.equality import same
from ..core.errors import EngineError
from ..core.types import ANY, Type
from ..core.values import Document, GeoPoint, Reference, Vector
from ..sinks.base import Sink, Table

ROOMS = Table("Room", "rooms", (("name", Type("str", optional=True)), ("seats", Type("int", optional=True))))
EVERY_TYPE = Table(
    "Every",
    "a/{x}/every",
    (
        ("yes", Type("bool")),
        ("int", Type("int")),
        ("double", Type("float")),
        ("text", Type("str")),
        ("raw", Type("bytes")),
        ("when", Type("timestamp")),
        ("where", Type("geopoint")),
        ("who", Type("reference")),
        ("vector", Type("vector")),
        ("list", Type("list", items=(Type("struct", fields=(("n", Type("int")), ("s", Type("str", optional=True)))),))),
        ("map", Type("map")),
        ("anything", ANY),
        ("nothing", Type("str", optional=True)),
    ),
)
EVERY_VALUE: dict[str, Any] = {
    "yes": True,
    "int": -(2**63),
    "double": -0.5,
    "text": "é\n\x00",
    "raw": b"\x00\xff",
    "when": datetime(1842, 5, 1, 12, 0, 0, 123456, tzinfo=timezone.utc),
    "where": GeoPoint(-1.5, 180.0),
    "who": Reference("users/u1"),
    "vector": Vector((1.0, -0.0)),
    "list": [{"n": 1, "s": None}, {"n": 2, "s": "x"}],
    "map": {"keep_me": [1, 1.0, True], "": None},
    "anything": [1, "one", {"two": 2.0}],
    "nothing": None,
}

EDGES: tuple[dict[str, Any], ...] = (
    {"double": math.nan, "int": 2**63 - 1, "text": "", "raw": b"", "list": [], "map": {}},
    {"double": -0.0, "when": datetime(1, 1, 1, tzinfo=timezone.utc), "vector": Vector(()), "yes": False},
    {"double": -math.inf, "when": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc), "int": 0},
    {"double": 5e-324, "where": GeoPoint(-0.0, -180.0), "list": [None, {"n": 0, "s": ""}], "anything": -0.0},
    {"who": Reference("a/b/c/d"), "anything": Reference("a/b"), "map": {"at": GeoPoint(0.0, 0.0), "v": Vector((1.0,))}},
    {},
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.datetimes(timezones=st.just(timezone.utc)),
    st.builds(GeoPoint, st.floats(-90, 90), st.floats(-180, 180)),
    st.builds(Vector, st.lists(st.floats(), max_size=4).map(tuple)),
    st.just(Reference("users/u1")),
)
_MAPS = st.recursive(
    st.dictionaries(st.text(max_size=5), _SCALARS, max_size=4),
    lambda inner: st.dictionaries(st.text(max_size=5), st.one_of(inner, st.lists(inner, max_size=3)), max_size=3),
    max_leaves=5,
)
VALUES = st.one_of(_SCALARS, _MAPS, st.lists(st.one_of(_SCALARS, _MAPS), max_size=4))
"""Any value of a document."""


class SinkSuite:
    """What every sink must do."""

    def create_sink(self, folder: Path) -> Sink:
        """A sink that keeps its tables in (or under) a folder; called again for the same folder it finds them."""
        raise NotImplementedError

    def read_back(self, sink: Sink, table: Table) -> Mapping[str, Document]:
        """The published table: path -> document, as values of `core.values`."""
        raise NotImplementedError

    def holds(self, value: Any) -> bool:
        """Whether the tables have a place for a value; one that has none is null there, and a dead letter."""
        return True

    def test_a_history_ends_in_its_last_documents(self, tmp_path: Path) -> None:
        for seed in range(10):
            history, expected = _history(random.Random(seed))
            sink = self._opened(tmp_path / str(seed), 1)
            for at in range(0, len(history), 7):
                sink.write(history[at : at + 7])
            self._finish(sink)
            _equal(self.read_back(sink, ROOMS), expected)

    def test_repeated_and_reordered_writes_change_nothing(self, tmp_path: Path) -> None:
        for seed in range(10):
            chance = random.Random(seed)
            history, expected = _history(chance)
            writes = history + chance.choices(history, k=len(history) // 2)
            chance.shuffle(writes)
            sink = self._opened(tmp_path / str(seed), 1)
            sink.write(writes)
            self._finish(sink)
            _equal(self.read_back(sink, ROOMS), expected)

    def test_what_is_published_is_the_documents_so_far(self, tmp_path: Path) -> None:
        for seed in range(5):
            chance = random.Random(seed)
            history, _ = _history(chance)
            sink = self._opened(tmp_path / str(seed), 1)
            now: dict[str, Document] = {}
            sink.complete()
            for change in history:
                sink.write([change])
                now = {p: d for p, d in {**now, change.path: change.new}.items() if d is not None}
                if chance.random() < 0.3:
                    sink.publish()
                    _equal(self.read_back(sink, ROOMS), now)
            sink.close()

    def test_a_late_write_does_not_bring_a_deleted_document_back(self, tmp_path: Path) -> None:
        sink = self._opened(tmp_path, 1)
        created, deleted = _change("rooms/a", 1, {"name": "A"}), _change("rooms/a", 2, None)
        sink.write([created])
        sink.write([deleted])
        sink.publish()
        sink.write([created])
        self._finish(sink)
        _equal(self.read_back(sink, ROOMS), {})

    def test_nothing_shows_before_it_is_published(self, tmp_path: Path) -> None:
        sink = self._opened(tmp_path, 1)
        sink.write([_change("rooms/a", 1, {"name": "A"})])
        sink.complete()
        sink.publish()
        sink.write([_change("rooms/a", 2, {"name": "B"}), _change("rooms/b", 1, {"name": "C"})])
        if sink.capabilities.atomic_publish:
            _equal(self.read_back(sink, ROOMS), {"rooms/a": {"name": "A", "seats": None}})
        sink.publish()
        _equal(self.read_back(sink, ROOMS), {"rooms/a": {"name": "B"}, "rooms/b": {"name": "C"}})
        sink.close()

    def test_a_complete_generation_leaves_nothing_of_older_ones(self, tmp_path: Path) -> None:
        sink = self._opened(tmp_path, 1)
        sink.write([_change("rooms/old", 5, {"name": "old"}), _change("rooms/kept", 5, {"name": "old"})])
        self._finish(sink)
        sink = self._reopened(sink, tmp_path, 2)
        sink.write([_change("rooms/kept", 1, {"name": "new"}, generation=2)])
        self._finish(sink)
        _equal(self.read_back(sink, ROOMS), {"rooms/kept": {"name": "new"}})

    def test_an_older_table_shows_until_a_newer_one_is_complete(self, tmp_path: Path) -> None:
        sink = self._opened(tmp_path, 1)
        sink.write([_change("rooms/old", 5, {"name": "old"}), _change("rooms/kept", 5, {"name": "old"})])
        self._finish(sink)
        sink = self._reopened(sink, tmp_path, 2)
        sink.write([_change("rooms/kept", 1, {"name": "new"}, generation=2)])
        sink.publish()
        if not sink.capabilities.append:
            assert "rooms/old" in self.read_back(sink, ROOMS)
        self._finish(sink)
        _equal(self.read_back(sink, ROOMS), {"rooms/kept": {"name": "new"}})

    def test_a_complete_generation_takes_nothing_from_older_ones(self, tmp_path: Path) -> None:
        sink = self._opened(tmp_path, 2)
        sink.write([_change("rooms/a", 1, {"name": "A"}, generation=2)])
        sink.complete()
        sink.publish()
        sink.write([_change("rooms/a", 9, {"name": "old"}), _change("rooms/b", 9, {"name": "old"})])
        sink.publish()
        _equal(self.read_back(sink, ROOMS), {"rooms/a": {"name": "A"}})
        sink.close()

    def test_an_older_generation_is_refused(self, tmp_path: Path) -> None:
        sink = self._opened(tmp_path, 7)
        sink.write([_change("rooms/a", 1, {"name": "A"}, generation=7)])
        self._finish(sink)
        if not sink.capabilities.append:
            with pytest.raises(EngineError, match="newer than 3"):
                self._reopened(sink, tmp_path, 3)

    def test_every_type_of_value_comes_back(self, tmp_path: Path) -> None:
        sink = self._opened(tmp_path, 1)
        documents = {f"a/1/every/{n}": document for n, document in enumerate((EVERY_VALUE, *EDGES))}
        sink.write([ViewChange("Every", path, None, document, (1, 0, 1)) for path, document in documents.items()])
        self._finish(sink)
        _equal(self.read_back(sink, EVERY_TYPE), self._held(documents))

    def test_any_value_comes_back(self, tmp_path: Path) -> None:
        sink = self._opened(tmp_path, 1)
        sink.complete()
        seqs = count(1)

        @given(st.lists(VALUES, min_size=1, max_size=5))
        def check(values: list[Any]) -> None:
            documents: dict[str, Document] = {f"a/1/every/{n}": {"anything": v} for n, v in enumerate(values)}
            paths, version = [f"a/1/every/{n}" for n in range(5)], (1, 0, next(seqs))
            sink.write([ViewChange("Every", path, None, documents.get(path), version) for path in paths])
            sink.publish()
            _equal(self.read_back(sink, EVERY_TYPE), self._held(documents))

        check()
        sink.close()

    def _opened(self, folder: Path, generation: int) -> Sink:
        folder.mkdir(parents=True, exist_ok=True)
        sink = self.create_sink(folder)
        sink.open([ROOMS, EVERY_TYPE], generation)
        return sink

    def _reopened(self, sink: Sink, folder: Path, generation: int) -> Sink:
        again = self.create_sink(folder) if sink.capabilities.keeps_tables else sink
        again.open([ROOMS, EVERY_TYPE], generation)
        return again

    def _held(self, documents: Mapping[str, Document]) -> dict[str, Document]:
        return {p: {n: v if self.holds(v) else None for n, v in d.items()} for p, d in documents.items()}

    def _finish(self, sink: Sink) -> None:
        sink.complete()
        sink.publish()
        sink.close()


def _change(path: str, seq: int, new: Document | None, generation: int = 1) -> ViewChange:
    return ViewChange("Room", path, None, new, (generation, 0, seq))


def _history(chance: random.Random) -> tuple[list[ViewChange], dict[str, Document]]:
    """Random changes of a few paths, and the documents in the end."""
    now: dict[str, Document] = {}
    history = []
    for seq in range(1, chance.randint(5, 60)):
        path = f"rooms/{chance.choice('abcde')}"
        new = None if chance.random() < 0.3 else {"name": chance.choice("xyz"), "seats": seq}
        history.append(ViewChange("Room", path, now.get(path), new, (1, 0, seq)))
        if new is None:
            now.pop(path, None)
        else:
            now[path] = new
    return history, now


def _equal(found: Mapping[str, Document], expected: Mapping[str, Document]) -> None:
    assert sorted(found) == sorted(expected)
    for path, document in expected.items():
        assert same(_shown(found[path]), _shown(document)), (path, found[path], document)


def _shown(document: Document) -> dict[str, Any]:
    """A table has a column for every attribute: a missing one and null are the same there."""
    return {name: value for name, value in document.items() if value is not None}
