"""The official emulator is the judge: it imports what was written, exports it again, and both are equal."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path

import pytest

from onto_flow.core.equality import same
from onto_flow.core.values import GeoPoint, Reference, Vector
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.typed_json import decode_fields
from onto_flow.sources.firestore_export import FirestoreExport
from onto_flow.testing.source_suite import VALUES

PROJECT = "demo-exp"
DATABASE = f"projects/{PROJECT}/databases/(default)"
ALLTYPES = Path(__file__).parents[1] / "data" / "alltypes"


@contextmanager
def emulator(jar, seed):
    """The address of an emulator that holds an export."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [shutil.which("java"), "-Duser.language=en", "-Xmx512m", "-XX:+UseSerialGC", "-cp", str(jar)]
    command += ["com.google.cloud.datastore.emulator.firestore.CloudFirestore", "--host=127.0.0.1", f"--port={port}"]
    with subprocess.Popen(
        [*command, f"--seed_from_export={seed}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as run:
        try:
            yield _ready(f"http://127.0.0.1:{port}", run)
        finally:
            run.kill()


def _ready(address, run):
    for _ in range(240):
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return address
        except OSError:
            assert run.poll() is None, f"the emulator refused the export: {run.stdout.read().decode()[-3000:]}"
            time.sleep(0.25)
    raise AssertionError("the emulator did not start within a minute")


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
    yield from ((f"many/{i}", {"i": i, "text": "x" * (i % 400)}) for i in range(6000))


@pytest.mark.parametrize("layout", ["emulator", "production"])
def test_the_emulator_takes_what_is_written_and_gives_it_back(emulator_jar, tmp_path, layout):
    expected = dict(every_value())
    write_export(tmp_path / "ours", expected.items(), layout=layout, project=PROJECT)
    [overall] = (tmp_path / "ours").rglob("*.overall_export_metadata")
    with emulator(emulator_jar, overall) as address:
        again = documents(exported(address, tmp_path / "theirs"))
    assert again.keys() == expected.keys()
    assert [path for path in expected if not same(again[path], expected[path])] == []
    assert same(documents(tmp_path / "ours"), expected)
