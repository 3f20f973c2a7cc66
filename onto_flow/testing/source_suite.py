"""What every source of documents must do, as tests to subclass.

```python
class TestMySource(SourceSuite):
    def create_source(self, documents):
        ...  # a source that holds exactly these documents: path -> fields
```
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ..core.change import Change, DeadLetter
from ..core.codec import encode
from ..core.collection import Collection, Projection
from ..core.values import GeoPoint, Reference, Vector
from ..sources.base import Partition, Source

VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "largest": 2**63 - 1,
    "smallest": -(2**63),
    "double": 2.0,
    "negative zero": -0.0,
    "nan": float("nan"),
    "infinity": float("inf"),
    "tiny": 5e-324,
    "text": "héllo 世界 \U0001f600 \x00",
    "no text": "",
    "bytes": b"\x00\xff\x10",
    "no bytes": b"",
    "time": datetime(2024, 5, 1, 12, 30, 15, 123456, tzinfo=timezone.utc),
    "first time": datetime(1, 1, 1, tzinfo=timezone.utc),
    "last time": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc),
    "point": GeoPoint(48.85, -2.35),
    "no point": GeoPoint(0.0, 0.0),
    "reference": Reference("users/u1/notes/n1"),
    "foreign": Reference("users/u1", "projects/elsewhere/databases/other"),
    "vector": Vector((1.0, -2.5, 3.25)),
    "one number": Vector((0.5,)),
    "array": [None, True, 1, 1.0, "a", b"b", GeoPoint(1.0, 2.0), Reference("a/b"), {"k": [1, {"z": None}]}],
    "one element": [1],
    "no elements": [],
    "map": {"a": {"b": {"c": [{"d": 1.5}]}}, "we.ird key`": 1, "v": Vector((0.5,))},
    "no fields": {},
}
"""Every type of value, and its corners."""


class SourceSuite:
    """Subclass it, name the class `Test...` and say how a source is made.

    Attributes:
        many: How many documents the tests of resuming use: some batches' worth.
    """

    many = 2500

    def create_source(self, documents: dict[str, dict[str, Any]]) -> Source:
        """A source that holds exactly these documents."""
        raise NotImplementedError

    def test_every_document_is_given_once(self) -> None:
        documents = _documents(self.many)
        source = self.create_source(documents)
        _same(documents, _read_all(source))

    def test_partitions_are_stable(self) -> None:
        source = self.create_source(_documents(20))
        names = [p.name for p in source.partitions()]
        assert len(set(names)) == len(names), f"two partitions have one name: {names}"
        assert names == [p.name for p in source.partitions()], "the partitions have other names when asked again"

    def test_a_source_may_be_empty(self) -> None:
        assert _read_all(self.create_source({})) == {}

    def test_counts_are_right_whatever_is_wanted(self) -> None:
        documents = _documents(30)
        source = self.create_source(documents)
        assert source.info().documents in (None, len(documents)), f"info() says {source.info().documents} documents"
        for projection in (None, _PROJECTION):
            read = sum(_read(source, p, projection)[1] for p in source.partitions())
            assert read == len(documents), f"readers count {read} documents of {len(documents)} with {projection}"

    def test_a_reader_goes_on_where_another_stopped(self) -> None:
        documents = _documents(self.many)
        source = self.create_source(documents)
        for partition in source.partitions():
            batches, points = _batches(source, partition)
            total = sum(map(len, batches))
            for done, point in enumerate(points):
                rest = [change for batch in batches[done:] for change in batch]
                given, read = _read(source, partition, resume=point)
                _same(_by_path(rest), given)
                assert read == total, f"a reader that was resumed counts {read} documents of {total}"

    def test_a_projection_gives_what_a_filter_would(self) -> None:
        documents = _documents(30)
        source = self.create_source(documents)
        projected = _read_all(source, _PROJECTION)
        _same(_filtered(documents), _filtered(projected))

    def test_values_keep_their_types(self) -> None:
        documents = {f"values/v{i}": {"name": name, "v": value} for i, (name, value) in enumerate(VALUES.items())}
        documents |= {"values/all": VALUES, "values/empty": {}}
        _same(documents, _read_all(self.create_source(documents)))

    def test_paths_are_kept(self) -> None:
        paths = [
            "users/123",
            "users/00123",
            "üml/世 sp",
            "a/missing/b/x/c/deep",
            "users/a.b:c~d",
            f"users/{'x' * 1500}",
        ]
        documents = {path: {"at": i} for i, path in enumerate(paths)}
        _same(documents, _read_all(self.create_source(documents)))

    def test_documents_rank_below_events(self) -> None:
        source = self.create_source(_documents(3))
        for partition in source.partitions():
            for change in (c for batch in _batches(source, partition)[0] for c in batch):
                assert change.after is not None and change.before is None
                assert change.version[0] == 0, f"{change.version} is the version of an event"


_PROJECTION = Projection(((Collection("users"), ("name",)), (Collection("notes", group=True), None)))


def _documents(count: int) -> dict[str, dict[str, Any]]:
    """Users, notes below them, and things that the projection does not want."""
    kinds = ("users/u{}", "users/u{}/notes/n", "things/t{}")
    return {kinds[i % 3].format(i): {"name": f"name {i}", "i": i, "tags": ["a", i]} for i in range(count)}


def _filtered(documents: Mapping[str, Any]) -> dict[str, Any]:
    out = {}
    for path, fields in documents.items():
        names = _PROJECTION.fields(path)
        if _PROJECTION.wants(path):
            out[path] = {k: v for k, v in fields.items() if names is None or k in names}
    return out


def _batches(source: Source, partition: Partition) -> tuple[list[list[Change]], list[bytes]]:
    """The batches of a partition, and the resume points before each and behind the last."""
    reader = source.open(partition)
    batches, points = [], [reader.snapshot()]
    while (batch := reader.next_batch()) is not None:
        batches.append(_changes(batch))
        points.append(reader.snapshot())
    reader.close()
    return batches, points


def _changes(batch: Sequence[Change | DeadLetter]) -> list[Change]:
    letters = [item for item in batch if isinstance(item, DeadLetter)]
    assert not letters, f"a document became a dead letter: {letters[0].reason}"
    return [item for item in batch if isinstance(item, Change)]


def _read(
    source: Source, partition: Partition, projection: Projection | None = None, *, resume: bytes | None = None
) -> tuple[dict[str, Any], int]:
    reader = source.open(partition, resume=resume, projection=projection)
    changes: list[Change] = []
    while (batch := reader.next_batch()) is not None:
        changes += _changes(batch)
    read = reader.documents_read
    reader.close()
    return _by_path(changes), read


def _read_all(source: Source, projection: Projection | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for partition in source.partitions():
        documents, _ = _read(source, partition, projection)
        twice = found.keys() & documents.keys()
        assert not twice, f"documents of two partitions: {sorted(twice)[:5]}"
        found |= documents
    return found


def _by_path(changes: Sequence[Change]) -> dict[str, Any]:
    found = {change.path: change.after for change in changes}
    assert len(found) == len(changes), "a document was given twice"
    return found


def _same(expected: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    missing, extra = expected.keys() - given.keys(), given.keys() - expected.keys()
    assert not missing, f"{len(missing)} documents are missing, e.g. {min(missing)}"
    assert not extra, f"{len(extra)} documents too many, e.g. {min(extra)}"
    for path, fields in expected.items():
        for name in fields.keys() | given[path].keys():
            assert name in fields and name in given[path], f"{path}: field {name!r} is in one of them only"
            left, right = fields[name], given[path][name]
            assert encode(left) == encode(right), f"{path}: field {name!r} is {right!r:.100}, not {left!r:.100}"
