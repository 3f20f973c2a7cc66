"""Records -> Arrow, column by column, gives what the documents give one by one."""

import pytest
from damage import damaged_batches
from hypothesis import given
from hypothesis import strategies as st
from test_batch_documents import ALLTYPES, DATABASE, originals, records_of
from test_round_trips import fields, names, paths

from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.formats.arrow_batches import Columns
from onto_flow.formats.arrow_documents import documents_of
from onto_flow.formats.arrow_rows import batch_of
from onto_flow.formats.arrow_shape import Shape, shape_of
from onto_flow.formats.arrow_types import PATH
from onto_flow.formats.entity import EntityDecoder
from onto_flow.formats.entity_writer import encode_entity
from onto_flow.formats.intern import Names
from onto_flow.formats.spans import Spans
from onto_flow.testing.source_suite import VALUES


def check(records, wanted=None, names=None, read=None):
    """Compares schema and documents; gives the numbers of the odd records."""
    columns = read(Spans.of(records)) if read else Columns(Spans.of(records), names or Names(), wanted)
    alone = EntityDecoder(warn=lambda text: None)
    expected = []
    for row in columns.rows.tolist():
        entity = alone.decode(records[row])
        path, document = entity.path, entity.fields
        chosen = wanted(path.rpartition("/")[0])[1] if wanted else None
        expected.append((path, {k: v for k, v in document.items() if k != PATH and (chosen is None or k in chosen)}))
    shape = Shape({"map"})
    for _, document in expected:
        shape.add(document)
    schema = columns.shape().schema()
    assert schema.equals(shape.schema(), check_metadata=True)
    batch = columns.batch(schema)
    batch.validate(full=True)
    found = list(documents_of(batch))
    assert [path for path, _ in found] == [path for path, _ in expected]
    for (path, document), (_, other) in zip(found, expected):
        assert same(document, other), path
    return columns.odd.tolist()


documents = fields.map(lambda document: {name: value for name, value in document.items() if name != PATH})
rows = st.lists(st.tuples(paths, documents), max_size=8)


@given(rows)
def test_any_documents(rows):
    check([encode_entity(path, document, DATABASE) for path, document in rows])


@given(rows)
def test_one_by_one_they_come_back_too(rows):
    batch = batch_of(rows)
    batch.validate(full=True)
    assert all(a == c and same(b, d) for (a, b), (c, d) in zip(documents_of(batch), rows, strict=True))
    assert shape_of(batch.schema).schema().equals(batch.schema, check_metadata=True) or not rows


@given(rows, st.sets(names))
def test_a_projection(rows, wanted):
    wanted = (wanted | {name for _, document in rows for name in list(document)[:2]}) - {PATH}
    check([encode_entity(path, document, DATABASE) for path, document in rows], lambda parent: (True, wanted))


@given(rows, rows)
def test_a_wider_schema_holds_the_same(some, more):
    shape = Shape({"map"})
    for _, document in [*some, *more]:
        shape.add(document)
    records = [encode_entity(path, document, DATABASE) for path, document in some]
    columns = Columns(Spans.of(records), Names())
    batch = columns.batch(shape.schema())
    batch.validate(full=True)
    kept = [some[row] for row in columns.rows.tolist()]
    assert all(a == c and same(b, d) for (a, b), (c, d) in zip(documents_of(batch), kept, strict=True))


def test_every_type_that_the_emulator_writes():
    assert check(list(records_of(ALLTYPES))) == []


def test_every_value_in_maps_and_arrays():
    records = [
        encode_entity(f"v/{name}", {"v": value, "m": {"v": value, "a": [value, {"v": value}]}})
        for name, value in VALUES.items()
        if not isinstance(value, list)
    ]
    odd = check(records)
    assert all(b"__vector__" in records[n] for n in odd)


@pytest.mark.parametrize("name", ["swapi", "stocks", "movielens"])
def test_real_exports(name, real_exports):
    known, batch = Names(), []
    for record in records_of(real_exports / name):
        batch.append(record)
        if len(batch) == 3000:
            assert check(batch, names=known) == []
            batch.clear()
    assert check(batch, names=known) == []


def test_a_value_that_the_column_does_not_hold_is_named():
    records = [encode_entity("rooms/a", {"size": 1}), encode_entity("rooms/b", {"size": "big"})]
    schema = batch_of([("rooms/a", {"size": 1})]).schema
    with pytest.raises(DataError, match="string") as error:
        Columns(Spans.of(records), Names()).batch(schema)
    assert error.value.where == "rooms/b, size"


def fuzz(numbers, read=None):
    records, known = [r for r in originals() if PATH.encode() not in r], Names()
    return sum(len(batch) - len(check(batch, names=known, read=read)) for batch in damaged_batches(numbers, records))


def test_damaged_records_are_odd_or_as_they_are_alone():
    assert fuzz(range(30)) > 30 * 12


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_many_damaged_records(part):
    assert fuzz(range(1000 + part * 400, 1000 + (part + 1) * 400)) > 400 * 12
