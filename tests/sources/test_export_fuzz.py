"""Damaged exports: bytes flipped, cut and spliced, lengths forged, in files, records and metadata; each case is its number.

Whatever the bytes are, the reader gives documents, dead letters or one error that says where; it ends, and it holds no more
than a batch. With checksums on, no document is given that was not written.
"""

import io
import random
import tracemalloc
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from damage import damaged, watched

from onto_flow.core.change import Change, DeadLetter
from onto_flow.core.collection import Collection, Projection
from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.core.values import Vector
from onto_flow.formats import lockstep_log
from onto_flow.formats.entity import EntityDecoder
from onto_flow.formats.entity_writer import encode_entity
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.leveldb_log import BLOCK, LogWriter, read_records
from onto_flow.formats.native import decoder
from onto_flow.formats.wire import chunk
from onto_flow.sources import export_reader
from onto_flow.sources.firestore_export import FirestoreExport
from onto_flow.testing.source_suite import VALUES

OUTPUT = Path(__file__).parents[1] / "data/alltypes/firestore_export/all_namespaces/all_kinds/output-0"
SECONDS = 60
MEMORY = 48 << 20
DATABASE = "projects/p/databases/(default)"


def official():
    """Records that the emulator wrote; the large ones are another test's."""
    with OUTPUT.open("rb") as file:
        return [record for _, _, record in read_records(file) if len(record) < 3000]


def generated():
    records = [
        encode_entity(f"values/{name}", {"v": value, "m": {"v": value}}, DATABASE) for name, value in VALUES.items()
    ]
    nested = {}
    for depth in range(19):
        nested = {"d": nested, "n": depth, "v": Vector((1.0, 2.0))}
    return [
        *records,
        encode_entity("deep/d", nested, DATABASE),
        encode_entity("a/b/c/d/e/f", {"x": "y" * 400}, DATABASE),
    ]


RECORDS = [official(), generated()]


def framed(records, pad=False):
    file = io.BytesIO()
    log = LogWriter(file)
    for record in records:
        log.write(record)
    if pad:
        log.pad()
    return file.getvalue()


def originals():
    decoder = EntityDecoder(warn=lambda text: None)
    large = encode_entity("large/l", {"text": "z" * 70_000}, DATABASE)
    found = {}
    for record in (*RECORDS[0], *RECORDS[1], large):
        path, _, fields = decoder.decode(record)
        found[path] = fields
    return large, found


LARGE, ORIGINALS = originals()


def file_case(rng, folder):
    """A damaged file: checksums see it."""
    records = rng.sample(rng.choice(RECORDS), rng.randrange(1, 8))
    if rng.random() < 0.1:
        records.insert(rng.randrange(len(records)), LARGE)
    other = framed(rng.sample(rng.choice(RECORDS), 3))
    (folder / "output-0").write_bytes(damaged(rng, framed(records, pad=rng.random() < 0.2), other))


def record_case(rng, folder):
    """Damaged records in a sound file: the decoder sees them."""
    records = rng.sample(rng.choice(RECORDS), rng.randrange(1, 8))
    other = rng.choice(rng.choice(RECORDS))
    records = [damaged(rng, record, other) if rng.random() < 0.7 else record for record in records]
    (folder / "output-0").write_bytes(framed(records))
    return len(records)


def metadata_case(rng, folder):
    """Damaged metadata, or a damaged file with metadata."""
    place = folder / rng.choice(["emulator", "production"])
    if not place.exists():
        for layout in ("emulator", "production"):
            write_export(folder / layout, [("a/b", {"n": 1}), ("a/c", {"n": 2})], layout=layout)
        (folder / "sound").mkdir()
    files = sorted(p for p in place.rglob("*") if p.is_file())
    sound = {file: file.read_bytes() for file in files}
    hurt = rng.choice(files)
    hurt.write_bytes(damaged(rng, sound[hurt], sound[rng.choice(files)]))
    return place, sound


def read(place, rng, verify):
    """What the export gives, and the error that ends it."""
    options = {"split_bytes": BLOCK if rng.random() < 0.3 else 1 << 26, "batch_documents": rng.choice([1, 3, 1000])}
    projection = (
        Projection(((Collection("values"), ("v",)), (Collection("types"), None))) if rng.random() < 0.2 else None
    )
    found = []
    try:
        source = FirestoreExport(place, verify=verify, accept_mismatch=rng.random() < 0.9, **options)
        source.info()
        for partition in source.partitions():
            with closing(source.open(partition, projection=projection)) as reader:
                while (batch := reader.next_batch()) is not None:
                    found += batch
    except DataError as error:
        return found, error, projection
    return found, None, projection


