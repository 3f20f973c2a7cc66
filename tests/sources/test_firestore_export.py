import json
import logging
import pickle
import shutil
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import pytest

from onto_flow.core.change import BELOW_EVENTS, DeadLetter
from onto_flow.core.collection import Collection, Projection
from onto_flow.core.equality import same
from onto_flow.core.errors import DataError, UsageError
from onto_flow.formats.entity_writer import encode_entity
from onto_flow.formats.export_metadata import OverallEntry, read_overall, write_kind, write_overall
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.leveldb_log import BLOCK, LogWriter
from onto_flow.formats.typed_json import decode_fields
from onto_flow.sources import export_reader, firestore_export
from onto_flow.sources.arrow_export import ArrowExport
from onto_flow.sources.base import Reader, Source
from onto_flow.sources.firestore_export import FirestoreExport
from onto_flow.testing.source_suite import SourceSuite

ALLTYPES = Path(__file__).parents[1] / "data" / "alltypes"
OUTPUT = "firestore_export/all_namespaces/all_kinds/output-0"
TIME = datetime(2024, 5, 1, tzinfo=timezone.utc)


class TestExport(SourceSuite):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.target = tmp_path / "export"

    def create_source(self, documents):
        write_export(self.target, documents.items(), project="shop")
        return FirestoreExport(self.target)


class TestExportInSmallParts(TestExport):
    many = 700

    def create_source(self, documents):
        write_export(self.target, documents.items())
        return FirestoreExport(self.target, split_bytes=BLOCK, batch_documents=40)


def items(source, projection=None):
    out = []
    for partition in source.partitions():
        reader = source.open(partition, projection=projection)
        with closing(reader):
            while (batch := reader.next_batch()) is not None:
                out += batch
    return out


def documents(source, projection=None):
    return {change.path: change.after for change in items(source, projection)}


@pytest.fixture
def alltypes(tmp_path):
    shutil.copytree(ALLTYPES, tmp_path / "alltypes")
    return tmp_path / "alltypes"


def production(folder, records, name="2024", promised=None, pad=True):
    """An export as production writes it."""
    kinds = folder / "all_namespaces" / "all_kinds"
    kinds.mkdir(parents=True)
    with (kinds / "output-0").open("wb") as file:
        log = LogWriter(file)
        for record in records:
            log.write(record)
        if pad:
            log.pad()
    kind = b"\x0a\x09\x0a\x07entries\x12\x13\x0a\x07__all__\x12\x08output-0\x1a\x09\x0a\x07__all__"
    (kinds / "all_namespaces_all_kinds.export_metadata").write_bytes(kind)
    entry = OverallEntry(
        "all_namespaces\\all_kinds\\all_namespaces_all_kinds.export_metadata", promised or log.records, log.payload
    )
    (folder / f"{name}.overall_export_metadata").write_bytes(write_overall([entry]))
    return folder


def records(count=20):
    return [encode_entity(f"users/u{i:03}", {"i": i, "name": f"n{i}"}, location="s") for i in range(count)]


def test_it_is_a_source():
    source = FirestoreExport(ALLTYPES)
    assert isinstance(source, Source)
    with closing(source.open(source.partitions()[0])) as reader:
        assert isinstance(reader, Reader)


@pytest.mark.parametrize("place", ["", "firestore_export", "firestore_export/firestore_export.overall_export_metadata"])
def test_every_document_of_the_emulator_is_read_as_it_says(place):
    truth = json.loads((ALLTYPES / "documents.json").read_text(encoding="utf-8"))
    expected = {p[1:]: decode_fields(f, "projects/demo-exp/databases/(default)") for p, f in truth.items()}
    for options in ({}, {"split_bytes": BLOCK, "batch_documents": 7}):
        source = FirestoreExport(ALLTYPES / place, **options)
        found = items(source)
        assert len(found) == len(expected) == source.info().documents == 199
        assert all(same(change.after, expected[change.path]) for change in found)
        assert {(c.before, c.version, c.time) for c in found} == {(None, BELOW_EVENTS, None)}


