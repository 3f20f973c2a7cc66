"""Corners of real exports that our writer does not write, read alike by every reader: one by one, many at once, as lines, as Arrow."""

from __future__ import annotations

import json
import logging
import math
import struct
from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest

from onto_flow.core.collection import Collection, Projection
from onto_flow.core.equality import same
from onto_flow.core.values import GeoPoint, Reference
from onto_flow.formats.arrow_documents import documents_of
from onto_flow.formats.export_metadata import OverallEntry, write_kind, write_overall
from onto_flow.formats.leveldb_log import LogWriter
from onto_flow.formats.typed_json import decode_fields
from onto_flow.formats.wire import chunk, varint
from onto_flow.sources import export_reader
from onto_flow.sources.arrow_export import ArrowExport
from onto_flow.sources.document_lines import DocumentLines
from onto_flow.sources.firestore_export import FirestoreExport
from tests.formats.test_entity import entity, prop

TIME = datetime(2024, 12, 1, tzinfo=timezone.utc)
COPIES = 40
"""Of each document, so that they are decoded many at a time."""


def micros(time):
    return varint(((time - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)) % (1 << 64))


def nested(*properties):
    return chunk(b"\x1a", b"\x6a\x04\x6a\x00\x72\x00" + b"".join(properties) + b"\x82\x01\x00")


def double(value):
    return b"\x21" + struct.pack("<d", value)


def reference(app, path, more=b""):
    return b"\x63\x6a" + bytes([len(app)]) + app + path + more + b"\x64"


def element(kind, *, name=b"", number=None):
    key = b"\x80\x01" + varint(number) if number is not None else b"\x8a\x01" + bytes([len(name)]) + name
    return b"\x73\x7a" + bytes([len(kind)]) + kind + key + b"\x74"


LONG_AGO = datetime(1842, 3, 4, 5, 6, 7, 89, tzinfo=timezone.utc)
FIELDS = {
    "a map among the indexed": (
        [prop(nested(prop(b"\x08\x05", name=b"n", tag=b"\x72")), name=b"m", meaning=19, tag=b"\x72")],
        {"m": {"n": 5}},
    ),
    "indexed and not": (
        [prop(b"\x08\x01", name=b"i", tag=b"\x72"), prop(b"\x1a\x01x", name=b"s"), prop(b"\x10\x00", name=b"b")],
        {"i": 1, "s": "x", "b": False},
    ),
    "elements that lie apart": (
        [
            prop(b"\x08\x01", name=b"a", multiple=1),
            prop(b"\x1a\x01x", name=b"b", multiple=1),
            prop(b"\x08\x02", name=b"a", multiple=1, tag=b"\x72"),
            prop(b"", name=b"b", multiple=1),
        ],
        {"a": [1, 2], "b": ["x", None]},
    ),
    "an array of one, of nulls, of none": (
        [
            prop(b"", name=b"none", meaning=24, tag=b"\x72"),
            prop(b"\x08\x07", name=b"one", multiple=1),
            prop(b"", name=b"nulls", multiple=1),
            prop(b"", name=b"nulls", multiple=1),
            prop(b"", name=b"null"),
        ],
        {"none": [], "one": [7], "nulls": [None, None], "null": None},
    ),
    "text and bytes of Datastore": (
        [
            prop(b"\x1a\x02\xc3\xa9", name=b"t", meaning=15),
            prop(b"\x1a\x01\xff", name=b"b", meaning=16),
            prop(b"\x1a\x00", name=b"e", meaning=14),
            prop(b"\x1a\x01a", name=b"l", meaning=14, multiple=1),
        ],
        {"t": "é", "b": b"\xff", "e": b"", "l": [b"a"]},
    ),
    "numbers": (
        [
            prop(b"\x08" + varint((-5) % (1 << 64)), name=b"negative"),
            prop(double(3.0), name=b"whole"),
            prop(double(-0.0), name=b"zero"),
            prop(double(math.nan), name=b"nan"),
            prop(double(-math.inf), name=b"inf"),
        ],
        {"negative": -5, "whole": 3.0, "zero": -0.0, "nan": math.nan, "inf": -math.inf},
    ),
    "times before 1970 and points": (
        [
            prop(b"\x08" + micros(LONG_AGO), name=b"t", meaning=7),
            prop(
                b"\x2b\x31" + struct.pack("<d", 52.5) + b"\x39" + struct.pack("<d", -13.4) + b"\x2c",
                name=b"p",
                meaning=9,
            ),
        ],
        {"t": LONG_AGO, "p": GeoPoint(52.5, -13.4)},
    ),
    "references": (
        [
            prop(reference(b"s~google.com:shop", element(b"a", name=b"b")), name=b"near"),
            prop(reference(b"e~other", element(b"a", name=b"b") + element(b"c", number=9)), name=b"far"),
            prop(reference(b"s~google.com:shop", element(b"a", name=b"b"), b"\xba\x01\x02eu"), name=b"eu"),
        ],
        {
            "near": Reference("a/b"),
            "far": Reference("a/b/c/__id9__", "projects/other/databases/(default)"),
            "eu": Reference("a/b", "projects/google.com:shop/databases/eu"),
        },
    ),
    "unknown meanings": (
        [
            prop(b"\x08\x09", name=b"n", meaning=77),
            prop(b"\x1a\x01a", name=b"s", meaning=77),
            prop(double(0.5), name=b"d", meaning=78, multiple=1),
        ],
        {"n": 9, "s": "a", "d": [0.5]},
    ),
    "nothing": ([], {}),
}
PATHS = [
    (b"\x0b\x12\x05users\x22", "users/{}"),
    (b"\x0b\x12\x01a\x18\x07\x0c\x0b\x12\x05users\x22", "a/__id7__/users/{}"),
]


