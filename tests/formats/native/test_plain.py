"""Plain changes in C against what they mean."""

from __future__ import annotations

import pytest
from changed_bytes import EVENT, TOLD, damage, damaged, docs, names, news, paths, versions
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.codec import encode, encode_state
from onto_flow.formats.native import plain
from onto_flow.formats.native.plain import TYPES, plain_changes
from onto_flow.operators.messages import Doc, Event, Subscribe, Told, encode_message

pytestmark = pytest.mark.usefixtures("compiled")

PYTHON = plain._InPython()


@given(docs, st.randoms(), st.none() | names, names, st.none() | versions, st.integers(-1, 5), st.none() | damage)
def test_events(held, random, wanted, stays, previous, floor, how):
    now = news(held, random)
    if random.random() < 0.3:
        previous = held.version
    raw = encode_state(
        (held.version, held.fields, 7) if random.random() < 0.9 else (held.version, held.fields, 7, b"h")
    )
    message = b"\x00" + encode_message(Event(now.version, now.fields, 5, previous))
    where = random.choice(("state", "message"))
    raw, message = (
        damaged(raw, how if where == "state" else None),
        damaged(message, how if where == "message" else None),
    )
    given_ = (1, EVENT, TOLD, b"z", floor, wanted, stays, raw, message, encode("b/1"), 300)
    found = plain_changes().plain_event(*given_)
    assert (how is not None and found is None) or found == PYTHON.plain_event(*given_)


def record_of(entries, random):
    shown = tuple((f"v/{n}", {"x": n}) for n in range(random.randrange(3)))
    return encode_state((tuple((p, *d) for p, d in entries.items()), (), ((1, "c/1", 1),), shown, 7, False, False))


@given(st.lists(st.tuples(paths, docs), max_size=4), st.randoms(), names, st.none() | damage)
def test_members_and_registers(held, random, stays, how):
    entries = dict(held)
    path = random.choice(["b/1", *entries])
    message = b"\x00" + encode_message(Told(path, news(entries.get(path, Doc((1, 0), {}, ())), random)))
    weights = tuple((root, random.randrange(-1, 3)) for root in "abc" if random.random() < 0.5)
    subs = encode_state(weights) if weights else random.choice((None, encode_state("split")))
    states = {"plain_member": encode_state(tuple(entries.items())), "plain_register": record_of(entries, random)}
    for name, whole in states.items():
        raw = damaged(whole, how)
        register = (raw, message, 1, TOLD[1:], stays, None, *TYPES)
        given_ = register if name == "plain_register" else (1, TOLD[1:], stays, raw, subs, message)
        found = getattr(plain_changes(), name)(*given_)
        assert how is not None or found == getattr(PYTHON, name)(*given_), name


@given(st.lists(st.tuples(paths, docs), min_size=1, max_size=4), st.randoms(), st.none() | damage)
def test_a_layout_of_a_record_saves_looking_and_changes_nothing(held, random, how):
    entries = dict(held)
    raw, layout = record_of(entries, random), None
    for _ in range(4):
        path = random.choice([*entries])
        message = b"\x00" + encode_message(Told(path, news(entries[path], random)))
        expected = PYTHON.plain_register(raw, message, 1, TOLD[1:], (), None, *TYPES)
        assert plain_changes().plain_register(raw, message, 1, TOLD[1:], (), layout, *TYPES) == expected
        if expected is not None:
            raw, layout = expected[0] + raw[expected[1] :], expected[6]
            entries[path] = Doc(*expected[3:5], entries[path].keys)
    if layout is not None:
        another = damaged(layout, how)
        found = plain_changes().plain_register(raw, message, 1, TOLD[1:], (), another, *TYPES)
        assert found is None or how is not None


@given(st.dictionaries(paths, st.integers(-2, 2)), st.none() | damage)
def test_active_subscriptions(weights, how):
    raw = damaged(encode_state(tuple(weights.items())), how)
    found = plain_changes().active(raw)
    assert how is not None or found == PYTHON.active(raw) == [encode(root) for root, w in weights.items() if w > 0]


@pytest.mark.parametrize(
    "now",
    [
        Doc((2, 0), {"n": 2, "r": 1}, ((1, "c/2"),)),
        Doc((1, 0), {"n": 2, "r": 1}, ((1, "c/1"),)),
        Doc((2, 0), None, None),
        Doc((2, 0), {"n": 2, "r": 2}, ((1, "c/1"),)),
        Doc((2, 0), {"n": 2}, ((1, "c/1"),)),
    ],
)
def test_a_document_that_goes_elsewhere_is_not_plain(now):
    told = b"\x00" + encode_message(Told("b/1", now))
    held = encode_state((("b/1", Doc((1, 0), {"n": 1, "r": 1}, ((1, "c/1"),))),))
    plain_one = b"\x00" + encode_message(Told("b/1", Doc((2, 0), {"n": 2, "r": 1}, ((1, "c/1"),))))
    for what in (plain_changes(), PYTHON):
        assert what.plain_member(1, TOLD[1:], (b"r",), held, None, told) is None
        assert what.plain_member(1, TOLD[1:], (b"r",), held, None, plain_one) is not None


def test_other_messages_and_forms_are_not_plain():
    held = encode_state(((1, 0), {"n": 1}, 7))
    told = b"\x00" + encode_message(Subscribe((("a/1", 1),)))
    for what in (plain_changes(), PYTHON):
        assert what.plain_event(1, EVENT, TOLD, b"z", 0, None, (), held, told, encode("b/1"), 300) is None
        assert what.plain_member(1, TOLD[1:], (), encode_state("split"), None, told) is None
        assert what.plain_register(b"\x02", told, 1, TOLD[1:], (), None, *TYPES) is None
        assert what.active(encode_state("split")) is None


def test_without_the_extension_it_is_done_in_python(monkeypatch):
    monkeypatch.setattr(plain, "extension", lambda: None)
    held, event = encode_state(((1, 0), {"n": 1}, 7)), b"\x00" + encode_message(Event((2, 0), {"n": 2}))
    found = plain_changes().plain_event(1, EVENT, TOLD, b"z", 0, None, (), held, event, encode("b/1"), 300)
    assert found == (
        encode_state(((2, 0), {"n": 2}, 300)),
        b"\x00" + encode_message(Told("b/1", Doc((2, 0), {"n": 2}, ()))),
    )
