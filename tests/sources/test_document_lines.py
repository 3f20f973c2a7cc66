"""Lines of documents: the same from every source and by every way, and no more is read than is asked for."""

import json
import random
from datetime import timedelta
from functools import lru_cache

import pytest
from object_store import Store

from onto_flow.connect import open_source
from onto_flow.core.errors import DataError, UsageError
from onto_flow.core.field_mask import FieldMask
from onto_flow.core.predicate import OPERATORS, Condition, Predicate
from onto_flow.core.values import EPOCH, GeoPoint, Reference, Vector, path_order
from onto_flow.formats.entity import EntityDecoder
from onto_flow.formats.entity_writer import encode_entity
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.json_lines import line_of
from onto_flow.formats.leveldb_log import LogWriter
from onto_flow.sources import export_lines
from onto_flow.sources.document_lines import DocumentLines, path_of
from onto_flow.sources.export_reader import RecordFile
from onto_flow.sources.firestore_export import FirestoreExport

PATHS = [
    ("n",),
    ("s",),
    ("m",),
    ("m", "n"),
    ("m", "s"),
    ("m", "m", "n"),
    ("l",),
    ("l", "n"),
    ("odd",),
    ("missing", "x"),
]
WAYS = ["export", "one by one", "store", "jsonl"]


def value(rng):
    made = (
        lambda: rng.randrange(4),
        lambda: rng.choice((0.0, 1.0, 1.5, float("nan"))),
        lambda: rng.choice(("", "a", "é", '"\\\n', "b" * 300)),
        lambda: None,
        lambda: rng.random() < 0.5,
        lambda: EPOCH + timedelta(microseconds=rng.randrange(3) * 500),
        lambda: Reference(f"users/u{rng.randrange(3)}"),
        lambda: GeoPoint(1.0, float(rng.randrange(2))),
        lambda: bytes(rng.randrange(3)),
    )
    return rng.choice(made)()


def document(rng, depth=0):
    made = {"n": rng.randrange(5) if rng.random() < 0.8 else value(rng), "s": value(rng)}
    if depth < 2:
        made["m"] = document(rng, depth + 1) if rng.random() < 0.8 else rng.choice((value(rng), {}))
        made["l"] = [document(rng, 2) if rng.random() < 0.3 else value(rng) for _ in range(rng.randrange(3))]
    if rng.random() < 0.05:
        made["odd"] = rng.choice((Vector(()), Vector((1.0, 2.0))))
    return {k: v for k, v in made.items() if rng.random() < 0.8}


@lru_cache(maxsize=1)
def documents():
    """Some hundred, in no order."""
    rng = random.Random(4)
    paths = [f"{c}/{i}" for c in ("users", "teams/t/users", "rooms") for i in range(130)]
    paths += [f'users/__id{n}__/notes/"{n}"' for n in (9, 10, -3)]
    rng.shuffle(paths)
    return {path: as_exported(path, document(rng)) for path in paths}


def as_exported(path, fields):
    """Empty arrays come first there."""
    return EntityDecoder().decode(encode_entity(path, fields)).fields


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lines")
    write_export(folder / "export", documents().items())
    (folder / "lines.jsonl").write_bytes(b"".join(line_of(*d) for d in documents().items()))
    return folder


@pytest.fixture(params=WAYS)
def source(request, place, monkeypatch):
    """The same documents, in the same order."""
    monkeypatch.setattr(export_lines, "FEW", 1)
    if request.param == "jsonl":
        return open_source(f"jsonl:{place / 'lines.jsonl'}")
    if request.param == "store":
        Store.reset()
        Store.put_folder(place / "export", "bucket/e")
        return open_source("double://bucket/e")
    if request.param == "one by one":
        monkeypatch.setattr(export_lines, "pays", lambda size: False)
    return FirestoreExport(place / "export", batch_documents=50)


def collections(path):
    return {None, "/".join(path.split("/")[:-1]), "teams/{t}/users" if path.startswith("teams/") else None}


def expected(*, collection=None, where=(), fields=None, limit=None, sort=False):
    found = [(p, d) for p, d in documents().items() if collection in collections(p) and Predicate(where).matches(d)]
    if sort:
        found.sort(key=lambda d: path_order(d[0]))
    return [line_of(p, d if fields is None else FieldMask(fields).apply(d)) for p, d in found][:limit]


