"""Records of which some is new, in C against what that means."""

from __future__ import annotations

import pytest
from changed_bytes import damage, damaged, docs, paths
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.codec import encode, encode_state
from onto_flow.formats.native import followed
from onto_flow.formats.native.followed import MOST, followed_record

pytestmark = pytest.mark.usefixtures("compiled")

entries = st.lists(st.tuples(paths, docs), max_size=6).map(dict)
opened = st.lists(st.tuples(st.integers(0, 2), paths, st.integers(-1, 2)), max_size=3).map(tuple)
due = st.dictionaries(paths, st.integers(0, 1 << 50), max_size=2).map(lambda found: tuple(found.items()))
shown = st.tuples(due, st.integers(0, 9), st.booleans(), st.booleans())


def raw_of(registers, *behind):
    return encode_state((tuple((p, *d) for p, d in registers.items()), *behind))


@given(
    entries, entries, st.tuples(due, opened), st.tuples(st.none() | due, st.none() | opened), st.none() | shown, damage
)
def test_what_is_put_is_there_and_the_rest_as_it_was(held, put, before, after, last, how):
    first = (("v/1", {"x": 1}),), 7, False, False
    raw, layout = raw_of(held, *before, *first), None
    for _ in range(2):
        given_ = (
            tuple(encode((p, *d)) for p, d in put.items()),
            *(None if part is None else encode(part) for part in after),
            None if last is None else encode(last)[2:],
        )
        found = followed_record()(raw, layout, *given_)
        assert found == followed._in_python(raw, None, *given_)
        parts = [old if new is None else new for old, new in zip(before, after)]
        held = {**held, **put}
        assert found[0] == raw_of(held, *parts, *(first if last is None else last))
        raw, layout = found
        assert layout == followed_record()(raw, None, (), None, None, None)[1]
    another = followed_record()(damaged(raw, how), None, *given_)
    assert another is None or len(another) == 2


def test_other_forms_and_many_registers_are_left():
    raw = raw_of({}, (), (), (), 7, False, False)
    many = tuple(encode((f"b/{n}", (1, 0), {}, ())) for n in range(MOST + 1))
    for take in (followed_record(), followed._in_python):
        assert take(raw, None, many[:MOST], None, None, None)[0] == raw_of(
            {f"b/{n}": ((1, 0), {}, ()) for n in range(MOST)}, (), (), (), 7, False, False
        )
        assert take(raw, None, many, None, None, None) is None
        assert take(b"\x02" + raw[1:], None, (), None, None, None) is None
        assert take(encode_state("split"), None, (), None, None, None) is None
    with pytest.raises(TypeError):
        followed_record()(raw, None, (), None, 7, None)


def test_without_the_extension_it_is_done_in_python(monkeypatch):
    monkeypatch.setattr(followed, "extension", lambda: None)
    assert followed_record() is followed._in_python
