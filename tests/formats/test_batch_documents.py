"""Many records at once give what they give one by one."""

from pathlib import Path

import pytest
from damage import damaged_batches
from hypothesis import given
from hypothesis import strategies as st
from test_round_trips import fields, names, paths

from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.core.values import Reference, Vector
from onto_flow.formats import intern, lockstep
from onto_flow.formats.batch_documents import BatchDecoder
from onto_flow.formats.entity import EntityDecoder
from onto_flow.formats.entity_writer import encode_entity
from onto_flow.formats.export_layout import find_export
from onto_flow.formats.leveldb_log import read_records
from onto_flow.formats.spans import Spans
from onto_flow.testing.source_suite import VALUES

ALLTYPES = Path(__file__).parents[1] / "data/alltypes"
DATABASE = "projects/p/databases/(default)"


def records_of(place):
    layout = find_export(place)
    for output in layout.files:
        with (layout.root / output.name).open("rb") as file:
            for _, _, record in read_records(file, verify=False):
                yield record


def check(records, wanted=None, decoder=None):
    """Compares; gives the numbers of the odd records."""
    alone = EntityDecoder(warn=lambda text: None)
    found_paths, documents, rows, odd = (decoder or BatchDecoder()).decode(Spans.of(records), wanted)
    for path, document, row in zip(found_paths, documents, rows):
        entity = alone.decode(records[row])
        if wanted:
            names = wanted(path.rpartition("/")[0])[1]
            entity = entity._replace(fields={k: v for k, v in entity.fields.items() if names is None or k in names})
        assert path == entity.path
        assert same(document, entity.fields), path
    assert not set(rows) & set(odd)
    if wanted is None:
        assert sorted([*rows, *odd]) == list(range(len(records)))
    return odd


@pytest.fixture(params=[24, 1])
def _few(request, monkeypatch):
    """Whether a few entities are finished one by one, or all go in step."""
    monkeypatch.setattr(lockstep, "FEW", request.param)


@given(st.lists(st.tuples(paths, fields), max_size=8), st.sampled_from([1, 24]))
def test_any_documents(rows, few):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lockstep, "FEW", few)
        assert check([encode_entity(path, document, DATABASE) for path, document in rows]) == []


@given(st.lists(st.tuples(paths, fields), max_size=8), st.sets(names), st.sampled_from([1, 24]))
def test_a_projection(rows, wanted, few):
    wanted = wanted | {name for _, document in rows for name in list(document)[:2]}
    records = [encode_entity(path, document, DATABASE) for path, document in rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lockstep, "FEW", few)
        assert check(records, lambda parent: (True, wanted)) == []


def test_collections_and_fields_are_left_out():
    records = [
        encode_entity(f"{name}/{n}", {"name": n, "namer": 1, "n" * 200: 2, "other": {"name": 3}})
        for name in ("users", "rooms", "logs")
        for n in range(3)
    ]
    asked = {"users": (True, {"name", "n" * 200}), "rooms": (True, None), "logs": (False, None)}
    found, documents, rows, odd = BatchDecoder().decode(Spans.of(records), asked.__getitem__)
    assert (rows, odd) == ([0, 1, 2, 3, 4, 5], [])
    assert documents[0] == {"name": 0, "n" * 200: 2}
    assert documents[3] == {"name": 0, "namer": 1, "n" * 200: 2, "other": {"name": 3}}
    assert found[3] == "rooms/0"


@pytest.mark.usefixtures("_few")
def test_every_type_that_the_emulator_writes():
    assert check(list(records_of(ALLTYPES))) == []


@pytest.mark.usefixtures("_few")
def test_every_value_in_maps_and_arrays():
    records = [
        encode_entity(f"v/{name}", {"v": value, "m": {"v": value, "a": [value, {"v": value}]}})
        for name, value in VALUES.items()
        if not isinstance(value, list)
    ]
    assert check(records) == []


@pytest.mark.parametrize("name", ["swapi", "stocks", "movielens"])
def test_real_exports(name, real_exports):
    decoder, batch = BatchDecoder(), []
    for record in records_of(real_exports / name):
        batch.append(record)
        if len(batch) == 3000:
            assert check(batch, decoder=decoder) == []
            batch.clear()
    assert check(batch, decoder=decoder) == []


def test_references_to_other_databases_are_told_apart():
    others = [None, "projects/q/databases/(default)", "projects/p/databases/named"]
    records = [
        encode_entity(
            "a/b", {"r": Reference("x/y", other), "l": [Reference(f"x/{n}/y/__id7__") for n in range(3)]}, home
        )
        for other in others
        for home in (DATABASE, "projects/q/databases/(default)")
    ]
    assert check(records) == []


def test_names_that_are_alike_and_more_names_than_the_table_holds(monkeypatch):
    monkeypatch.setattr(intern, "_MAX_NAMES", 3000)
    decoder = BatchDecoder()
    for size in (0, 7, 8, 9, 15, 16, 17, 24, 25, 33):
        alike = {"x" * size + c: c for c in "abcé"} | {c + "x" * size: c for c in "abcé"}
        assert check([encode_entity("a/b", alike | {"": 1})] * 30, decoder=decoder) == []
    for part in range(3):
        many = [encode_entity("a/b", {f"name {part} {n} {k}": n for k in range(5)}) for n in range(500)]
        assert check(many, decoder=decoder) == []
        assert len(decoder._names.texts) <= 3000 + 2500 + 100


def test_what_only_the_decoder_of_single_records_knows_is_left_to_it():
    plain = encode_entity("a/b", {"n": 1})
    deep = {}
    for _ in range(21):
        deep = {"d": deep}
    odd = [
        b"",
        b"\x6a",
        plain[:-1],
        encode_entity("a/b", {"n": 1}).replace(b"\x20\x00", b"\x20\x02"),
        encode_entity("a/b", {"t": "é"}).replace("é".encode(), b"\xff\xff"),
        encode_entity("a/é", {}).replace("é".encode(), b"\xff\xff"),
        encode_entity("a/é/c/d", {}).replace("é".encode(), b"\xff\xff"),
        encode_entity("a/x", {}).replace(b"\x22\x01x", b"\x22\x01/"),
    ]
    try:
        odd.append(encode_entity("a/b", deep))
    except DataError:
        pass
    assert check([plain, *odd, plain]) == list(range(1, len(odd) + 1))


def originals():
    values = [encode_entity(f"v/{name}", {"v": value, "m": {"v": value}}, DATABASE) for name, value in VALUES.items()]
    nested = {}
    for depth in range(19):
        nested = {"d": nested, "n": depth, "v": Vector((1.0, 2.0))}
    official = [record for record in records_of(ALLTYPES) if len(record) < 3000]
    return [*values, encode_entity("deep/d", nested), *official]


def fuzz(numbers, decoder=None):
    """What is not odd of damaged records must be read as it is alone; how many were not."""
    decoder = decoder or BatchDecoder()
    return sum(len(batch) - len(check(batch, decoder=decoder)) for batch in damaged_batches(numbers, originals()))


@pytest.mark.usefixtures("_few")
def test_damaged_records_are_odd_or_as_they_are_alone():
    assert fuzz(range(60)) > 60 * 12


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_half_a_million_damaged_records(part):
    assert fuzz(range(1000 + part * 850, 1000 + (part + 1) * 850)) > 850 * 12