def question(rng):
    where = []
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        operator = rng.choice([*OPERATORS])
        where.append(
            Condition(rng.choice(PATHS), operator, [value(rng), value(rng)] if operator == "in" else value(rng))
        )
    return {
        "collection": rng.choice((None, None, "users", "teams/{t}/users", "none")),
        "where": where,
        "fields": rng.choice((None, rng.sample(PATHS, rng.randrange(1, 4)))),
        "limit": rng.choice((None, None, 0, 1, 7, 200)),
        "sort": rng.random() < 0.4,
    }


def test_any_question_gives_what_a_plain_loop_gives(source):
    rng, given = random.Random(8), 0
    for _ in range(60):
        asked = question(rng)
        lines = [*DocumentLines(source, **asked, sort_memory=rng.choice((2000, 1 << 20)))]
        assert lines == expected(**asked), asked
        given += len(lines)
    assert given > 1000


def test_conditions_and_fields_are_text_too(source):
    asked = DocumentLines(source, collection="users", where=['s == "é"', "n in [1, 2]"], fields="s, m.n")
    where = [Condition(("s",), "==", "é"), Condition(("n",), "in", [1, 2])]
    assert [*asked] == expected(collection="users", where=where, fields=[("s",), ("m", "n")]) != []


def test_what_cannot_be_understood_is_told_at_once(place):
    source = FirestoreExport(place / "nowhere")
    for wrong in ({"where": ["n >"]}, {"fields": "a b"}):
        with pytest.raises(UsageError, match=r"column \d"):
            DocumentLines(source, **wrong)
    with pytest.raises(UsageError, match="not the path of a collection"):
        DocumentLines(source, collection="a/b")


def test_the_path_of_a_line_is_that_of_its_document():
    for path in ('users/"', "users/\\", 'a/", "fields": {', "ü/\n", "a/b/c/d"):
        assert path_of(line_of(path, {"fields": {"path": path}})) == path
        assert path_of(line_of(path, {})) == path


def test_equal_paths_keep_their_order(place):
    lines = [line_of(f"a/{n % 3}", {"n": n}) for n in range(200)]
    (place / "twice.jsonl").write_bytes(b"".join(lines))
    found = [*DocumentLines(open_source(f"jsonl:{place / 'twice.jsonl'}"), sort=True, sort_memory=1000)]
    assert found == sorted(lines, key=path_of)


def damaged(folder, count=500):
    """An export with a record that is no document, one with a bad text, and one with an array in an array."""
    records = [encode_entity(f"users/{n:04}", {"n": n, "s": "é", "t": [None, 1]}) for n in range(count)]
    records[100] = b"?"
    records[200] = records[200].replace("é".encode(), b"\xff\xff")
    records[300] = records[300].replace(b"\x7a\x07\x1a\x01t \x01*\x00", b"\x7a\x09\x08\x18\x1a\x01t \x01*\x00")
    with (folder / "output-0").open("wb") as file:
        log = LogWriter(file)
        for record in records:
            log.write(record)
    return FirestoreExport(folder)


@pytest.mark.parametrize("many", [True, False])
def test_what_cannot_be_decoded_is_a_dead_letter_in_its_place(tmp_path, monkeypatch, many):
    monkeypatch.setattr(export_lines, "pays", lambda size: many)
    letters, at = [], []
    source = damaged(tmp_path)
    lines = DocumentLines(source, dead_letters=lambda letter: (letters.append(letter), at.append(len(letters))))
    numbers = [int(json.loads(line)["path"][6:]) for line in lines]
    assert numbers == [n for n in range(500) if n not in (100, 200, 300)]
    assert [letter.reason.split(":")[0] for letter in letters] == ["bad-document", "bad-document", "bad-value"]
    assert letters[1].key == "document:users/0200"
    with pytest.raises(DataError, match="bad-document"):
        list(DocumentLines(source))
    for asked in ({"fields": "n"}, {"where": ["n >= 0"], "fields": "n"}, {"where": ["n == 199"]}):
        letters.clear()
        found = [*DocumentLines(source, **asked, dead_letters=letters.append)]
        assert (len(found), len(letters)) == ((1 if "fields" not in asked else 499), 1), asked