def test_what_the_metadata_knows_is_told():
    info = FirestoreExport(ALLTYPES).info()
    assert (info.kind, info.bounded, info.snapshot_time, info.ranks_below_events) == (
        "emulator-export",
        True,
        None,
        False,
    )
    assert info.start_time.isoformat() == "2026-11-23T06:54:42.428343+00:00"


@pytest.mark.parametrize(
    ("name", "count", "kind"),
    [("movielens", 9762, "firestore-export"), ("swapi", 259, "firestore-export"), ("stocks", 20295, "emulator-export")],
)
def test_the_real_exports_are_read_whole(real_exports, name, count, kind):
    source = FirestoreExport(real_exports / name)
    info = source.info()
    assert (info.documents, info.kind, len(documents(source))) == (count, kind, count)


def test_a_production_export_with_padding_and_backslashes_is_read(tmp_path):
    source = FirestoreExport(production(tmp_path, records()))
    assert (source.info().kind, source.info().documents) == ("firestore-export", 20)
    assert len(documents(source)) == 20


@pytest.mark.parametrize("place", ["", "all_namespaces/all_kinds"])
def test_an_export_without_its_overall_file_is_read(tmp_path, place):
    production(tmp_path, records())
    (tmp_path / "2024.overall_export_metadata").unlink()
    source = FirestoreExport(tmp_path / place)
    assert (source.info().kind, source.info().documents, len(documents(source))) == ("firestore-export", 20, 20)


def test_a_folder_of_output_files_is_read(tmp_path):
    production(tmp_path / "e", records())
    (tmp_path / "files").mkdir()
    for i in (0, 1, 10, 2):
        shutil.copy(tmp_path / "e/all_namespaces/all_kinds/output-0", tmp_path / "files" / f"output-{i}")
    source = FirestoreExport(tmp_path / "files")
    assert [p.name for p in source.partitions()] == ["output-0", "output-1", "output-2", "output-10"]
    assert (source.info().kind, source.info().documents) == ("firestore-export", 80)


def test_an_empty_export_is_an_export(tmp_path):
    write_export(tmp_path / "e", [])
    source = FirestoreExport(tmp_path / "e")
    assert (source.info().documents, list(source.partitions())) == (0, [])


def test_a_folder_of_several_exports_is_not_guessed_at(tmp_path):
    write_export(tmp_path / "first", [("a/b", {})])
    (tmp_path / "notes").mkdir()
    assert list(documents(FirestoreExport(tmp_path))) == ["a/b"]
    write_export(tmp_path / "second", [("a/c", {})], layout="production")
    with pytest.raises(DataError, match="There are 2 exports in this folder: first, second"):
        FirestoreExport(tmp_path).partitions()


@pytest.mark.parametrize("given", ["", "firestore_export"])
def test_an_export_of_which_only_the_output_files_are_left_is_read(tmp_path, given):
    write_export(tmp_path / "e", [("a/b", {}), ("a/c", {})])
    for file in [*(tmp_path / "e").rglob("*metadata*")]:
        file.unlink()
    source = FirestoreExport(tmp_path / "e" / given)
    assert list(documents(source)) == ["a/b", "a/c"]
    assert [p.name for p in source.partitions()] == ["all_namespaces/all_kinds/output-0"]


@pytest.mark.parametrize("damage", ["count", "bytes", "missing", "unlisted"])
def test_files_that_contradict_the_metadata_are_an_error_that_names_the_option(alltypes, damage):
    output = alltypes / OUTPUT
    if damage == "count":
        overall = alltypes / "firestore_export/firestore_export.overall_export_metadata"
        entry = OverallEntry("all_namespaces/all_kinds/all_namespaces_all_kinds.export_metadata", 198, 1032829)
        overall.write_bytes(write_overall([entry]))
    elif damage == "bytes":
        output.write_bytes(output.read_bytes()[:BLOCK] + bytes(BLOCK) + output.read_bytes()[BLOCK:])
    elif damage == "missing":
        output.rename(output.with_name("output-1"))
    else:
        shutil.copy(output, output.with_name("output-1"))
    with pytest.raises(DataError, match="accept_mismatch") as error:
        FirestoreExport(alltypes).partitions()
    assert error.value.code == "bad-export"
    if damage != "bytes":
        expected = 0 if damage == "missing" else 199
        source = FirestoreExport(alltypes, accept_mismatch=True)
        assert source.info().documents == len(documents(source)) == expected


