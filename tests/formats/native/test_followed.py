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


def raw_of(registers, *behind):
    return encode_state((tuple((p, *d) for p, d in registers.items()), *behind))


answered = st.tuples(st.integers(0, 2), paths, st.integers(-1, 2))


def with_answers(opened, answered):
    """What is open, as `Record` would have it."""
    of = {}
    for slot, key, weight in opened:
        of.setdefault(slot, {})[key] = weight
    slot, key, weight = answered
    if weight:
        of.setdefault(slot, {})[key] = weight
    else:
        of.get(slot, {}).pop(key, None)
    return tuple((s, k, w) for s, keys in of.items() for k, w in keys.items())


@given(
    entries,
    entries,
    st.tuples(due, opened.map(lambda found: with_answers(found, (0, "", 0)))),
    st.none() | due,
    st.none() | answered,
    st.booleans(),
    st.lists(st.tuples(paths, st.just({"x": 1})), max_size=2).map(tuple),
    damage,
)
def test_what_is_put_is_there_and_the_rest_as_it_was(held, put, before, now, answer, shows, documents, how):
    last = documents, 7, False, False
    raw, layout = raw_of(held, *before, *last), None
    given_ = (
        tuple(encode((p, *d)) for p, d in put.items()),
        *(None if part is None else encode(part) for part in (now, answer)),
    )
    held, parts = {**held, **put}, list(before)
    parts = [parts[0] if now is None else now, parts[1] if answer is None else with_answers(parts[1], answer)]
    for _ in range(2):
        found = followed_record()(raw, layout, *given_, shows)
        assert found == followed._in_python(raw, None, *given_, shows)
        first, layout, shown = found
        raw = first + encode(last)[2:] if shows else first
        assert raw == raw_of(held, *parts, *last)
        assert shown == (encode({"x": 1}) if len(documents) == 1 else b"")
        assert layout == followed_record()(raw, None, (), None, None, False)[1]
    another = followed_record()(damaged(raw, how), None, *given_, shows)
    assert another is None or len(another) == 3


def test_other_forms_and_many_registers_are_left():
    raw = raw_of({}, (), (), (), 7, False, False)
    many = tuple(encode((f"b/{n}", (1, 0), {}, ())) for n in range(MOST + 1))
    for take in (followed_record(), followed._in_python):
        assert take(raw, None, many[:MOST], None, None, False)[0] == raw_of(
            {f"b/{n}": ((1, 0), {}, ()) for n in range(MOST)}, (), (), (), 7, False, False
        )
        assert take(raw, None, many, None, None, False) is None
        assert take(b"\x02" + raw[1:], None, (), None, None, False) is None
        assert take(encode_state("split"), None, (), None, None, False) is None
    with pytest.raises(TypeError):
        followed_record()(raw, None, (), None, 7, False)


def test_without_the_extension_it_is_done_in_python(monkeypatch):
    monkeypatch.setattr(followed, "extension", lambda: None)
    assert followed_record() is followed._in_python