class Opened(RecordFile):
    """Files that were opened and are not closed."""

    names, still = [], set()

    def __init__(self, root, name, **options):
        super().__init__(root, name, **options)
        self.names.append(name)
        self.still.add(name)

    def close(self):
        super().close()
        self.still.discard(self.name)


def test_reading_ends_with_the_limit_and_closes_what_was_opened(tmp_path, monkeypatch):
    monkeypatch.setattr("onto_flow.formats.export_writer.DOCUMENTS_PER_FILE", 300)
    write_export(tmp_path / "export", [(f"a/{n}", {"n": n}) for n in range(1200)])
    monkeypatch.setattr("onto_flow.sources.firestore_export.RecordFile", Opened)
    for asked, files in (
        ({"limit": 5}, 1),
        ({"limit": 301}, 2),
        ({"limit": 0}, 0),
        ({"limit": 1, "where": ["n == 700"]}, 3),
    ):
        Opened.names.clear()
        source = FirestoreExport(tmp_path / "export", batch_documents=300)
        assert len([*DocumentLines(source, **asked)]) == asked["limit"]
        assert (len(Opened.names), Opened.still) == (files, set())
    begun = DocumentLines(FirestoreExport(tmp_path / "export", batch_documents=200)).batches()
    next(begun)
    assert len(Opened.still) == 1
    begun.close()
    assert Opened.still == set()


def test_an_export_that_contradicts_its_metadata_gives_nothing(tmp_path):
    write_export(tmp_path / "export", [(f"a/{n}", {"n": n}) for n in range(10)])
    source = FirestoreExport(tmp_path / "export")
    [output] = (tmp_path / "export").rglob("output-0")
    (output.parent / "output-1").write_bytes(output.read_bytes())
    for limit in (None, 1):
        with pytest.raises(DataError, match="bad-export"):
            next(iter(DocumentLines(source, limit=limit)))
    assert len([*DocumentLines(FirestoreExport(tmp_path / "export", accept_mismatch=True))]) == 10


def test_other_documents_than_the_metadata_promises_are_told_behind_the_last_line(tmp_path):
    documents = [(f"a/{n}", {"n": n}) for n in range(10)]
    write_export(tmp_path / "export", documents)
    [output] = (tmp_path / "export").rglob("output-0")
    with output.open("r+b") as file:
        log = LogWriter(file)
        for document in documents[:9]:
            log.write(encode_entity(*document))
        file.truncate()
    given = []
    with pytest.raises(DataError, match="promises"):
        given.extend(DocumentLines(FirestoreExport(tmp_path / "export")))
    assert given == [line_of(*d) for d in documents[:9]]
    for options in ({"verify": False}, {"accept_mismatch": True}):
        assert len([*DocumentLines(FirestoreExport(tmp_path / "export", **options))]) == 9
    assert len([*DocumentLines(FirestoreExport(tmp_path / "export"), limit=9)]) == 9


def test_small_files_come_together_and_damage_in_one_is_told_behind_what_stands_before_it(tmp_path, monkeypatch):
    monkeypatch.setattr("onto_flow.formats.export_writer.DOCUMENTS_PER_FILE", 30)
    documents = [(f"a/{n}", {"n": n}) for n in range(300)]
    write_export(tmp_path / "export", documents)
    source = FirestoreExport(tmp_path / "export")
    assert [*map(len, DocumentLines(source).batches())] == [300]
    output = next(p for p in (tmp_path / "export").rglob("output-7"))
    output.write_bytes(output.read_bytes()[:-5] + b"?????")
    given = []
    with pytest.raises(DataError, match="output-7"):
        given.extend(DocumentLines(source))
    assert given == [line_of(*d) for d in documents[: 7 * 30 + 29]]


def test_progress_counts_what_was_looked_at(source):
    told = []
    lines = [*DocumentLines(source, where=["n == 3"], progress=told.append)]
    assert told == sorted(told)
    assert told[-1] == len(documents()) > len(lines)


@pytest.mark.parametrize("name", ["swapi", "stocks", "movielens"])
def test_real_exports(name, real_exports, monkeypatch):
    source = FirestoreExport(real_exports / name)
    lines = [*DocumentLines(source)]
    monkeypatch.setattr(export_lines, "pays", lambda size: False)
    assert lines == [*DocumentLines(source)]
    assert len(lines) == source.info().documents
    assert [*map(path_of, DocumentLines(source, sort=True))] == sorted(map(path_of, lines), key=path_order)
