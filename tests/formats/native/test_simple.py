"""Simple steps in C against what they mean."""

from __future__ import annotations

import pytest
from changed_bytes import EVENT, TOLD, damage, damaged, docs, fields, names, news, paths, versions
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.codec import decode_state, encode, encode_state
from onto_flow.formats.native import simple
from onto_flow.formats.native.simple import simple_steps
from onto_flow.operators.messages import Answer, Doc, Event, Left, Subscribe, Told, decode_message, encode_message
from onto_flow.operators.readings import admit
from onto_flow.operators.record import Record

pytestmark = pytest.mark.usefixtures("compiled")

PYTHON = simple._InPython()
SUBSCRIBE = encode_message(Subscribe(()))[:-2]
ANSWER = encode_message(Answer(1, "", 1))[:5]
roots = st.sampled_from(["a/1", "a/2", "a/é"])
times = st.none() | st.integers(-1, 9)


@given(
    st.none() | docs,
    st.randoms(),
    st.none() | names,
    st.none() | versions,
    times,
    st.integers(-1, 5),
    st.none() | damage,
    st.sampled_from([(), (b"h",)]),
)
def test_events(held, random, wanted, previous, time, floor, how, holes):
    now = news(held or Doc((0, 0), {"n": 1}, ()), random)
    if random.random() < 0.3:
        now = now._replace(fields=None)
    if held is not None and random.random() < 0.5:
        previous = held.version
    raw = None if held is None else damaged(encode_state((held.version, held.fields, 7, *holes)), how)
    message = b"\x00" + encode_message(Event(now.version, now.fields, time, previous))
    given_ = (raw, message, 1, EVENT, TOLD, encode("b/1"), wanted, b"z", floor, 3, 300)
    expected = PYTHON.simple_event(*given_)
    found = simple_steps().simple_event(*given_)
    assert found == expected or how is not None


@given(versions, fields, times)
def test_events_of_which_nothing_is_known(version, there, time):
    message = encode_message(Event(version, there, time))
    given_ = (None, message, 0, EVENT, TOLD, encode("b/1"), None, b"z", -(1 << 63), 3, 300)
    found = simple_steps().simple_event(*given_)
    assert found == PYTHON.simple_event(*given_)
    taken = there is not None and version > (0, 0) and version[1] >= 0 and "z" not in there
    assert (found is not None) == (taken and (time is None or time >= 3))


@given(versions, versions, times, times, st.integers(-1, 5), st.none() | versions)
def test_deletions(known, version, time, snapshot, since, previous):
    floor = -(1 << 63) if snapshot is None else snapshot
    held = encode_state((known, {"n": 1}, since))
    event = Event(version, None, time, previous)
    given_ = (held, encode_message(event), 0, EVENT, TOLD, encode("b/1"), None, b"z", floor, 3, 300)
    found = simple_steps().simple_event(*given_)
    assert found == PYTHON.simple_event(*given_)
    counts = admit(event, snapshot) == event and version > known and previous in (None, known)
    if snapshot is not None and version[0] <= snapshot:
        counts = False
    assert (found is not None) == (counts and version[1] >= 0 and known[1] >= 0 and known > (0, 0))
    if found is not None:
        told = TOLD + encode("b/1") + encode((version, None, None))
        assert found == (encode_state((version, None, 300)), told, encode({"n": 1}), None)


@given(
    st.none() | st.lists(st.tuples(paths, docs), max_size=4),
    st.lists(st.tuples(st.sampled_from(["b/8", "b/9"]), st.tuples(versions, st.none(), st.integers(0, 9))), max_size=2),
    versions,
    st.sampled_from([{"n": 1}, None, None, None, None]),
    st.sampled_from([(), None, None, None, None]),
    st.none() | damage,
    st.booleans(),
)
def test_members_that_are_deleted(held, left, version, now, keys, how, before):
    entries, gone = dict(held or ()), dict(left)
    path = next(iter(entries), "b/1")
    message = b"\x00" + encode_message(Told(path, Doc(version, now, keys)))
    raw = [None if not each else encode_state(tuple(each.items())) for each in (entries, gone)]
    if raw[before] is not None:
        raw[before] = damaged(raw[before], how)
    found = simple_steps().simple_deletion(*raw, message, 1, TOLD[1:], 300)
    assert found == PYTHON.simple_deletion(*raw, message, 1, TOLD[1:], 300) or how is not None
    if how is None:
        member = entries.pop(path, None)
        is_one = member is not None and member.fields is not None and version > member.version
        assert (found is not None) == (is_one and now is None and keys is None)
    if how is None and found is not None:
        rest = encode_state(tuple(entries.items())) if entries else None
        assert found[:2] == (rest, encode_state((*gone.items(), (path, (version, None, 300)))))


