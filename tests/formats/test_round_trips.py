"""Every value goes through every form and comes back: entities, typed JSON, events."""

import json
from datetime import datetime, timezone

from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.change import Change
from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.core.values import GeoPoint, Reference, Vector
from onto_flow.formats import decode, encode_change
from onto_flow.formats.entity import EntityDecoder
from onto_flow.formats.entity_writer import encode_entity
from onto_flow.formats.typed_json import decode_fields, encode_fields

DATABASE = "projects/p/databases/(default)"
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = text.filter(lambda name: not name.startswith("__"))
ids = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=10).filter(
    lambda name: name not in (".", "..") and not name.startswith("__")
)
paths = st.lists(st.tuples(ids, ids), min_size=1, max_size=3).map(
    lambda pairs: "/".join(p for pair in pairs for p in pair)
)
times = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(timezone.utc))
databases = st.sampled_from(["projects/q/databases/(default)", "projects/google.com:x/databases/named"])
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    text,
    st.binary(max_size=20),
    times,
    st.builds(GeoPoint, st.floats(-90, 90), st.floats(-180, 180)),
    st.builds(Reference, paths),
    st.builds(Reference, paths, databases),
    st.lists(st.floats(), max_size=5).map(lambda values: Vector(tuple(values))),
)
elements = st.recursive(
    scalars,
    lambda inner: st.dictionaries(names, inner | st.lists(inner, max_size=4), max_size=4),
    max_leaves=12,
)
values = elements | st.lists(elements, max_size=4)
fields = st.dictionaries(names, values, max_size=6)


@given(paths, fields, databases)
def test_an_entity_gives_the_document_back(path, document, database):
    entity = EntityDecoder().decode(encode_entity(path, document, DATABASE))
    assert (entity.path, entity.database) == (path, DATABASE)
    assert same(entity.fields, document)
    assert EntityDecoder().key(encode_entity(path, {}, database))[:2] == (path, database)


@given(fields)
def test_typed_json_gives_the_fields_back(document):
    for database in (DATABASE, None):
        text = json.dumps(encode_fields(document, database))
        assert same(decode_fields(json.loads(text), database), document)


@given(fields, st.sets(names))
def test_a_projection_is_a_filter_of_the_top_level(document, wanted):
    projected = EntityDecoder().decode(encode_entity("a/b", document), wanted | set(list(document)[:2]))
    assert same(projected.fields, {k: v for k, v in document.items() if k in wanted or k in list(document)[:2]})


@given(
    paths,
    st.none() | fields,
    st.none() | fields,
    st.integers(1, 2**50),
    st.none() | times,
    st.none() | st.just(0) | st.integers(1, 2**50),
)
def test_an_event_gives_the_change_back(path, before, after, micros, time, replaced):
    unsaid = replaced is None or (replaced == 0 and before is not None)
    previous = (micros, 0) if after is None else None if unsaid else (replaced, 0)
    change = Change(path, before, after, (micros, int(after is None)), time, previous)
    again = decode(json.dumps(encode_change(change, database=DATABASE)).encode())
    assert again[3:] == change[3:] and again.path == path
    assert same(again.after, after) and same(again.before, before)


@given(st.binary(max_size=200))
def test_noise_is_refused_or_read_and_never_breaks(noise):
    for read in (EntityDecoder().decode, EntityDecoder().key, decode):
        try:
            read(noise)
        except DataError as error:
            assert error.code in {"bad-document", "bad-change", "too-deep"}


@given(fields, st.data())
def test_a_damaged_entity_is_refused_or_read_and_never_breaks(document, data):
    record = bytearray(encode_entity("users/u1", document))
    at = data.draw(st.integers(0, len(record) - 1))
    record[at] = data.draw(st.integers(0, 255))
    try:
        EntityDecoder(warn=lambda text: None).decode(bytes(record)[: data.draw(st.integers(0, len(record)))])
    except DataError as error:
        assert error.code in {"bad-document", "too-deep"}
