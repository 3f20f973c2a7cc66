"""What is found out about documents: counts are exact, on given documents and on the real exports."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from datetime import datetime, timezone
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from of_documents import OfDocuments, fields_of, survey

from onto_flow.connect import open_source
from onto_flow.core.values import GeoPoint, Reference, Vector
from onto_flow.survey import fields as fields_module
from onto_flow.survey import sketch, survey_of, take
from onto_flow.testing.sink_suite import VALUES

ALLTYPES = Path(__file__).parents[1] / "data/alltypes"


def test_fields_are_counted_by_type_missing_and_null():
    found = survey(
        [
            ("a/1", {"n": 1, "s": "x", "m": {"k": True}}),
            ("a/2", {"n": 2.5, "s": None, "m": {"k": None, "t": "y"}}),
            ("a/3", {"n": 1, "l": [1, "one", None]}),
        ]
    )
    fields = fields_of(found, "a")
    assert list(fields) == ["l", "l[]", "m", "m.k", "m.t", "n", "s"]
    assert {label: (f.of, f.present, f.nulls, f.missing) for label, f in fields.items()} == {
        "l": (3, 1, 0, 2),
        "l[]": (3, 3, 1, 0),
        "m": (3, 2, 0, 1),
        "m.k": (2, 2, 1, 0),
        "m.t": (2, 1, 0, 1),
        "n": (3, 3, 0, 0),
        "s": (3, 2, 1, 1),
    }
    assert [(t.word, t.count, t.distinct) for t in fields["n"].types] == [("integer", 2, 1), ("double", 1, 1)]
    assert [t.word for t in fields["l[]"].types] == ["integer", "string"]


def test_every_type_has_its_range_and_its_lengths():
    early, late = datetime(1969, 1, 1, tzinfo=timezone.utc), datetime(2024, 1, 1, tzinfo=timezone.utc)
    columns = {
        "b": [True, False],
        "i": [7, -3],
        "d": [float("nan"), 2.5],
        "s": ["pear", "fig"],
        "y": [b"\xff\x00", b""],
        "t": [late, early],
        "g": [GeoPoint(1.0, 2.0), GeoPoint(1.0, 2.0)],
        "r": [Reference("x/2"), Reference("x/1")],
        "v": [Vector((1.0, 2.0)), Vector((1.0,))],
    }
    found = survey([(f"a/{n}", {k: v[n] for k, v in columns.items()}) for n in (0, 1)], batch=1)
    types = {label: f.types[0] for label, f in fields_of(found, "a").items()}
    ranges = {k: (t.low, t.high) for k, t in types.items()}
    assert ranges.pop("r") == (Reference("x/1"), Reference("x/2"))
    assert ranges == {
        "b": (False, True),
        "i": (-3, 7),
        "d": (2.5, 2.5),
        "s": ("fig", "pear"),
        "y": (b"", b"\xff\x00"),
        "t": (early, late),
        "g": (None, None),
        "v": (None, None),
    }
    assert [types[k].distinct for k in "bidsytgrv"] == [2, 2, 2, 2, 2, 2, 1, 2, None]
    assert [(types[k].shortest, types[k].longest) for k in "syv"] == [(3, 4), (0, 2), (1, 2)]


def test_collections_are_told_apart_by_the_names_on_their_paths():
    found = survey([("a/1", {}), ("a/1/b/1", {}), ("a/2/b/1", {}), ("a/2/b/2/c/1", {}), ("b/1", {})])
    assert [(c.pattern, c.documents, c.phantoms, c.group, c.parent) for c in found.collections] == [
        ("a", 1, 1, "a", None),
        ("a/{a}/b", 2, 1, "b", ("a",)),
        ("a/{a}/b/{b}/c", 1, 0, "c", ("a", "b")),
        ("b", 1, 0, "b", None),
    ]


def test_a_parent_that_comes_after_its_children_is_no_phantom():
    found = survey([("a/1/b/1", {}), ("a/1", {})], batch=1)
    assert found.collection(("a",)).phantoms == 0


def test_sizes_are_those_of_stored_documents():
    found = survey([("a/1", {"s": "é"}), ("a/2", {"s": "x" * 9999}), ("a/3", {"s": "abc"})]).collection(("a",))
    assert found.size is not None
    small, middle = 4 + 16 + 32 + 2 + 3, 4 + 16 + 32 + 2 + 4
    assert (found.size.total, found.size.median) == (small + middle + 10_054, middle)
    assert (found.size.largest, found.size.largest_path) == (10_054, "a/2")


def test_what_cannot_be_read_is_counted_and_told():
    found = survey([("a/1", {}), ("a/2", "bad-document: no")])
    assert (found.documents, found.unreadable, found.problems) == (1, 1, ("bad-document: no",))


def test_many_different_keys_make_a_map_and_not_fields():
    found = survey([(f"a/{n}", {"votes": {f"user {n}": n, f"user {n + 1}": n}, "n": 1}) for n in range(50)], batch=7)
    fields = fields_of(found, "a")
    assert list(fields) == ["n", "votes", "votes.*"]
    assert fields["votes"].keys is not None
    assert (fields["votes"].keys.distinct, fields["votes"].keys.examples[:2]) == (51, ("user 0", "user 1"))
    assert (fields["votes.*"].present, [t.word for t in fields["votes.*"].types]) == (100, ["integer"])


def test_keys_that_look_like_ids_are_data_even_when_they_are_few():
    found = survey([("a/1", {"days": {"2024-01-01": 1.5, "2024-01-02": 2}})])
    assert list(fields_of(found, "a")) == ["days", "days.*"]


def test_a_map_with_fields_of_several_types_is_no_map_of_data():
    found = survey([("a/1", {f"f{n}": n for n in range(20)}), ("a/2", {"f1": "x"}), ("a/3", {"g": 1})])
    assert len(found.collection(("a",)).fields) == 21


def test_the_names_of_fields_may_be_data_too():
    found = survey([(f"days/{n}", {f"user{n}-{i}": i for i in range(9)}) for n in range(40)]).collection(("days",))
    assert [f.label for f in found.fields] == ["*"]
    assert found.keys is not None
    assert found.keys.distinct == 360


def test_fields_beyond_the_limit_are_taken_together(monkeypatch):
    monkeypatch.setattr(fields_module, "MAX_FIELDS", 10)
    found = survey([("a/1", {f"f{n}": n for n in range(8)}), ("b/1", {f"g{n}": n for n in range(8)})])
    assert len(fields_of(found, "a")) == 8
    assert list(fields_of(found, "b")) == ["*"]


def test_documents_of_collections_beyond_the_limit_are_counted(monkeypatch):
    monkeypatch.setattr(take, "MAX_COLLECTIONS", 3)
    found = survey([(f"c{n}/1", {}) for n in range(9)])
    assert (len(found.collections), found.other_documents, found.documents) == (3, 6, 9)


@given(st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=4), max_size=12), st.integers(1, 5))
def test_any_documents_are_counted_exactly_however_they_come_in_batches(documents, batch):
    found = survey([(f"a/{n}", fields) for n, fields in enumerate(documents)], batch)
    assert found == survey([(f"a/{n}", fields) for n, fields in enumerate(documents)], 1000)
    assert found.documents == len(documents)
    if documents and found.collection(("a",)).keys is None:
        for field in found.collection(("a",)).fields:
            if field.depth == 0:
                have = [d[field.name] for d in documents if field.name in d]
                assert (field.of, field.present) == (len(documents), len(have))
                assert field.nulls == sum(v is None for v in have)
                assert sum(t.count for t in field.types) + field.nulls == field.present


def test_memory_stays_in_bounds_however_many_documents_there_are(monkeypatch):
    """Four times as many documents whose values all differ take no more memory, once the bounds are reached."""
    monkeypatch.setattr(sketch, "MAX_VALUES", 3000)
    monkeypatch.setattr(sketch, "MAX_DOCUMENTS", 2000)

    def peak(count):
        documents = ((f"a/{n:09}", {"s": f"text {n}", "i": n, "m": {f"k{n}": 1}}) for n in range(count))
        tracemalloc.start()
        try:
            survey_of(_Streamed(documents), "given")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = peak(8_000), peak(32_000)
    assert large - small < 200_000


class _Streamed(OfDocuments):
    def __init__(self, documents):
        super().__init__([])
        self._documents = documents

    def next_batch(self):
        batch = OfDocuments([d for d, _ in zip(self._documents, range(500))])._items
        return batch or None


def test_a_survey_is_the_same_in_every_run():
    """Also where it is an estimate: texts hash differently in each process."""
    code = """
