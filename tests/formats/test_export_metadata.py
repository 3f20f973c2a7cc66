from datetime import datetime, timezone
from pathlib import Path

import pytest

from onto_flow.core.errors import DataError
from onto_flow.formats.export_metadata import (
    OverallEntry,
    read_kind,
    read_overall,
    safe_path,
    write_kind,
    write_overall,
)
from onto_flow.formats.wire import chunk, varint

ROOT = Path(__file__).parents[1] / "data" / "alltypes" / "firestore_export"
OVERALL = ROOT / "firestore_export.overall_export_metadata"
KIND = ROOT / "all_namespaces" / "all_kinds" / "all_namespaces_all_kinds.export_metadata"


def test_the_metadata_of_the_emulator_is_read_and_written_byte_for_byte():
    entries = read_overall(OVERALL.read_bytes(), "overall")
    assert [(e.documents, e.bytes) for e in entries] == [(199, 1032829)]
    assert write_overall(entries) == OVERALL.read_bytes()
    kind = read_kind(KIND.read_bytes(), "kind")
    assert (kind.name, kind.files, kind.emulator) == ("firestore_export", ("output-0",), True)
    assert write_kind(kind.name, kind.start, kind.end, kind.files) == KIND.read_bytes()


def test_an_empty_export_has_an_empty_record():
    assert read_overall(write_overall([]), "overall") == ()


def test_production_is_known_by_its_label():
    head = chunk(b"\x0a", chunk(b"\x0a", b"2024"))
    label = chunk(b"\x0a", b"__all__")
    newer = b"\x28" + varint(-5)
    assert not read_kind(head + chunk(b"\x12", label + chunk(b"\x12", b"output-0")) + newer, "kind").emulator
    assert not read_kind(head + chunk(b"\x12", b"") + chunk(b"\x1a", label), "kind").emulator


def test_a_time_in_seconds_is_understood():
    time = chunk(b"\x0a", b"\x10" + varint(1_586_000_000) + b"\x18" + varint(1_586_000_001_000_000))
    kind = read_kind(time, "kind")
    assert kind.start == datetime.fromtimestamp(1_586_000_000, timezone.utc)
    assert kind.end == datetime.fromtimestamp(1_586_000_001, timezone.utc)
    assert read_kind(chunk(b"\x0a", b"\x10" + varint(2**62)), "kind").start is None


@pytest.mark.parametrize("path", ["/etc/passwd", "C:\\x", "..\\x", "a/../../b", "", "a//b", "a\0b"])
def test_a_path_that_leads_out_is_refused(path):
    with pytest.raises(DataError, match="leads out"):
        safe_path(path, "overall")
    with pytest.raises(DataError, match="leads out"):
        read_overall(write_overall([OverallEntry(path, 1, 1)]), "overall")


@pytest.mark.parametrize("data", [b"", b"\x00" * 40, b"no log"])
def test_what_is_no_metadata_is_refused(data):
    with pytest.raises(DataError, match="bad-export"):
        read_overall(data, "overall")


@pytest.mark.parametrize("data", [b"\x0a\x05ab", b"\x0b", b"\xff" * 20])
def test_kind_metadata_that_is_damaged_is_refused(data):
    with pytest.raises(DataError, match="bad-export"):
        read_kind(data, "kind")
