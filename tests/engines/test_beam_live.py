"""What a worker keeps of its last keys is used only for the bytes that it stands for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

from beam_hand import BeamHand
from beam_shuffle import _State

from onto_flow.engines.beam.cells import Cells
from onto_flow.engines.beam.live import Live, Pool
from onto_flow.operators.kept_members import KeptMembers
from onto_flow.operators.record import Record, members
from onto_flow.plan.nodes import Cell
from onto_flow.testing.shapes import Shape
from tests.laws.scenarios import ON

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

CELLS = (Cell("record", "value", ""), Cell("docs", "map", ""))
CHAIN = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("via", "c", 1, ("s",))))
VIA = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",))))


def cells(held: dict[Any, Any], live: Any) -> Cells:
    return Cells(CELLS, {name: _State(held, name) for name in ("record", "docs")}, wide=False, live=live)


def test_the_object_comes_back_for_its_own_bytes_and_for_no_others() -> None:
    held: dict[Any, Any] = {}
    live: Any = {}
    record = Record()
    record.seq = 7
    step = cells(held, live)
    step.values["record"].put(record)
    step.maps["docs"]["x"] = 1
    for write in step.writes():
        write()
    again = cells(held, live)
    assert again.values["record"].get() is record
    assert dict(again.maps["docs"]) == {"x": 1}
    other = Record()
    other.seq = 8
    elsewhere = cells(held, {})
    elsewhere.values["record"].put(other)
    elsewhere.maps["docs"]["x"] = 2
    for write in elsewhere.writes():
        write()
    late = cells(held, live)
    assert Record.of(late.values["record"].get()).seq == 8
    assert dict(late.maps["docs"]) == {"x": 2}


def test_a_state_that_is_cleared_is_forgotten() -> None:
    held: dict[Any, Any] = {}
    live: Any = {}
    for value in (Record(), None):
        step = cells(held, live)
        step.values["record"].put(value)
        for write in step.writes():
            write()
    assert (held, live) == ({}, {})


def test_those_that_were_not_met_for_longest_go() -> None:
    live = Live(Pool(most=10))
    for key in (b"a", b"b", b"a", b"c"):
        live.give(key, live.take(key) or {"record": (b"12345", key)})
    live.give(b"large", {"record": (b"12345678901", 1)})
    assert [live.take(key) for key in (b"b", b"large", b"a", b"c")] == [
        {},
        {},
        {"record": (b"12345", b"a")},
        {"record": (b"12345", b"c")},
    ]


def test_all_instances_of_a_process_share_one_bound_and_no_object() -> None:
    pool = Pool(most=10)
    one, other = Live(pool), Live(pool)
    one.give(b"a", {"record": (b"12345", 1)})
    assert other.find(b"a") is None
    other.renew(b"a", "record", b"12345", 2)
    assert (one.find(b"a"), other.find(b"a")) == ({"record": (b"12345", 1)}, {"record": (b"12345", 2)})
    other.renew(b"a", "record", b"123456", 3)
    assert (one.find(b"a"), other.find(b"a")) == (None, {"record": (b"123456", 3)})
    one.give(b"b", {"record": (b"1234", 4)})
    other.close()
    assert (one.find(b"b"), other.find(b"a")) == ({"record": (b"1234", 4)}, None)
    one.give(b"c", {"record": (b"123456", 5)})
    assert one.find(b"b") is not None, "what was closed takes no room"
    one.renew(b"d", "record", b"12345678901", 6)
    assert (one.find(b"b"), one.find(b"d")) == ({"record": (b"1234", 4)}, None), "what is too large is not kept instead"


def test_a_smaller_bound_lets_go_at_once() -> None:
    pool = Pool(most=10)
    live = Live(pool)
    for key in (b"a", b"b"):
        live.renew(key, "record", b"12345", key)
    pool.bound(5)
    assert (live.find(b"a"), live.find(b"b")) == (None, {"record": (b"12345", b"b")})


def test_many_threads_keep_no_more_than_the_bound() -> None:
    pool = Pool(most=1000)

    def work(number: int) -> None:
        live, random = Live(pool), Random(number)
        for _ in range(2000):
            key, raw = b"%d" % random.randrange(50), bytes(random.randrange(1, 40))
            held = live.take(key)
            assert all(made == (number, key) for _, made in held.values())
            live.renew(key, random.choice("xy"), raw, (number, key)) if random.random() < 0.5 else live.give(
                key, {**held, "x": (raw, (number, key))}
            )

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert pool._size == sum(entry[0] for entry in pool._held.values()) <= 1000


@pytest.mark.parametrize("shape", [VIA, ON])
def test_a_document_that_stays_where_it_is_changes_its_row_alone(shape: Shape, monkeypatch: pytest.MonkeyPatch) -> None:
    hand = BeamHand(shape)
    hand.load(a1={"k": "x", "r": ["b/1"], "n": 1}, b1={"k": "x", "n": 1})
    hand.write("b/1", {"k": "x", "n": 2})
    hand.drain()
    looked: list[str] = []
    monkeypatch.setattr("onto_flow.operators.assemble.members", lambda record, root, joins: looked.append(root))
    hand.write("b/1", {"k": "x", "n": 3})
    hand.write("a/1", {"k": "x", "r": ["b/1"], "n": 4})
    hand.drain()
    assert looked == []
    assert hand.table()["outV/a~1"] == {"s0": [{"p": "a/1", "n": 4}], "s1": [{"p": "b/1", "n": 3}]}
    hand.write("a/1", {"k": "y", "r": [], "n": 5})
    hand.drain()
    assert looked == ([] if shape is VIA else ["a/1"] * len(looked))
    assert shape is VIA or looked


def test_documents_that_come_and_go_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    hand = BeamHand(CHAIN)
    hand.load(a1={"r": ["b/1", "b/2"], "n": 1}, b1={"s": "c/1", "n": 1}, b2={"s": "c/1", "n": 2}, c1={"n": 1})
    hand.write("c/2", {"n": 7})
    hand.drain()
    looked: list[str] = []
    monkeypatch.setattr(
        "onto_flow.operators.assemble.members", lambda *given: looked.append(given[1]) or members(*given)
    )
    hand.write("a/1", {"r": ["b/1"], "n": 2})
    hand.drain()
    hand.write("b/1", {"s": "c/2", "n": 3})
    hand.drain()
    assert hand.table()["outV/a~1"] == {
        "s0": [{"p": "a/1", "n": 2}],
        "s1": [{"p": "b/1", "n": 3}],
        "s2": [{"p": "c/2", "n": 7}],
    }
    hand.write("b/2", {"s": "c/1", "n": 4})
    hand.write("a/1", {"r": ["b/2", "b/1"], "n": 3})
    hand.drain()
    assert hand.table()["outV/a~1"]["s1"] == [{"p": "b/1", "n": 3}, {"p": "b/2", "n": 4}]
    assert hand.table()["outV/a~1"]["s2"] == [{"p": "c/1", "n": 1}, {"p": "c/2", "n": 7}]
    assert looked == []


@pytest.mark.parametrize(
    ("shape", "method", "path", "now"),
    [
        (ON, "step", "b/1", None),
        (VIA, "take", "a/1", {"r": ["b/1", "b/2"], "n": 2}),
        (VIA, "show", "a/1", {"r": ["b/1"], "n": 2}),
    ],
)
def test_what_a_failed_step_touched_is_dropped(
    shape: Shape, method: str, path: str, now: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = BeamHand(shape)
    hand.load(a1={"k": "x", "r": ["b/1"], "n": 1}, b1={"k": "x", "n": 1})
    fn = hand.runner.stages["maintain/V.assemble/ParDo(step)"].fn
    before = dict(hand.runner.states)

    def touched(*given: Any) -> None:
        record = given[0] if isinstance(given[0], Record) else Record.of(given[-1].get("record"))
        record.reg["x/1"] = record.reg["a/1"]
        raise ValueError("broken")

    def fails(*given: Any) -> None:
        raise LookupError

    with monkeypatch.context() as patched:
        if method == "show":
            patched.setattr(KeptMembers, "shown", fails)
        for name in {method, "step"}:
            patched.setattr(fn.operator, name, touched)
        hand.write(path, now)
        hand.drain()
    kept = {place: raw for place, raw in hand.runner.states.items() if "V.assemble" in place[0]}
    assert kept == {place: raw for place, raw in before.items() if "V.assemble" in place[0]}
    assert {letter.reason for letter in hand.runner.kept["dead_letters"]} == {"udf-failed: ValueError('broken')"}
    hand.write("b/1", {"k": "x", "n": 3})
    hand.drain()
    assert hand.table()["outV/a~1"]["s1"] == [{"p": "b/1", "n": 3}]