import sys
sys.path.insert(0, sys.argv[1])
from of_documents import survey
from onto_flow.survey import sketch
from onto_flow.survey.text import survey_text
sketch.MAX_VALUES = 500
documents = [(f"a/{n}", {"s": f"text {n}", "i": n % 700, "m": {f"k{n}": True}}) for n in range(1500)]
print(survey_text(survey([*documents, *((f"b/{n}", {"a": f"text {n * 2}", "r": str(n)}) for n in range(900))])))
"""
    folder = str(Path(__file__).parent)
    runs = [
        subprocess.run(
            [sys.executable, "-c", code, folder],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout.decode()
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert "~" in runs[0]


def test_a_survey_reads_lines_of_json_too(tmp_path):
    (tmp_path / "d.jsonl").write_text('{"path": "a/1", "fields": {"n": {"integerValue": "1"}}}\nnonsense\n')
    found = survey_of(open_source(f"jsonl:{tmp_path / 'd.jsonl'}"), "d")
    assert (found.kind, found.documents, found.unreadable, found.file_bytes) == ("jsonl", 1, 1, 65)


def test_alltypes_has_every_type():
    found = survey_of(open_source(str(ALLTYPES)), "alltypes")
    assert (found.documents, found.unreadable, found.kind) == (199, 0, "emulator-export")
    collections = {c.pattern: (c.documents, c.phantoms) for c in found.collections}
    assert collections["bulk/{bulk}/sub/{sub}/deep"] == (5, 0)
    assert collections["bulk/{bulk}/sub"] == (0, 5)
    assert collections["parent0"] == (0, 1)
    assert collections["üml"] == (1, 0)
    types = fields_of(found, "types")
    assert {t.word for t in types["v"].types} == {
        *("array", "boolean", "bytes", "double", "geopoint", "integer", "map", "reference", "string", "timestamp"),
        "vector",
    }
    assert types["v"].present == 33
    assert types["v"].nulls == 1
    assert types["name"].own_id
    assert types["map.`we.ird key\\``"].present == 1
    integers = types["v"].type("integer")
    assert integers is not None
    assert (integers.low, integers.high) == (-(2**63), 2**63 - 1)


def test_stocks_has_daily_prices_under_documents_that_do_not_exist(real_exports):
    found = survey_of(open_source(str(real_exports / "stocks")), "stocks")
    assert {c.pattern: (c.documents, c.phantoms) for c in found.collections} == {
        "prices": (0, 99),
        "prices/{price}/daily": (20_196, 0),
        "stocks": (99, 0),
    }
    assert [(t.word, t.count) for t in fields_of(found, "prices", "daily")["c"].types] == [
        ("double", 19_836),
        ("integer", 360),
    ]


def test_movielens_lacks_some_ratings(real_exports):
    found = survey_of(open_source(str(real_exports / "movielens")), "movielens")
    movies = fields_of(found, "movies")
    assert (movies["avg_rating"].present, movies["avg_rating"].missing, movies["year"].type("string").distinct) == (
        9724,
        18,
        128,
    )
