"""The log's rows: both forms write the same bytes, and what is read from them is what was said."""

from __future__ import annotations

from random import Random

import pytest

from onto_flow.core.errors import DataError
from onto_flow.core.fields import fields_of
from onto_flow.core.values import Reference
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.base import event, seed
from onto_flow.engines.local import said
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.engines.local.layout import Layout
from onto_flow.engines.local.said import Rows, find_places, items_at, nothing_met, rows_at_once, say_at_once
from onto_flow.formats.native import extension
from onto_flow.operators.messages import Answer, Doc
from onto_flow.operators.record import Record
from onto_flow.operators.written import difference, mark, patched
from onto_flow.testing.cases import random_case

needs_the_extension = pytest.mark.skipif(extension() is None, reason="it was not built: ./setup.sh builds it")


def records(states):
    """The record of each key that has one."""
    found = {key: cells.get("record") for key, cells in states.items()}
    return {key: record for key, record in found.items() if isinstance(record, Record)}


def remembered(states):
    return {k: None if r.written is None else list(r.written) for k, r in records(states).items()}


def same_objects(one, other):
    return one.keys() == other.keys() and all(
        (a is b) or (len(a) == len(b) and all(x is y for x, y in zip(a, b)))
        for a, b in ((one[k], other[k]) for k in one)
    )


def in_python(keys, states, layout, number):
    rows = Rows(number)
    for key in keys:
        cells = states.get(key)
        rows.say(key, () if cells is None else (layout.whole(cells, differs=True), ()))
    rows.end()
    return rows.full


def both_forms_agree(random, node, states, met):
    """Says some keys, and writes them, in both forms; returns how many differences there were."""
    layout, keys = Layout(node), list(states)
    keys = random.sample(keys, random.randrange(len(keys) + 1)) + ["nobody"]
    before = remembered(states)
    asked = {key: record.asked for key, record in records(states).items()}
    differ = sum(difference(record) is not None for key, record in records(states).items() if key in keys)
    made, left = say_at_once(keys, states, layout, 7, met)
    after = remembered(states)
    assert all(states[k]["record"].asked is None for k in before if k in keys and k not in left)
    for key, written in before.items():
        states[key]["record"].written, states[key]["record"].asked = written, asked[key]
    plain = [key for key in keys if key not in left]
    assert b"".join(in_python(plain, states, layout, 7)) == b"".join(made)
    assert same_objects(after, remembered(states)), "what records remember differs"
    rows, others = rows_at_once(plain, states, layout, 7)
    assert others == ["nobody"]
    expected = [(7, k, *row) for k in plain[:-1] for row in layout.rows(states[k], {})]
    assert rows == expected
    return differ


@needs_the_extension
def test_both_forms_write_the_same_bytes():
    differ = 0
    for number in range(60):
        random = Random(number)
        case = random_case(random, most=25)
        flow = LocalFlow(case.plan, snapshot=case.history.snapshot)
        flow.process([seed(c, case.history.snapshot) for c in case.history.seeds()])
        for item in case.history.feed:
            flow.process([event(case.history.change(item))])
            if random.random() < 0.3:
                met = random.choice([None, nothing_met()])
                for node in case.plan.operators:
                    differ += both_forms_agree(random, node, flow.state.states[node.id], met)
    assert differ > 100, "differences are what this is about"


NODE = MeetingSession.plan().operators[1]
assert {c.name: c.kind for c in NODE.cells}["docs"] == "map"


@needs_the_extension
@pytest.mark.parametrize("odd", [object(), 1 << 80, {"a": 1 << 80}])
def test_what_is_unusual_is_left_to_python(odd):
    layout = Layout(NODE)
    states = {
        "a": {"docs": {"p": 1}},
        "b": {"round": odd},
        "c": {"docs": dict.fromkeys(range(65), 1)},
        "d": {"round": 2},
    }
    rows, left = say_at_once(list(states), states, layout, 1)
    assert list(left) == ["b", "c"]
    assert b"".join(rows) == b"".join(in_python(["a", "d"], states, layout, 1))


def nested(levels):
    return fields_of({"a": nested(levels - 1)}) if levels else fields_of({"a": 1})


@needs_the_extension
def test_a_document_is_written_once_and_copied_where_it_is_met_again():
    layout, document = Layout(NODE), fields_of({"z": "a text", "a": 1})
    states = {key: {"round": (key, document)} for key in "abc"}
    expected = b"".join(in_python("abc", states, layout, 1))
    met = nothing_met()
    [first], _ = say_at_once(["a"], states, layout, 1, met)
    document["a"] = 2  # nobody does: it shows that this is not looked at again
    [others], _ = say_at_once(["b", "c"], states, layout, 1, met)
    assert first + others[len(others) - (len(expected) - len(first)) :] == expected


@needs_the_extension
def test_many_documents_are_kept_apart():
    layout = Layout(NODE)
    states = {str(n): {"docs": {"p": fields_of({"n": n % 9000})}} for n in range(10_000)}
    met = nothing_met()
    for _ in range(2):
        rows, left = say_at_once(list(states), states, layout, 1, met)
        assert b"".join(rows) == b"".join(in_python(list(states), states, layout, 1)) and not left


