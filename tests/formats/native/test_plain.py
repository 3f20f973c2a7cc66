"""Plain changes in C against what they mean."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.codec import encode, encode_state
from onto_flow.core.values import Reference
from onto_flow.formats.native import plain
from onto_flow.formats.native.plain import TYPES, plain_changes
from onto_flow.operators.messages import Doc, Event, Subscribe, Told, encode_message

pytestmark = pytest.mark.usefixtures("compiled")

PYTHON = plain._InPython()
VALUES = (1, 1.0, -1, "x", "", None, True, 2.5, b"y", Reference("c/1"), [1, {"a": "é"}], {"b": [None], "a": 3}, 2**62)
NAMES = ("n", "r", "né", "", "z")
EVENT, TOLD = b"\r\x05\x03\x01\x00", b"\x00\r\x03\x03\x01\x01"
versions = st.tuples(st.integers(-2, 3) | st.integers(0, 2**62), st.integers(-1, 3))
fields = st.none() | st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=4)
join_keys = st.none() | st.sampled_from([(), ((1, "c/1"),), ((1, b"k"), (2, "c/2"))])
docs = st.builds(Doc, versions, fields, join_keys)
paths = st.sampled_from(["b/1", "b/2", "b/é"])
names = st.sets(st.sampled_from(NAMES), max_size=3).map(lambda found: tuple(sorted(n.encode() for n in found)))
damage = st.tuples(st.integers(0, 10_000), st.binary(max_size=2))


def news(held: Doc, random: Random) -> Doc:
    """A document that differs little from another."""
    now: Any = dict(held.fields or {})
    if random.random() < 0.8 and now:
        now[random.choice(sorted(now))] = random.choice(VALUES)
    version = (held.version[0] + random.choice((0, 1, 300)), abs(held.version[1]))
    return Doc(version, now, held.keys if random.random() < 0.9 else ())


def damaged(raw: bytes, how: tuple[int, bytes] | None) -> bytes:
    at = 0 if how is None else how[0] % (len(raw) + 1)
    return raw if how is None else raw[:at] + how[1] + raw[at + len(how[1]) :]


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
    given_ = (raw, message, 1, EVENT, TOLD, encode("b/1"), wanted, b"z", stays, floor, 300)
    expected = PYTHON.plain_event(*given_)
    found = plain_changes().plain_event(*given_)
    assert found == expected or (how is not None and found is None)


@given(st.lists(st.tuples(paths, docs), max_size=4), st.randoms(), names, st.none() | damage)
def test_members_and_registers(held, random, stays, how):
    entries = dict(held)
    path = random.choice(["b/1", *entries])
    now = news(entries.get(path, Doc((1, 0), {}, ())), random)
    message = b"\x00" + encode_message(Told(path, now))
    shown = tuple((f"v/{n}", {"x": n}) for n in range(random.randrange(3)))
    last = (shown, 7, False, False)
    states = {
        "plain_member": encode_state(tuple(entries.items())),
        "plain_register": encode_state((tuple((p, *d) for p, d in entries.items()), (), ((1, "c/1", 1),), *last)),
    }
    for name, whole in states.items():
        raw = damaged(whole, how)
        types = TYPES if name == "plain_register" else ()
        expected = getattr(PYTHON, name)(raw, message, 1, TOLD[1:], stays, *types)
        found = getattr(plain_changes(), name)(raw, message, 1, TOLD[1:], stays, *types)
        assert found == expected or how is not None, name


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
        assert what.plain_member(held, told, 1, TOLD[1:], (b"r",)) is None
        assert what.plain_member(held, plain_one, 1, TOLD[1:], (b"r",)) is not None


def test_other_messages_and_forms_are_not_plain():
    held = encode_state(((1, 0), {"n": 1}, 7))
    told = b"\x00" + encode_message(Subscribe((("a/1", 1),)))
    for what in (plain_changes(), PYTHON):
        assert what.plain_event(held, told, 1, EVENT, TOLD, encode("b/1"), None, b"z", (), 0, 300) is None
        assert what.plain_member(encode_state("split"), told, 1, TOLD[1:], ()) is None
        assert what.plain_register(b"\x02", told, 1, TOLD[1:], (), *TYPES) is None
        assert what.active(encode_state("split")) is None


def test_without_the_extension_it_is_done_in_python(monkeypatch):
    monkeypatch.setattr(plain, "extension", lambda: None)
    held, event = encode_state(((1, 0), {"n": 1}, 7)), b"\x00" + encode_message(Event((2, 0), {"n": 2}))
    found = plain_changes().plain_event(held, event, 1, EVENT, TOLD, encode("b/1"), None, b"z", (), 0, 300)
    assert found == (
        encode_state(((2, 0), {"n": 2}, 300)),
        b"\x00" + encode_message(Told("b/1", Doc((2, 0), {"n": 2}, ()))),
    )