def test_a_large_export_is_counted_by_its_readers(monkeypatch, tmp_path):
    monkeypatch.setattr(firestore_export, "COUNT_BELOW", 0)
    production(tmp_path, records(), promised=21)
    assert FirestoreExport(tmp_path).info().documents == 21
    assert FirestoreExport(tmp_path, accept_mismatch=True).info().documents is None


@pytest.mark.parametrize("given", ["folder", "inner", "file"])
def test_the_time_of_the_view_comes_from_the_side_file(tmp_path, given):
    write_export(tmp_path / "e", [("a/b", {})], snapshot_time=TIME)
    inner = tmp_path / "e" / "firestore_export"
    place = {"folder": tmp_path / "e", "inner": inner, "file": inner / "firestore_export.overall_export_metadata"}[
        given
    ]
    assert FirestoreExport(place).info().snapshot_time == TIME
    other = datetime(2025, 1, 1, tzinfo=timezone.utc)
    assert FirestoreExport(place, snapshot_time=other).info().snapshot_time == other
    assert FirestoreExport(place, snapshot_time="2025-01-01T00:00:00Z").info().snapshot_time == other


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"snapshot_time": "noon"}', '{"snapshot_time": null}'])
def test_a_side_file_that_gives_no_time_is_an_error(alltypes, content):
    (alltypes / "onto_flow.json").write_text(content)
    with pytest.raises(DataError) as error:
        FirestoreExport(alltypes).info()
    assert error.value.code == "bad-export"
    assert "onto_flow.json" in error.value.where


def test_a_damaged_record_is_an_error_with_file_offset_and_document(alltypes):
    data = bytearray((alltypes / OUTPUT).read_bytes())
    data[400_000] ^= 1
    (alltypes / OUTPUT).write_bytes(data)
    source = FirestoreExport(alltypes, batch_documents=3)
    reader = source.open(source.partitions()[0])
    found = []
    with closing(reader), pytest.raises(DataError) as error:
        while (batch := reader.next_batch()) is not None:
            found += batch
    assert error.value.code == "bad-export"
    assert "output-0, byte " in error.value.where
    assert f"behind the document {found[-1].path}" in error.value.where, "what came before was given"
    with pytest.raises(DataError):
        reader.next_batch()
    assert len(items(FirestoreExport(alltypes, verify=False))) == 199


def test_a_cut_file_is_an_error_before_anything_is_read(alltypes):
    (alltypes / OUTPUT).write_bytes((alltypes / OUTPUT).read_bytes()[:-5])
    with pytest.raises(DataError, match="bad-export"):
        FirestoreExport(alltypes).info()
    with pytest.raises(DataError, match="bad-export"):
        items(FirestoreExport(alltypes, verify=False, accept_mismatch=True))


def test_a_document_that_cannot_be_decoded_becomes_a_dead_letter(tmp_path):
    broken = records(1)[0][:-3] + b"\x92\x01\x00" + b"x" * 100_000
    no_key = b"\x00" * 10
    source = FirestoreExport(production(tmp_path, [*records()[1:4], broken, no_key, *records()[4:]]))
    found = items(source)
    letters = [item for item in found if isinstance(item, DeadLetter)]
    file = "all_namespaces/all_kinds/output-0"
    assert [letter.key.partition("@")[0] for letter in letters] == ["document:users/u000", f"document:{file}"]
    assert len(found) == source.info().documents == 21
    assert letters[0].reason.startswith("bad-document: ")
    assert f"{file}@" in letters[0].reason
    assert "Traceback" in letters[0].stack
    assert letters[0].payload == broken[: export_reader.PAYLOAD_BYTES]