@needs_the_extension
def test_a_document_that_was_written_is_too_deep_elsewhere():
    layout, document = Layout(NODE), nested(46)
    states = {"a": {"round": document}, "b": {"round": (document,)}, "c": {"round": ((document,),)}}
    without, left = say_at_once(list(states), states, layout, 1)
    assert list(left) == ["c"]
    assert say_at_once(list(states), states, layout, 1, nothing_met()) == (without, left)


def said_or_refused(states, layout, *, compiled):
    """The bytes that are said of all keys, the compiled form first where it is asked; or the code of the refusal."""
    rows, left = say_at_once(list(states), states, layout, 1, nothing_met()) if compiled else ([], list(states))
    try:
        return b"".join(rows or in_python([], {}, layout, 1)) + b"".join(in_python(left, states, layout, 1))
    except DataError as error:
        return error.code


@needs_the_extension
@pytest.mark.parametrize("place", ["a cell", "a map", "a record"])
def test_both_forms_refuse_what_is_nested_too_deep(place):
    """A row goes around a value: the compiled form once took what the other one refused."""
    kind, refused = "assemble" if place == "a record" else "match", set()
    layout = Layout(next(node for node in MeetingSession.plan().operators if node.kind == kind))
    for levels in range(40, 66):
        record = Record()
        record.told("a/1", Doc((1, 0), nested(levels), ()))
        cells = {
            "a cell": {"round": nested(levels)},
            "a map": {"docs": {"p": nested(levels)}},
            "a record": {"record": record},
        }
        states = {"key": cells[place]}
        found = said_or_refused(states, layout, compiled=True)
        record.written = None
        assert found == said_or_refused(states, layout, compiled=False), levels
        if found == "too-deep":
            refused.add(levels)
    assert refused and refused == set(range(min(refused), 66))


@pytest.mark.parametrize("native", [True, False])
def test_what_is_said_is_found_again_in_its_order(monkeypatch, native):
    if not native:
        monkeypatch.setattr(said, "extension", lambda: None)
    rows = Rows(3)
    rows.say("a", ())
    rows.say("b", ((("round", 1),), ()))
    rows.say("a", ((("docs", None),), (("docs", "p", Reference("x/y")), ("docs", "q"))))
    rows.say(b"\x00", ((), ()))
    rows.end()
    rows.say("a", ((("round", 9),), ()))
    rows.end()
    first, second = rows.full
    places = {3: {}}
    find_places(first, 5, places)
    find_places(second, 6, places)
    held = {5: first, 6: second}
    assert {key: items_at(at, held) for key, at in places[3].items()} == {
        "a": [
            (None, ()),
            ((("docs", None),), (("docs", "p", Reference("x/y")), ("docs", "q"))),
            ((("round", 9),), ()),
        ],
        "b": [((("round", 1),), ())],
        b"\x00": [((), ())],
    }
    for cut in range(2, len(second)):
        try:
            find_places(second[:cut], 6, {3: {}})
        except DataError as error:
            assert error.code == "bad-value"
        else:
            assert cut == len(Rows(3)._row), "a row that was cut off is no row"


def emitted(random, last, version):
    """A view document after another: attributes and elements of lists that stay are the same objects."""
    before = last.get("v/1", {"n": 0, "list": []})
    elements = list(before["list"])
    for _ in range(random.randrange(3)):
        at = random.randrange(len(elements) + 1)
        elements[at : at + random.randrange(2)] = [{"n": version}] * random.randrange(2)
    chance = random.random()
    if chance < 0.1:
        return {}
    if chance < 0.2:
        return {"v/1": {"list": elements, "n": version}, "v/2": (("row", version),)}
    return {**last, "v/1": {"n": random.choice((version, before["n"])), "list": elements}}


def in_order(form):
    """What it asks for has no order."""
    registers, due, opened, *rest = form
    return registers, due, sorted(opened), *rest


def test_a_record_is_what_was_written_with_its_differences():
    differences = gone = asked = 0
    for number in range(300):
        random = Random(number)
        record, form = Record(), None
        for version in range(30):
            path = f"users/u{random.randrange(6)}"
            chance = random.random()
            if chance < 0.6:
                record.told(path, Doc((version, 0), {"n": version}, ()))
            elif chance < 0.7 and path in record.reg:
                del record.reg[path]
            elif chance < 0.8:
                record.last = emitted(random, record.last, version)
                record.seq += 1
            elif chance < 0.9:
                slot, key = random.randrange(2), f"key{random.randrange(3)}"
                weight = -1 if record.is_open(slot, key) and random.random() < 0.7 else 1
                record.answered(Answer(slot, key, weight, (), ()))
            elif chance < 0.93:
                record.due = {} if record.due else {path: 5}
            if random.random() < 0.5:
                changed = difference(record)
                differences += changed is not None
                form = record.pack() if changed is None else patched(form, changed)
                gone += changed is not None and len(changed) > 5 and bool(changed[5])
                asked += changed is not None and len(changed) > 5 and bool(changed[6])
                mark(record)
                assert in_order(form) == in_order(record.pack())
                assert list(dict(Record.of(form).reg)) == list(dict(record.reg))
    assert differences > 1000 and gone > 100 and asked > 100
