"""Plain changes in C against what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pytest
from changed_bytes import EVENT, TOLD, damage, damaged, docs, names, news, paths, versions
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.codec import encode, encode_state
from onto_flow.core.compact import new_map
from onto_flow.core.errors import DataError
from onto_flow.formats.native import plain
from onto_flow.formats.native.plain import TYPES, plain_changes
from onto_flow.operators.messages import Doc, Event, Subscribe, Told, encode_message

pytestmark = pytest.mark.usefixtures("compiled")

PYTHON = plain._InPython()
TELLS = ("match.b", "assemble")


@dataclass
class Carried:
    """What an engine carries: made of its parts alone."""

    tag: str
    value: tuple[bytes, bytes]


def call(to, keyed):
    return to, keyed


class State:
    """A state of a key."""

    def __init__(self, raw):
        self.raw = self.before = raw

    def read(self):
        return self.raw

    def write(self, raw):
        self.raw = raw


class Clock:
    """Stands still."""

    def micros(self):
        return 300


def event_by(what, of, raw, message, key=encode("b/1")):
    """The state after an event, and what is told; nothing is written where it is not plain."""
    other, state = State(b"other"), State(raw)
    found = what.plain_event(*of, Clock(), 1, key, message, (other, state))
    assert other.raw == b"other"
    assert found is not None or state.raw == raw
    return None if found is None else (state.raw, found)


def member_by(what, of, docs, subs, message, waits=None, page=9, largest=9_999):
    """The documents after news of a member, and what is told."""
    given_ = [State(subs), State(docs), State(waits)]
    found = what.plain_member(*of, page, largest, 1, 0, 2, b"key", message, tuple(given_))
    assert [each.raw for each in given_ if each is not given_[1] or found is None] == [
        each.before for each in given_ if each is not given_[1] or found is None
    ]
    return None if found is None else (given_[1].raw, found)


def nobody_knows(collection, key):
    raise AssertionError(collection, key)


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
    make, learnt = random.choice((Carried, call)), {encode("b/1")[:3]: (wanted, stays, TELLS[: random.randrange(3)])}
    given_ = (1, EVENT, TOLD, b"z", floor, make, learnt, nobody_knows), raw, message
    found = event_by(plain_changes(), *given_)
    assert (how is not None and found is None) or found == event_by(PYTHON, *given_)


@pytest.mark.parametrize("path", ["b/1", "b/1/c/2", "é/1", "none", ""])
def test_a_collection_is_learnt_when_it_is_met(path):
    held, event = encode_state(((1, 0), {"n": 1}, 7)), b"\x00" + encode_message(Event((2, 0), {"n": 2}))
    key, of = encode(path), (None, (), ("assemble",))
    collection = key[: max(key.rfind(b"/"), 0)]
    for what in (plain_changes(), PYTHON):
        for answer in (of, None):
            met, learnt = [], {b"other": None}
            of_ = (1, EVENT, TOLD, b"z", 0, Carried, learnt, lambda *one: met.append(one) or answer)
            found = event_by(what, of_, held, event, key)
            assert met == [(collection, key)]
            assert (found is None) is (answer is None)
            learnt[collection] = answer
            assert event_by(what, of_, held, event, key) == found
            assert len(met) == 1


def test_a_collection_that_cannot_be_learnt_is_told():
    held, event = encode_state(((1, 0), {"n": 1}, 7)), b"\x00" + encode_message(Event((2, 0), {"n": 2}))
    for what in (plain_changes(), PYTHON):
        with pytest.raises(AssertionError):
            event_by(what, (1, EVENT, TOLD, b"z", 0, Carried, {}, nobody_knows), held, event)


def record_of(entries, random):
    shown = tuple((f"v/{n}", {"x": n}) for n in range(random.randrange(3)))
    return encode_state((tuple((p, *d) for p, d in entries.items()), (), ((1, "c/1", 1),), shown, 7, False, False))


def known(path, stays):
    """What is known of the collection of a path."""
    return {path[: path.rfind("/") + 1].encode(): (stays, "its")}


@given(st.lists(st.tuples(paths, docs), max_size=4), st.randoms(), names, st.none() | damage)
def test_members_and_registers(held, random, stays, how):
    entries = dict(held)
    path = random.choice(["b/1", *entries])
    message = b"\x00" + encode_message(Told(path, news(entries.get(path, Doc((1, 0), {}, ())), random)))
    weights = tuple((root, random.randrange(-1, 3)) for root in "abc" if random.random() < 0.5)
    subs = encode_state(weights) if weights else random.choice((None, encode_state("split")))
    states = {"plain_member": encode_state(tuple(entries.items())), "plain_register": record_of(entries, random)}
    make = random.choice((Carried, call))
    raw = damaged(states["plain_register"], how)
    register = (*TYPES, 1, TOLD[1:], known(path, stays), raw, message, None, random.choice((None, entries)))
    found = plain_changes().plain_register(*register)
    assert how is not None or found == PYTHON.plain_register(*register)
    member = (1, TOLD[1:], stays, make, "assemble"), damaged(states["plain_member"], how), subs, message
    waits = random.choice((None, None, (7, False, (0, 0)), (0, True, (1, 2))))
    room = (
        None if waits is None else encode_state(waits),
        random.choice((9, 1)),
        random.choice((9_999, len(states["plain_member"]) - 1)),
    )
    found = member_by(plain_changes(), *member, *room)
    assert how is not None or found == member_by(PYTHON, *member, *room)
    if found is not None:
        assert len(found[0]) <= room[2]
        assert len(found[1]) <= room[1]
        assert waits is None or not waits[1]


@given(st.lists(st.tuples(paths, docs), min_size=1, max_size=4), st.randoms(), st.none() | damage)
def test_a_layout_of_a_record_saves_looking_and_changes_nothing(held, random, how):
    entries = dict(held)
    raw, layout = record_of(entries, random), None
    for _ in range(4):
        path = random.choice([*entries])
        message = b"\x00" + encode_message(Told(path, news(entries[path], random)))
        told = (*TYPES, 1, TOLD[1:], known(path, ()))
        expected = PYTHON.plain_register(*told, raw, message, None, None)
        found = plain_changes().plain_register(*told, raw, message, layout, new_map(entries))
        assert found == expected
        if expected is not None:
            assert not path.isascii() or found[2] is next(p for p in entries if p == path), "the record's own key"
            raw, layout = expected[0] + raw[expected[1] :], expected[7]
            entries[path] = Doc(*expected[3:5], entries[path].keys)
    if layout is not None:
        another = damaged(layout, how)
        found = plain_changes().plain_register(*told, raw, message, another, None)
        assert found is None or how is not None


def test_a_collection_that_is_not_known_is_asked_for():
    told = b"\x00" + encode_message(Told("b/1", Doc((2, 0), {"n": 2}, ())))
    raw = encode_state(((("b/1", (1, 0), {"n": 1}, ()),), (), (), (), 7, False, False))
    for what in (plain_changes(), PYTHON):
        asked = partial(what.plain_register, *TYPES, 1, TOLD[1:])
        assert asked({}, raw, told, None, None) == b"b/1"
        assert asked({b"b/": (None, 1)}, raw, told, None, None) is None
        assert asked({b"b/": ((), 1)}, raw, told, None, None)[6] == 1


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-300, 300)
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


def changed(value, random):
    """Another value, which has parts of this one as they are."""
    chance = random.random()
    if chance < 0.3 or not isinstance(value, (list, dict)):
        return value if chance < 0.6 else random.choice([7, "é", [], {"n": None}, 1 << 70])
    if isinstance(value, dict):
        kept = {k: changed(v, random) for k, v in value.items() if chance < 0.8 or random.random() < 0.7}
        return kept if chance < 0.8 else {**kept, "new": 1}
    items = [changed(v, random) for v in value if chance < 0.8 or random.random() < 0.7]
    if chance > 0.8:
        items.insert(random.randrange(len(items) + 1), "new")
    return items


@given(
    st.dictionaries(st.text(max_size=3), values, max_size=4), st.randoms(), st.integers(-1, 1 << 40), st.none() | damage
)
def test_what_is_shown_has_the_bytes_before_of_what_it_has_of_it(before, random, seq, how):
    heads = plain.Heads(b"shows", b"one", b"versions", b"well", b"flag")
    after = changed(before, random)
    after = after if isinstance(after, dict) else {}

    def shown(what, raw):
        return what.plain_shown(*TYPES, PYTHON.plain_shown, heads, b"begin", raw, "v/1", before, after, seq)

    try:
        raw, expected = encode(before), shown(PYTHON, encode(before))
    except DataError:  # numbers that no document holds
        return
    assert shown(plain_changes(), raw) == expected
    if how is not None:
        shown(plain_changes(), damaged(raw, how))  # anything, but no end of the process


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
        of = (1, TOLD[1:], (b"r",), Carried, "a")
        assert member_by(what, of, held, None, told) is None
        assert member_by(what, of, held, None, plain_one) is not None
        assert member_by(what, of, None, None, plain_one) is None


@pytest.mark.parametrize(
    ("page", "larger", "waits", "taken"),
    [
        (2, 0, None, True),
        (2, 0, (7, False, (0, 0)), True),
        (1, 0, None, False),
        (2, -1, None, False),
        (2, 0, (0, True, (0, 0)), False),
    ],
)
def test_what_is_too_much_for_one_step_is_not_plain(page, larger, waits, taken):
    held = encode_state((("b/1", Doc((1, 0), {"n": 1}, ())),))
    now = encode_state((("b/1", Doc((2, 0), {"n": 2}, ())),))
    told = b"\x00" + encode_message(Told("b/1", Doc((2, 0), {"n": 2}, ())))
    subs = encode_state((("a/1", 1), ("a/2", -1), ("a/3", 2)))
    waiting = None if waits is None else encode_state(waits)
    outputs = [Carried("a", (encode(root), told)) for root in ("a/1", "a/3")]
    for what in (plain_changes(), PYTHON):
        found = member_by(what, (1, TOLD[1:], (), Carried, "a"), held, subs, told, waiting, page, len(now) + larger)
        assert found == ((now, outputs) if taken else None)


def test_other_messages_and_forms_are_not_plain():
    held = encode_state(((1, 0), {"n": 1}, 7))
    told = b"\x00" + encode_message(Subscribe((("a/1", 1),)))
    learnt = {encode("b/1")[:3]: (None, (), TELLS)}
    for what in (plain_changes(), PYTHON):
        of = (1, EVENT, TOLD, b"z", 0, Carried, learnt, nobody_knows)
        assert event_by(what, of, held, told) is None
        assert event_by(what, of, None, told) is None
        assert member_by(what, (1, TOLD[1:], (), Carried, "a"), encode_state("split"), None, told) is None
        assert what.plain_register(*TYPES, 1, TOLD[1:], {}, b"\x02", told, None, None) is None
        assert what.active(encode_state("split")) is None


def test_without_the_extension_it_is_done_in_python(monkeypatch):
    monkeypatch.setattr(plain, "extension", lambda: None)
    held, event = encode_state(((1, 0), {"n": 1}, 7)), b"\x00" + encode_message(Event((2, 0), {"n": 2}))
    learnt = {encode("b/1")[:3]: (None, (), TELLS)}
    found = event_by(plain_changes(), (1, EVENT, TOLD, b"z", 0, Carried, learnt, nobody_knows), held, event)
    told = encode("b/1"), b"\x00" + encode_message(Told("b/1", Doc((2, 0), {"n": 2}, ())))
    assert found == (encode_state(((2, 0), {"n": 2}, 300)), [Carried(to, told) for to in TELLS])
