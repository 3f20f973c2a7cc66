import json
from datetime import datetime, timezone

import pytest

from onto_flow.core.errors import DataError, UsageError
from onto_flow.formats import export_writer
from onto_flow.formats.export_layout import find_export
from onto_flow.formats.export_writer import write_export

TIME = datetime(2024, 5, 1, tzinfo=timezone.utc)


def documents(count):
    return [(f"users/u{i}", {"i": i}) for i in range(count)]


def test_the_layout_is_that_of_the_emulator(tmp_path):
    assert write_export(tmp_path / "e", documents(3), project="shop", snapshot_time=TIME) == 3
    files = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert files == [
        "e/firebase-export-metadata.json",
        "e/firestore_export/all_namespaces/all_kinds/all_namespaces_all_kinds.export_metadata",
        "e/firestore_export/all_namespaces/all_kinds/output-0",
        "e/firestore_export/firestore_export.overall_export_metadata",
        "e/onto_flow.json",
    ]
    layout = find_export(tmp_path / "e")
    assert (layout.documents, layout.emulator, layout.snapshot_time) == (3, True, TIME)
    assert layout.bytes == layout.files[0].size
    assert json.loads((tmp_path / "e" / "onto_flow.json").read_text()) == {"snapshot_time": "2024-05-01T00:00:00Z"}


@pytest.mark.parametrize(("count", "files"), [(0, 0), (1, 1), (5, 1), (6, 2), (11, 3)])
def test_a_file_has_so_many_documents(tmp_path, monkeypatch, count, files):
    monkeypatch.setattr(export_writer, "DOCUMENTS_PER_FILE", 5)
    write_export(tmp_path / "e", iter(documents(count)))
    layout = find_export(tmp_path / "e")
    assert (len(layout.files), layout.documents) == (files, count)


def test_a_target_that_holds_something_is_refused(tmp_path):
    (tmp_path / "note").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        write_export(tmp_path, documents(1))
    with pytest.raises(UsageError):
        write_export(tmp_path / "note", documents(1))
    (tmp_path / "new" / "e").mkdir(parents=True)
    write_export(tmp_path / "new" / "e", documents(1))


def test_a_document_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    with pytest.raises(DataError, match="bad-value"):
        write_export(tmp_path / "e", [*documents(3), ("a/b", {"v": object()})])
    assert list(tmp_path.iterdir()) == []
