"""Messages and records as bytes, and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.codec import decode_state, encode_state
from onto_flow.core.equality import same
from onto_flow.operators.messages import (
    Answer,
    CaughtUp,
    Claim,
    Doc,
    Event,
    Left,
    Republish,
    Rows,
    Subscribe,
    Told,
    decode_message,
    encode_message,
)
from onto_flow.operators.record import Record

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
fields = st.none() | st.dictionaries(st.text(max_size=4), values, max_size=4)
paths = st.sampled_from(["a/1", "b/2", "c/é 😀"])
keys = paths | st.binary(max_size=6)
versions = st.tuples(st.integers(0, 2**62), st.integers(0, 3))
join_keys = st.none() | st.lists(st.tuples(st.integers(0, 4), keys), max_size=3).map(tuple)
docs = st.builds(Doc, versions, fields, join_keys)
rows = st.none() | st.lists(st.tuples(values, values), max_size=3).map(tuple)
members = st.lists(st.tuples(paths, docs), max_size=3).map(tuple)
departures = st.lists(st.builds(Left, paths, versions, join_keys, st.booleans()), max_size=2).map(tuple)
messages = st.one_of(
    st.builds(Event, versions, fields, st.none() | st.integers()),
    st.builds(Told, paths, docs),
    st.builds(Subscribe, st.lists(st.tuples(paths, st.integers(-3, 3))).map(tuple)),
    st.builds(Answer, st.integers(0, 9), keys, st.integers(-2, 2), members, departures),
    st.builds(Rows, paths, st.integers(0), rows, rows),
    st.builds(Claim, paths, st.integers(0), fields),
    st.just(CaughtUp()),
    st.builds(Republish, paths),
)


@given(messages)
def test_message_is_the_same_after_bytes(message):
    again = decode_message(encode_message(message))
    assert type(again) is type(message)
    assert same(tuple(again), tuple(message))
    if isinstance(message, Told):
        assert type(again.doc) is Doc


@given(
    st.dictionaries(paths, docs),
    st.dictionaries(st.integers(0, 4), st.dictionaries(keys, st.integers(-3, 3), min_size=1)),
    st.dictionaries(paths, values),
)
def test_record_is_the_same_after_bytes(reg, opened, last):
    record = Record()
    record.reg, record.open, record.last, record.seq = reg, opened, last, 7
    record.due, record.behind = {"a/1": 5}, True
    again = Record.of(decode_state(encode_state(record.pack())))
    assert same(again.pack(), record.pack())
    assert again.open == opened
    assert all(type(d) is Doc for d in again.reg.values())
