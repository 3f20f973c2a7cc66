"""Documents that are decoded when they are looked into are those of the reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_round_trips import fields, names, paths

from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.formats.entity import EntityDecoder
from onto_flow.formats.entity_writer import encode_entity
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.leveldb_log import LogWriter
from onto_flow.sources import export_documents
from onto_flow.sources.export_documents import ExportDocuments
from onto_flow.sources.firestore_export import FirestoreExport


@pytest.fixture(params=["compiled", "alone"])
def _reader(request, monkeypatch):
    """Who decodes."""
    if request.param == "compiled":
        request.getfixturevalue("compiled")
    else:
        monkeypatch.setattr(export_documents, "extension", lambda: None)


def all_of(export):
    for partition in export.partitions():
        reader = export.open(partition)
        while (batch := reader.next_batch()) is not None:
            yield from batch
        reader.close()


@given(st.dictionaries(paths, fields, max_size=6), st.sets(names))
def test_any_documents(tmp_path_factory, documents, wanted):
    place = tmp_path_factory.mktemp("export")
    write_export(place, documents.items())
    found = {document.path: document for document in ExportDocuments(place)}
    assert found.keys() == documents.keys()
    assert all(same(dict(found[path]), fields) for path, fields in documents.items())
    for document in ExportDocuments(place, fields=wanted):
        assert same(dict(document), {k: v for k, v in documents[document.path].items() if k in wanted})


@pytest.mark.usefixtures("_reader")
@pytest.mark.parametrize("name", ["alltypes", "swapi", "stocks"])
def test_real_exports(real_exports, name):
    export = FirestoreExport(real_exports / name)
    for document, change in zip(ExportDocuments(export), all_of(export), strict=True):
        assert document.path == change.path and same(dict(document), change.after)


@pytest.fixture
def damaged(tmp_path):
    """Sound, with a value that is no text, without a path, sound."""
    sound = encode_entity("rooms/a", {"name": "é"})
    with (tmp_path / "output-0").open("wb") as file:
        log = LogWriter(file)
        for record in (sound, sound.replace("é".encode(), b"\xff\xff"), b"?", encode_entity("users/u", {"n": 1})):
            log.write(record)
    return tmp_path


@pytest.mark.usefixtures("_reader")
def test_what_cannot_be_decoded_is_told_when_it_is_looked_into(damaged):
    letters = []
    first, second, third = ExportDocuments(damaged, dead_letters=letters.append)
    assert (first["name"], third["n"], first.doc_id, repr(second)) == ("é", 1, "a", "ExportDocument('rooms/a')")
    for _ in range(2):
        with pytest.raises(DataError, match="output-0@") as error:
            second["name"]
        assert (error.value.code, error.value.where) == ("bad-document", "rooms/a")
    assert [letter.key for letter in letters] == ["document:output-0@148"]
    with pytest.raises(DataError, match="cannot be decoded|does not begin"):
        list(ExportDocuments(damaged))


@pytest.mark.usefixtures("_reader")
def test_documents_of_a_collection(damaged):
    assert [d.path for d in ExportDocuments(damaged, collection="users", dead_letters=lambda letter: None)] == [
        "users/u"
    ]


@pytest.mark.usefixtures("_reader")
def test_fields_that_nobody_looks_at_are_not_decoded(tmp_path, monkeypatch):
    write_export(tmp_path / "e", [(f"a/{n}", {"n": n}) for n in range(50)])
    monkeypatch.setattr(EntityDecoder, "fields", None)
    if export_documents.extension() is not None:
        monkeypatch.setattr(export_documents._Reading, "__call__", None)
    assert len({document.path for document in ExportDocuments(tmp_path / "e")}) == 50
