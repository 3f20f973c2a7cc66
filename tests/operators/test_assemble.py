"""assemble: silence and the caught-up signal, step by step; its joins and holds are in tests/laws."""

from __future__ import annotations

from onto_flow.core.change import ViewChange
from onto_flow.core.values import Reference
from onto_flow.operators.messages import Answer, CaughtUp, Doc, Republish, Told
from onto_flow.operators.record import Record, members
from onto_flow.testing.cells import Store
from onto_flow.testing.shapes import Shape, plan_of
from tests.operators.bench import Bench

VIA = plan_of(Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)))))


def root(version, *refs):
    return Told("a/1", Doc((version, 0), {"r": list(refs), "n": version}, ()))


def answer(path, version):
    return Answer(1, path, 1, ((path, Doc((version, 0), {"n": version}, ())),))


def record(bench):
    return Record.of(bench.cells("a/1").get("record"))


def test_silent_record_is_behind_until_the_signal():
    bench = Bench(VIA, "V.assemble")
    bench.silent = True
    bench.step("a/1", root(5))
    assert bench.emitted == []
    assert record(bench).behind
    bench.step("a/1", CaughtUp())
    assert [c.new["s0"] for c in bench.emitted] == [[{"p": "a/1", "n": 5}]]
    assert not record(bench).behind


def test_record_that_holds_when_the_signal_comes_stays_behind():
    """Also one that nothing has touched since the snapshot: what is behind it must wait too."""
    bench = Bench(VIA, "V.assemble")
    bench.step("a/1", root(5, "b/1"))
    assert not record(bench).behind
    bench.silent = True
    bench.step("a/1", CaughtUp())
    assert record(bench).behind
    bench.silent = False
    bench.step("a/1", answer("b/1", 3))
    assert not record(bench).behind
    assert len(bench.emitted) == 1


def test_row_is_published_again_with_the_next_number():
    bench = Bench(VIA, "V.assemble")
    bench.step("a/1", root(5))
    bench.step("a/1", Republish("outV/a~1"), Republish("outV/gone"))
    assert [(c.path, c.version, c.new is None) for c in bench.emitted if isinstance(c, ViewChange)] == [
        ("outV/a~1", (1, 0, 1), False),
        ("outV/a~1", (1, 0, 2), False),
        ("outV/gone", (1, 0, 3), True),
    ]


def test_record_that_holds_nothing_goes():
    bench = Bench(VIA, "V.assemble", young=10, keep_uncovered=100, keep_left=900)
    bench.step("a/1", Told("b/7", Doc((1, 0), {"n": 1}, ())))
    assert bench.cells("a/1")
    bench.timer("a/1", "garbage", 100)
    assert not bench.cells("a/1")


CHAIN = plan_of(Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("via", "c", 1, ("s",)))))


def member(path, version, *refs):
    return Answer(1, path, 1, ((path, Doc((version, 0), {"s": list(refs), "n": version}, ())),))


def test_a_record_that_waits_is_looked_through_when_that_may_end(monkeypatch):
    """An answer that brings a newer version of a document may end that anybody asks for what is missing."""
    looked = []
    monkeypatch.setattr(
        "onto_flow.operators.assemble.members", lambda *given: looked.append(given[1]) or members(*given)
    )
    bench = Bench(CHAIN, "V.assemble")
    bench.store = Store([bench.name], packed=False)
    refs = [Reference(f"b/{n}") for n in (1, 2)]
    bench.step("a/1", root(5, *refs))
    bench.step("a/1", member("b/1", 3, Reference("c/1")))
    assert len(looked) == 1
    bench.step("a/1", member("b/2", 3, Reference("c/2")))
    bench.step("a/1", Answer(2, "c/1", 1, (("c/1", Doc((3, 0), {"n": 3}, ())),)))
    assert len(looked) == 2
    bench.step("a/1", member("b/2", 4))
    assert len(looked) == 3
    assert [len(c.new["s2"]) for c in bench.emitted] == [1]


def test_what_an_ended_answer_leaves_is_dropped_in_time():
    """Though all was covered before; and a document that comes without being asked for goes as well."""
    bench = Bench(VIA, "V.assemble")
    bench.store = Store([bench.name], packed=False)
    bench.step("a/1", root(5, Reference("b/1")), answer("b/1", 3))
    assert record(bench).settled
    bench.step("a/1", Told("b/2", Doc((1, 0), {"n": 1}, ())))
    assert list(record(bench).due) == ["b/2"]
    bench.step("a/1", root(6), Answer(1, "b/1", -1))
    assert list(record(bench).due) == ["b/1", "b/2"]