def test_documents_that_nobody_wants_are_counted_and_not_decoded(tmp_path):
    broken = encode_entity("notes/n1", {"i": 1}).replace(b"\x08\x01", b"\x43\x44")
    source = FirestoreExport(production(tmp_path, [*records(), broken]))
    projection = Projection(((Collection("users"), ("name",)),))
    with closing(source.open(source.partitions()[0], projection=projection)) as reader:
        batch = reader.next_batch()
        assert {tuple(change.after) for change in batch} == {("name",)}
        assert (len(batch), reader.documents_read, reader.next_batch()) == (20, 21, None)


def test_values_of_unknown_meaning_are_reported(tmp_path, caplog):
    record = records(1)[0].replace(b"\x7a\x0e\x1a\x04name", b"\x7a\x10\x08\x4d\x1a\x04name")
    assert record != records(1)[0]
    with caplog.at_level(logging.WARNING):
        assert documents(FirestoreExport(production(tmp_path, [record])))["users/u000"]["name"] == "n0"
    assert "meaning 77" in caplog.text


def test_it_travels_to_other_processes(alltypes):
    source = FirestoreExport(alltypes)
    partition = source.partitions()[0]
    with closing(pickle.loads(pickle.dumps(source)).open(partition)) as reader:
        assert len(reader.next_batch()) == 199


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"firestore": {"metadata_file": "../x.overall_export_metadata"}}, "leads out"),
        ({"firestore": {"metadata_file": "gone.overall_export_metadata"}}, "missing"),
        ({"auth": {}}, "no Firestore"),
        ([], "object"),
    ],
)
def test_broken_metadata_of_firebase_is_an_error(tmp_path, content, what):
    (tmp_path / "firebase-export-metadata.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=what):
        FirestoreExport(tmp_path).info()


def test_a_place_without_an_export_says_what_was_expected(tmp_path):
    (tmp_path / "output-x").touch()
    for place in (tmp_path, tmp_path / "gone", tmp_path / "output-*"):
        with pytest.raises(DataError) as error:
            FirestoreExport(place).info()
        assert error.value.code == "not-found"
    for name in ("a", "b"):
        (tmp_path / f"{name}.overall_export_metadata").write_bytes(write_overall([]))
    with pytest.raises(DataError, match="2 exports"):
        FirestoreExport(tmp_path).info()


def test_the_url_of_a_file_is_a_path():
    assert FirestoreExport(f"file://{ALLTYPES}").info().documents == 199


def test_options_of_a_uri_are_texts():
    assert FirestoreExport(ALLTYPES, verify="false", accept_mismatch="1", split_bytes="70000").split_bytes == 2 * BLOCK
    with pytest.raises(UsageError, match="verify"):
        FirestoreExport(ALLTYPES, verify="maybe")


def per_kind(folder, namespace="all_namespaces"):
    """A filtered export: a folder for each collection group."""
    entries = []
    for name, numbers in (("users", range(3)), ("notes", range(3, 8))):
        kinds = folder / namespace / f"kind_{name}"
        kinds.mkdir(parents=True)
        for part in (0, 1):
            with (kinds / f"output-{part}").open("wb") as file:
                log = LogWriter(file)
                for i in list(numbers)[part::2]:
                    log.write(encode_entity(f"{name}/{i}", {"i": i}, location="s"))
        (kinds / "output-2").write_bytes(b"")
        kind = f"{namespace}/kind_{name}/{namespace}_kind_{name}.export_metadata"
        listed = [f"output-{i}" for i in (1, 0, 2)]
        (folder / kind).write_bytes(write_kind("e", TIME, TIME, listed, label="__all__"))
        entries.append(OverallEntry(kind, len(numbers), 0))
    sizes = sum(
        len(encode_entity(f"{n}/{i}", {"i": i}, location="s"))
        for n, r in (("users", range(3)), ("notes", range(3, 8)))
        for i in r
    )
    entries[0] = OverallEntry(entries[0].file, 3, sizes)
    (folder / "e.overall_export_metadata").write_bytes(write_overall(entries))
    return folder


@pytest.mark.parametrize("place", ["", "e.overall_export_metadata"])
def test_an_export_per_kind_is_read_in_the_order_of_its_metadata(tmp_path, place):
    source = FirestoreExport(per_kind(tmp_path) / place)
    assert [p.name for p in source.partitions()] == [
        f"all_namespaces/kind_{kind}/output-{i}" for kind in ("users", "notes") for i in (1, 0)
    ], "files of no bytes give nothing"
    info = source.info()
    assert (info.documents, info.kind, sorted(c.after["i"] for c in items(source))) == (
        8,
        "firestore-export",
        list(range(8)),
    )


@pytest.mark.parametrize(
    ("place", "count"),
    [
        ("", 8),
        ("some_space", 8),
        ("some_space/kind_users", 3),
        ("some_space/kind_notes/output-1", 2),
        ("some_space/kind_notes/output-*", 5),
    ],
)
def test_what_is_left_of_an_export_per_kind_is_read(tmp_path, place, count):
    per_kind(tmp_path, "some_space")
    (tmp_path / "e.overall_export_metadata").unlink()
    source = FirestoreExport(tmp_path / place)
    assert len(items(source)) == source.info().documents == count


def test_what_systems_leave_beside_the_files_is_no_part_of_the_export(tmp_path):
    per_kind(tmp_path / "e")
    for junk in (
        "e/._e.overall_export_metadata",
        "e/all_namespaces/kind_users/._output-7",
        "__MACOSX/._e.overall_export_metadata",
    ):
        (tmp_path / junk).parent.mkdir(exist_ok=True)
        (tmp_path / junk).write_bytes(b"Mac OS X")
    assert FirestoreExport(tmp_path / "e").info().documents == FirestoreExport(tmp_path).info().documents == 8


def test_a_file_that_is_listed_twice_is_told_and_read_once(tmp_path):
    per_kind(tmp_path)
    kind = tmp_path / "all_namespaces/kind_users/all_namespaces_kind_users.export_metadata"
    kind.write_bytes(write_kind("e", TIME, TIME, ["output-0", "output-1", "output-2", "output-0"], label="__all__"))
    with pytest.raises(DataError, match="kind_users/output-0 is listed more than once"):
        FirestoreExport(tmp_path).info()
    assert len(items(FirestoreExport(tmp_path, accept_mismatch=True))) == 8


def test_metadata_of_any_size_is_not_taken_in(tmp_path, monkeypatch):
    monkeypatch.setattr("onto_flow.formats.export_layout.MAX_METADATA", 100)
    with pytest.raises(DataError, match="the limit is 100"):
        FirestoreExport(per_kind(tmp_path)).info()


@pytest.mark.parametrize("promised", [(7, None), (9, None), (8, -1), (8, 1)])
def test_counts_and_bytes_that_lie_are_told(tmp_path, promised):
    per_kind(tmp_path)
    overall = tmp_path / "e.overall_export_metadata"
    entries = read_overall(overall.read_bytes(), "")
    documents, more = promised
    lies = [OverallEntry(entries[0].file, documents - 5, entries[0].bytes + (more or 0)), entries[1]]
    overall.write_bytes(write_overall(lies))
    with pytest.raises(DataError, match="the metadata promises"):
        FirestoreExport(tmp_path).info()
    assert FirestoreExport(tmp_path, accept_mismatch=True).info().documents == 8


@pytest.mark.parametrize("name", ["kind_user@home", "kind_a@1-2", "kind_@\n"])
@pytest.mark.parametrize("split_bytes", [BLOCK, 1 << 20])
def test_a_kind_may_have_an_at_sign_in_its_name(tmp_path, name, split_bytes):
    count = write_export(tmp_path / "e", [(f"a/{n:03}", {"x": "y" * 900}) for n in range(100)], layout="production")
    [overall] = (tmp_path / "e").glob("*.overall_export_metadata")
    overall.unlink()
    folder = tmp_path / "e" / "all_namespaces"
    (folder / "all_kinds").rename(folder / name)
    source = FirestoreExport(tmp_path / "e", split_bytes=split_bytes)
    assert len(source.partitions()) == (3 if split_bytes == BLOCK else 1)
    assert len(documents(source)) == count
    assert ArrowExport(source).read_table().num_rows == count
