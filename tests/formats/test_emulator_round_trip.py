"""The official emulator is the judge: it imports what was written, exports it again, and both are equal."""

import json
import random
import struct
import urllib.request
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import pytest

from onto_flow.core.equality import same
from onto_flow.core.values import GeoPoint, Reference, Vector, from_micros
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.names import split_name
from onto_flow.formats.typed_json import decode_fields
from onto_flow.sources.firestore_export import FirestoreExport
from onto_flow.testing.firestore_emulator import firestore_emulator
from onto_flow.testing.source_suite import VALUES

PROJECT = "demo-exp"
DATABASE = f"projects/{PROJECT}/databases/(default)"
ALLTYPES = Path(__file__).parents[1] / "data" / "alltypes"


def exported(address, folder):
    """The emulator's own export of what it holds."""
    folder.mkdir()
    request = {"database": DATABASE, "export_directory": str(folder), "export_name": "firestore_export"}
    sent = urllib.request.Request(
        f"{address}/emulator/v1/projects/{PROJECT}:export",
        json.dumps(request).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(sent, timeout=120).close()
    return folder


def shown(address, collection):
    """The documents of a collection as the emulator shows them to its clients."""
    request = urllib.request.Request(f"{address}/v1/{DATABASE}/documents/{collection}?pageSize=300")
    request.add_header("Authorization", "Bearer owner")
    with urllib.request.urlopen(request, timeout=60) as answer:
        listed = json.load(answer)["documents"]
    return {split_name(d["name"])[1]: decode_fields(d.get("fields", {}), DATABASE) for d in listed}


def documents(place):
    source = FirestoreExport(place)
    found = {}
    for partition in source.partitions():
        with closing(source.open(partition)) as reader:
            while (batch := reader.next_batch()) is not None:
                found |= {change.path: change.after for change in batch}
    return found


def every_value():
    truth = json.loads((ALLTYPES / "documents.json").read_text(encoding="utf-8"))
    yield from ((path[1:], decode_fields(fields, DATABASE)) for path, fields in truth.items())
    for name, value in VALUES.items():
        yield f"values/{name}", {"v": value, "in a map": {"v": value}, "beside": name}
    yield "values/__id7__", {"reference": Reference("values/__id8__")}
    yield "phantom/no such document/below/d", {}
    yield "values/vector in an array", {"list": [{"v": Vector((0.5, -0.0))}, GeoPoint(-90.0, 180.0)]}
    yield "values/times", {"t": datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc)}
    yield from generated(random.Random(4), 500)
    yield from ((f"many/{i}", {"i": i, "text": "x" * (i % 400)}) for i in range(5100))


def text(rng, size):
    """Characters of one to four bytes; none is a surrogate or a slash."""
    return "".join(
        chr(rng.choice([rng.randrange(1, 47), rng.randrange(48, 0xD800), rng.randrange(0xE000, 0x110000)]))
        for _ in range(size)
    )


def value(rng, depth, in_array=False):
    kind = rng.randrange(11 if depth else 9)
    if kind == 9:
        return {text(rng, 4): value(rng, depth - 1) for _ in range(rng.randrange(4))}
    if kind == 10 and not in_array:
        return [value(rng, depth - 1, in_array=True) for _ in range(rng.randrange(4))]
    return [
        None,
        rng.random() < 0.5,
        rng.randrange(-(2**63), 2**63) >> rng.randrange(64),
        rng.choice([rng.gauss(0, 1e10), float(rng.randrange(9)), struct.unpack("<d", rng.randbytes(8))[0]]),
        text(rng, rng.randrange(30)),
        rng.randbytes(rng.randrange(30)),
        from_micros(rng.randrange(-62135596800000000, 253402300800000000)),
        GeoPoint(rng.uniform(-90, 90), rng.uniform(-180, 180)),
        Reference(f"{text(rng, 3)}/{text(rng, 3)}/c/{rng.randrange(99)}"),
    ][kind % 9]


def generated(rng, count):
    for number in range(count):
        path = f"{text(rng, 5)}/{text(rng, 5)}{number}" + (f"/{text(rng, 3)}/{text(rng, 4)}" if number % 3 == 0 else "")
        yield path, {text(rng, 1 + i): value(rng, 5) for i in range(rng.randrange(8))}


@pytest.mark.parametrize("layout", ["emulator", "production"])
def test_the_emulator_takes_what_is_written_and_gives_it_back(emulator_jar, tmp_path, layout):
    expected = dict(every_value())
    write_export(tmp_path / "ours", expected.items(), layout=layout, project=PROJECT)
    [overall] = (tmp_path / "ours").rglob("*.overall_export_metadata")
    with firestore_emulator(f"--seed_from_export={overall}") as host:
        address = f"http://{host}"
        again = documents(exported(address, tmp_path / "theirs"))
        values = shown(address, "values")
    assert len(values) > len(VALUES)
    assert [path for path, fields in values.items() if not same(fields, expected[path])] == []
    assert again.keys() == expected.keys()
    assert [path for path in expected if not same(again[path], expected[path])] == []
    assert same(documents(tmp_path / "ours"), expected)