@given(st.none() | st.lists(st.tuples(paths, docs), max_size=4), st.randoms(), st.none() | damage)
def test_members(held, random, how):
    entries = dict(held or ())
    path = random.choice(["b/1", *entries])
    message = b"\x00" + encode_message(Told(path, news(entries.get(path, Doc((1, 0), {}, ())), random)))
    raw = None if held is None else damaged(encode_state(tuple(entries.items())), how)
    found = simple_steps().simple_member(raw, message, 1, TOLD[1:])
    assert found == PYTHON.simple_member(raw, message, 1, TOLD[1:]) or how is not None


@given(
    st.none() | st.dictionaries(roots, st.sampled_from((-2, -1, 1, 2, 200))),
    st.lists(st.tuples(roots, st.integers(-2, 2)), max_size=2),
    st.none() | damage,
)
def test_weights(weights, asked, how):
    message = b"\x00" + encode_message(Subscribe(tuple(asked)))
    raw = None if weights is None else damaged(encode_state(tuple(weights.items())), how)
    found = simple_steps().simple_weight(raw, message, 1, SUBSCRIBE)
    assert found == PYTHON.simple_weight(raw, message, 1, SUBSCRIBE) or how is not None
    if how is None:
        assert (found is not None) == (len(asked) == 1 and asked[0][1] in (1, -1))


@given(
    st.dictionaries(paths, docs, max_size=3),
    st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from(["c/1", "c/2", b"k"]), st.sampled_from((-1, 1, 2)))),
    st.tuples(st.sampled_from([1, 2]), st.sampled_from(["c/1", b"k"]), st.sampled_from((1, 1, 1, 0, -1))),
    st.dictionaries(st.sampled_from(["b/1", "c/1", "c/é"]), docs, max_size=2),
    st.sampled_from([(), (), (Left("b/3", (1, 0), None, True),)]),
    st.none() | damage,
)
def test_answers(registers, weights, asked, members, left, how):
    opened: dict[int, dict[str | bytes, int]] = {}
    for slot, key, weight in weights:
        opened.setdefault(slot, {})[key] = weight
    entries = tuple((s, k, w) for s, keys in opened.items() for k, w in keys.items())
    shown = (("v/1", {"x": 1}),)
    whole = encode_state((tuple((p, *d) for p, d in registers.items()), (("b/9", 7),), entries, shown, 7, False, False))
    message = b"\x00" + encode_message(Answer(*asked, tuple(members.items()), left))
    raw = damaged(whole, how)
    found = simple_steps().simple_answer(raw, message, 1, ANSWER)
    assert found == PYTHON.simple_answer(raw, message, 1, ANSWER) or how is not None
    if how is None:
        simple_one = asked[2] == 1 and not left and opened.get(asked[0], {}).get(asked[1], 0) >= 0
        assert (found is not None) == (simple_one and not registers.keys() & members.keys())
    if how is None and found is not None:
        record = Record.of(decode_state(raw))
        record.answered(decode_message(message[1:]))
        assert found == encode_state(record.pack())


def test_other_messages_and_forms_are_not_simple():
    told = encode_message(Told("b/1", Doc((1, 0), {"n": 1}, ())))
    asked = encode_message(Subscribe((("a/1", 1),)))
    for what in (simple_steps(), PYTHON):
        assert what.simple_event(None, told, 0, EVENT, TOLD, encode("b/1"), None, b"z", 0, 0, 300) is None
        assert what.simple_member(None, asked, 0, TOLD[1:]) is None
        assert what.simple_deletion(encode_state("split"), None, told, 0, TOLD[1:], 300) is None
        assert what.simple_weight(None, told, 0, SUBSCRIBE) is None
        assert what.simple_member(encode_state("split"), told, 0, TOLD[1:]) is None
        assert what.simple_answer(encode_state("split"), told, 0, ANSWER) is None
        assert what.simple_weight(encode_state("split"), asked, 0, SUBSCRIBE) is None
        assert what.simple_weight(None, asked, 0, SUBSCRIBE) == (encode_state((("a/1", 1),)), encode("a/1"), 0, 1)


def test_without_the_extension_it_is_done_in_python(monkeypatch):
    monkeypatch.setattr(simple, "extension", lambda: None)
    told = encode_message(Told("b/1", Doc((1, 0), {"n": 1}, ())))
    found = simple_steps().simple_member(None, told, 0, TOLD[1:])
    assert found == (encode_state((("b/1", ((1, 0), {"n": 1}, ())),)), None, encode({"n": 1}), False)