def corners():
    """(record, path, fields), in the order of the keys that production keeps."""
    for copy in range(COPIES):
        for number, (properties, fields) in enumerate(FIELDS.values()):
            for begin, path in PATHS:
                name = f"{copy:03}-{number}"
                key = begin + bytes([len(name)]) + name.encode() + b"\x0c"
                yield entity(*properties, app=b"s~google.com:shop", path=key), path.format(name), fields


def export(folder, records, *, newer):
    """An export of production of either generation: three files, one of them empty."""
    kinds = folder / "all_namespaces" / "all_kinds"
    kinds.mkdir(parents=True)
    sizes = 0
    for number, part in enumerate((records[::2], [], records[1::2])):
        with (kinds / f"output-{number}").open("wb") as file:
            log = LogWriter(file)
            for record in part:
                log.write(record)
            if part and not newer:
                log.pad()
        sizes += log.payload
    name = "all_namespaces/all_kinds/all_namespaces_all_kinds.export_metadata"
    files = ["output-0", "output-1", "output-2"]
    kind = write_kind("2024" if newer else "export_entities", TIME, TIME, files, label="__all__")
    (folder / name).write_bytes(kind + (b"\x28" + varint((-5) % (1 << 64)) if newer else b""))
    (folder / "2024.overall_export_metadata").write_bytes(write_overall([OverallEntry(name, len(records), sizes)]))
    return folder


def by_documents(place, **options):
    source = FirestoreExport(place, **options)
    for partition in source.partitions():
        with closing(source.open(partition)) as reader:
            while (batch := reader.next_batch()) is not None:
                yield from ((change.path, change.after) for change in batch)


def one_by_one(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_reader, "pays", lambda size: False)
        yield from by_documents(place)


def as_lines(place):
    for line in DocumentLines(FirestoreExport(place)):
        document = json.loads(line)
        yield document["path"], decode_fields(document["fields"])


def as_arrow(place):
    for batch in ArrowExport(place).batches():
        yield from documents_of(batch)


READERS = {
    "one by one": one_by_one,
    "many at once": by_documents,
    "in small parts": lambda place: by_documents(place, split_bytes=1 << 15, batch_documents=7),
    "as lines": as_lines,
    "as Arrow": as_arrow,
}


@pytest.mark.parametrize("newer", [False, True])
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_gives_what_the_records_hold(tmp_path, caplog, reader, newer):
    expected = {path: fields for _, path, fields in corners()}
    place = export(tmp_path, [record for record, _, _ in corners()], newer=newer)
    with caplog.at_level(logging.WARNING):
        found = list(READERS[reader](place))
    assert len(found) == len(expected)
    wrong = {path: (fields, expected[path]) for path, fields in found if not same(fields, expected[path])}
    assert wrong == {}
    assert "meaning 77" in caplog.text and "meaning 78" in caplog.text


@pytest.mark.parametrize("reader", ["one by one", "many at once"])
def test_what_nobody_wants_is_not_decoded(tmp_path, monkeypatch, reader):
    """A value that no reader could decode is no error where its field, or its document, is not asked for."""
    broken = prop(b"\x43\x44", name=b"broken")
    records = []
    for n in range(300):
        key = b"\x0b\x12\x05" + (b"users" if n % 2 else b"notes") + b"\x22\x03%03d\x0c" % n
        records.append(entity(prop(b"\x08\x05", name=b"n"), broken, prop(b"\x1a\x01x", name=b"s"), path=key))
    place = export(tmp_path, records, newer=True)
    if reader == "one by one":
        monkeypatch.setattr(export_reader, "pays", lambda size: False)
    source = FirestoreExport(place)
    projection = Projection(((Collection("users"), ("n", "s")),))
    found = []
    for partition in source.partitions():
        with closing(source.open(partition, projection=projection)) as opened:
            while (batch := opened.next_batch()) is not None:
                found += [(change.path, change.after) for change in batch]
    assert sorted(found) == [(f"users/{n:03}", {"n": 5, "s": "x"}) for n in range(1, 300, 2)]
    lines = [json.loads(line) for line in DocumentLines(source, collection="users", fields="n")]
    assert len(lines) == 150
    table = ArrowExport(source, collection="users", fields=["n"]).read_table()
    assert table.column("n").to_pylist() == [5] * 150
