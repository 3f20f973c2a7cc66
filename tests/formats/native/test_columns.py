"""The compiled decoder makes the columns that documents give one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_arrow_batches import check, fuzz, rows
from test_batch_documents import ALLTYPES, DATABASE, records_of
from test_round_trips import names

from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.formats.arrow_documents import documents_of
from onto_flow.formats.arrow_rows import batch_of
from onto_flow.formats.arrow_shape import Shape
from onto_flow.formats.arrow_types import PATH
from onto_flow.formats.entity_writer import encode_entity
from onto_flow.formats.native.columns import column_reader
from onto_flow.formats.spans import Spans
from onto_flow.testing.source_suite import VALUES

pytestmark = pytest.mark.usefixtures("compiled")


@given(rows)
def test_any_documents(rows):
    check([encode_entity(path, document, DATABASE) for path, document in rows], read=column_reader())


@given(rows, st.sets(names))
def test_a_projection(rows, wanted):
    wanted = frozenset((wanted | {name for _, document in rows for name in list(document)[:2]}) - {PATH})
    records = [encode_entity(path, document, DATABASE) for path, document in rows]
    check(records, lambda parent: (True, wanted), read=column_reader(lambda parent: (True, wanted)))


@given(rows, rows)
def test_a_wider_schema_holds_the_same(some, more):
    shape = Shape({"map"})
    for _, document in [*some, *more]:
        shape.add(document)
    columns = column_reader()(Spans.of([encode_entity(path, document, DATABASE) for path, document in some]))
    batch = columns.batch(shape.schema())
    batch.validate(full=True)
    kept = [some[row] for row in columns.rows.tolist()]
    assert all(a == c and same(b, d) for (a, b), (c, d) in zip(documents_of(batch), kept, strict=True))


def test_every_type_that_the_emulator_writes():
    assert check(list(records_of(ALLTYPES)), read=column_reader()) == []


def test_every_value_in_maps_and_arrays():
    records = [
        encode_entity(f"v/{name}", {"v": value, "m": {"v": value, "a": [value, {"v": value}]}})
        for name, value in VALUES.items()
        if not isinstance(value, list)
    ]
    assert all(b"__vector__" in records[n] for n in check(records, read=column_reader()))


@pytest.mark.parametrize("name", ["swapi", "stocks", "movielens"])
def test_real_exports(name, real_exports):
    assert check(list(records_of(real_exports / name)), read=column_reader()) == []


def test_what_an_odd_record_began_leaves_no_trace():
    """It is odd at its end only, behind values of every kind, in maps and arrays too."""
    everything = {
        f"f{n}": {"v": value, "a": [value, {"v": value}]}
        for n, value in enumerate(VALUES.values())
        if type(value) is not list
    }
    everything |= {f"g{n}": value for n, value in enumerate(VALUES.values())}
    odd = encode_entity("a/odd", everything | {"only": {"odd": 1}, "z": "é"}).replace("é".encode(), b"\xff\xff")
    sound = [encode_entity(f"a/{n}", {name: everything[name] for name in list(everything)[n::3]}) for n in range(3)]
    sound = [record for record in sound if b"__vector__" not in record]
    records = [record for n in range(4) for one in sound for record in [odd] * n + [one]]
    assert len(check(records, read=column_reader())) == 6 * len(sound)


def test_a_value_that_the_column_does_not_hold_is_named():
    records = [encode_entity("rooms/a", {"size": 1}), encode_entity("rooms/b", {"size": "big"})]
    schema = batch_of([("rooms/a", {"size": 1})]).schema
    with pytest.raises(DataError, match="string") as error:
        column_reader()(Spans.of(records)).batch(schema)
    assert error.value.where == "rooms/b, size"


def test_buffers_that_are_not_there_are_refused(compiled):
    columns = column_reader()(Spans.of([encode_entity("a/b", {"n": 1})]))._values
    for number, kind, size in ((0, 2, 1), (1, 3, 1), (1, 2, 0), (1, 99, 1), (-1, 2, 1), (2, 2, 1)):
        with pytest.raises(ValueError, match="no such values"):
            columns.buffers(number, kind, size)


def test_fields_that_are_many_and_rare_take_memory_for_their_values_alone():
    columns = column_reader()(Spans.of([encode_entity(f"a/{n}", {f"f{n}": n}) for n in range(20_000)]))
    assert len(columns.rows) == 20_000 and len(columns._fields) == 20_001


def test_damaged_records_are_odd_or_as_they_are_alone():
    assert fuzz(range(60), column_reader()) > 60 * 12


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_many_damaged_records(part):
    assert fuzz(range(10_000 + part * 500, 10_000 + (part + 1) * 500), column_reader()) > 500 * 12
