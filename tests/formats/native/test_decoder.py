"""The compiled decoder makes the documents that the decoder of single records makes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_batch_documents import ALLTYPES, DATABASE, check, fuzz, records_of
from test_round_trips import fields, names, paths

from onto_flow.core.values import Reference
from onto_flow.formats.entity_writer import encode_entity
from onto_flow.formats.leveldb_log import portable_crc32c
from onto_flow.formats.native import extension
from onto_flow.formats.native.decoder import document_decoder
from onto_flow.formats.spans import Spans
from onto_flow.testing.source_suite import VALUES

pytestmark = pytest.mark.usefixtures("compiled")


class Native:
    """As `BatchDecoder`."""

    def __init__(self, wanted=None):
        self.read = document_decoder(wanted)

    def decode(self, records, wanted=None):
        return (document_decoder(wanted) if wanted else self.read)(records)


@given(st.lists(st.tuples(paths, fields), max_size=8))
def test_any_documents(rows):
    assert check([encode_entity(path, document, DATABASE) for path, document in rows], decoder=Native()) == []


@given(st.lists(st.tuples(paths, fields), max_size=8), st.sets(names))
def test_a_projection(rows, wanted):
    wanted = frozenset(wanted | {name for _, document in rows for name in list(document)[:2]})
    records = [encode_entity(path, document, DATABASE) for path, document in rows]
    assert check(records, lambda parent: (True, wanted), Native()) == []


@given(st.binary(max_size=300), st.integers(0, 12))
def test_checksums(data, begin):
    crc32c = extension().crc32c
    assert crc32c(data[begin:]) == crc32c(data[begin:], True) == portable_crc32c(data[begin:])


def test_collections_are_left_out_and_asked_for_once():
    asked = []

    def wanted(parent):
        asked.append(parent)
        return parent != "logs", None

    records = [encode_entity(f"{name}/{n}", {"n": n}) for n in range(3) for name in ("users", "logs", "a/b/users")]
    found, documents, rows, odd = document_decoder(wanted)(Spans.of(records))
    assert rows == [0, 2, 3, 5, 6, 8] and odd == [] and sorted(asked) == ["a/b/users", "logs", "users"]
    assert found[:2] == ["users/0", "a/b/users/0"] and documents[-1] == {"n": 2}


def test_what_the_caller_asks_with_may_raise():
    with pytest.raises(ZeroDivisionError):
        document_decoder(lambda parent: 1 / 0)(Spans.of([encode_entity("a/b", {})]))


def test_every_type_that_the_emulator_writes():
    assert check(list(records_of(ALLTYPES)), decoder=Native()) == []


def test_every_value_in_maps_and_arrays():
    records = [
        encode_entity(f"v/{name}", {"v": value, "m": {"v": value, "a": [value, {"v": value}]}})
        for name, value in VALUES.items()
        if not isinstance(value, list)
    ]
    assert check(records, decoder=Native()) == []


def test_references_to_other_databases_are_told_apart():
    others = [None, "projects/q/databases/(default)", "projects/p/databases/named"]
    records = [
        encode_entity("a/b", {"l": [Reference("x/y", other), Reference("x/1/y/__id7__")]}, home)
        for other in others
        for home in (DATABASE, "projects/q/databases/(default)")
    ]
    assert check(records, decoder=Native()) == []


def test_more_names_and_collections_than_are_kept():
    decoder = Native()
    for part in range(3):
        rows = [(f"c{part} {n}/d", {f"name {part} {n} {k}": n for k in range(9)}) for n in range(2500)]
        assert check([encode_entity(*row) for row in rows], decoder=decoder) == []


@pytest.mark.parametrize("name", ["swapi", "stocks", "movielens"])
def test_real_exports(name, real_exports):
    assert check(list(records_of(real_exports / name)), decoder=Native()) == []


def test_records_that_lie_outside_the_data_are_refused():
    read = document_decoder()
    good = Spans.of([encode_entity("a/b", {"n": 1})])
    for start, stop in ((-1, 5), (0, 10_000), (5, 3)):
        wrong = good._replace(start=good.start * 0 + start, stop=good.stop * 0 + stop)
        with pytest.raises(ValueError, match="outside"):
            read(wrong)


def test_damaged_records_are_odd_or_as_they_are_alone():
    assert fuzz(range(100), Native()) > 100 * 12


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_many_damaged_records(part):
    assert fuzz(range(10_000 + part * 2000, 10_000 + (part + 1) * 2000), Native()) > 2000 * 12