def check(found, error, kind):
    for item in found:
        assert type(item) in (Change, DeadLetter)
        if type(item) is DeadLetter:
            assert item.key.startswith("document:")
            assert "output-" in item.reason and "@" in item.reason, item.reason
            assert item.reason.startswith(("bad-document: ", "too-deep: ")), item.reason
    if error is not None:
        assert error.code in ("bad-export", "not-found", "bad-document", "too-deep"), error
        assert error.where or error.fix
        if kind != "metadata":
            assert error.code == "bad-export"
            assert "output-0, byte " in error.where, error


def run(kind, number, folder):
    rng = random.Random(f"{kind} {number}")
    verify = kind == "file" and rng.random() < 0.7
    place, sound, count = folder, {}, None
    if kind == "file":
        file_case(rng, folder)
    elif kind == "record":
        count = record_case(rng, folder)
    else:
        place, sound = metadata_case(rng, folder)
    try:
        found, error, projection = read(place, rng, verify)
    finally:
        for file, content in sound.items():
            file.write_bytes(content)
    check(found, error, kind)
    if count is not None and projection is None:
        assert (len(found), error) == (count, None), "each record is a document or a dead letter"
    if verify and projection is None:
        assert {type(item) for item in found} <= {Change}
        assert all(same(item.after, ORIGINALS[item.path]) for item in found)


def fuzz(kind, numbers, folder):
    watched(partial(run, folder=folder), kind, numbers, seconds=SECONDS, memory=MEMORY, every=16)


@pytest.fixture(autouse=True, params=["compiled", "arrays"])
def _reader(request, monkeypatch):
    """Who decodes many records at once."""
    if request.param == "compiled":
        request.getfixturevalue("compiled")
    else:
        for module in (lockstep_log, decoder, export_reader):
            monkeypatch.setattr(module, "extension", lambda: None)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["file", "record", "metadata"])
def test_damage_gives_documents_dead_letters_or_one_error(kind, tmp_path):
    fuzz(kind, range(800), tmp_path)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", range(25))
@pytest.mark.parametrize(("kind", "cases"), [("file", 4000), ("record", 5000), ("metadata", 1000)])
def test_damage_half_a_million_times(kind, cases, part, tmp_path):
    start = 10_000 + part * cases
    fuzz(kind, range(start, start + cases), tmp_path)


def test_maps_of_any_depth_are_dead_letters_and_end_no_process(tmp_path):
    encoded = {depth: encode_entity(f"deep/d{depth}", {}, DATABASE) for depth in (20, 21, 5000)}
    records = []
    for depth, empty in encoded.items():
        inner = b"\x6a\x04\x6a\x00\x72\x00"
        for _ in range(depth):
            value = chunk(b"\x1a", inner)
            inner = b"\x6a\x04\x6a\x00\x72\x00" + chunk(b"\x7a", b"\x08\x13\x1a\x01m\x20\x00" + chunk(b"\x2a", value))
        records.append(splice_fields(empty, inner[6:]))
    (tmp_path / "output-0").write_bytes(framed([*records, encode_entity("a/b", {}, DATABASE)]))
    found, error, _ = read(tmp_path, random.Random(1), True)
    assert error is None
    assert [type(item) for item in found] == [Change, DeadLetter, DeadLetter, Change]
    assert [(item.key, item.reason[:9]) for item in found[1:3]] == [
        ("document:deep/d21", "too-deep:"),
        ("document:deep/d5000", "too-deep:"),
    ]


def splice_fields(record, fields):
    """The fields of a document, between its key and its entity group."""
    end = EntityDecoder().key(record).end
    return record[:end] + fields + record[end:]


def test_a_record_beyond_the_limit_is_an_error_before_it_is_held(tmp_path):
    with (tmp_path / "output-0").open("wb") as file:
        log = LogWriter(file)
        log.write(encode_entity("a/b", {}, DATABASE))
        at = log.size
        log.write(bytes(64 << 20))
    tracemalloc.start()
    found, error, _ = read(tmp_path, random.Random(1), False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (error.code, f"byte {at}" in error.where, peak < MEMORY) == ("bad-export", True, True)
