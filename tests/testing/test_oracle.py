"""The oracle: joins, folds and owners, against tables worked out by hand."""

from __future__ import annotations

import math
import pickle

from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.equality import same
from onto_flow.core.values import Reference
from onto_flow.model.windows import starts_of
from onto_flow.plan.nodes import CodeRef
from onto_flow.testing.histories import History, deliver, history_of
from onto_flow.testing.oracle import recompute
from onto_flow.testing.oracle_windows import windows_of
from onto_flow.testing.shapes import Shape, plan_of


def table(shape, documents):
    return recompute(plan_of(shape), documents)["V"]


def shape(*slots, **options):
    return Shape("V", "outV", (("root", "a", -1, ()), *slots), **options)


def slot(documents, name, *slots):
    return [m["p"] for m in table(shape(*slots), documents)["outV/a~1"][name]]


DOCUMENTS = {
    "a/1": {
        "r": [Reference("b/2"), "b/1", "1", None, "b/9", Reference("c/1"), Reference("b/3", "projects/p/databases/d")],
        "k": ["x", None],
    },
    "b/1": {"s": Reference("a/1"), "k": "x", "k2": 1},
    "b/2": {"r": ["a/1", "a/1"], "k": 1.0, "k2": 1},
    "b/3": {"k": ["y", "x"], "k2": 1.0},
}


def test_slots_are_sets_in_path_order():
    assert slot(DOCUMENTS, "s1", ("via", "b", 0, ("r",))) == ["b/1", "b/2"]
    assert slot(DOCUMENTS, "s1", ("by", "b", 0, ("s",))) == ["b/1"]
    assert slot(DOCUMENTS, "s1", ("on", "b", 0, ("k", "k"))) == ["b/1", "b/3"]
    assert slot(DOCUMENTS, "s2", ("via", "b", 0, ("r",)), ("on", "b", 1, ("k2", "k2"))) == ["b/1", "b/2"]


def test_pairs_must_all_meet_in_one_document():
    documents = {"a/1": {"k": ["x", "y"], "k2": 1}, "b/1": {"k2": "x", "k": 1}, "b/2": {"k2": "x", "k": 2}}
    assert slot(documents, "s1", ("on", "b", 0, ("k", "k2", "k2", "k"))) == ["b/1"]


def test_ids_in_paths_meet_fields_and_each_other():
    documents = {"a/1": {"k": ["1", "x"], "k2": 1}, "b/1": {}, "b/x": {}, "b/1/d/7": {}, "b/x/d/1": {"k": 1}, "b/7": {}}
    assert slot(documents, "s1", ("on", "b", 0, ("id", "id"))) == ["b/1"]
    assert slot(documents, "s1", ("on", "b", 0, ("k", "id"))) == ["b/1", "b/x"]
    assert slot(documents, "s1", ("on", "d", 0, ("k", "part"))) == ["b/1/d/7", "b/x/d/1"]
    assert slot(documents, "s1", ("on", "d", 0, ("k", "part", "k2", "k"))) == ["b/x/d/1"]
    assert slot(documents, "s2", ("on", "d", 0, ("id", "part")), ("on", "b", 1, ("id", "id"))) == ["b/7"]


def test_sums_are_exact_and_rounded_once():
    sums = shape(key=0, accumulators=(("sum", 1, False, -1),))
    grouped = Shape(
        "V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("s",))), paths="rows", accumulators=sums.accumulators
    )
    values = [0.1] * 10 + [1e16, -1e16]
    documents = {f"a/{i}": {"t": ["u"], "s": Reference(f"b/{i}")} for i in range(len(values))}
    documents |= {f"b/{i}": {"n": v} for i, v in enumerate(values)}
    assert table(grouped, documents) == {"outV/u": {"sum0": 1.0}}
    documents["b/0"] = {"n": math.inf}
    documents["b/1"] = {"n": -math.inf}
    assert same(table(grouped, documents), {"outV/u": {"sum0": math.nan}})


def test_collect_is_ordered_limited_and_ties_break_by_path():
    best = shape(paths="rows", key=0, accumulators=(("collect", 0, True, 2),))
    documents = {"a/1": {"t": ["u"], "n": 1}, "a/2": {"t": ["u"], "n": 2}, "a/3": {"t": ["u"], "n": 1.0}}
    assert same(table(best, documents), {"outV/u": {"collect0": [2, 1.0]}})


def test_smallest_root_owns_a_path_in_path_order():
    claims = shape(paths="field")
    documents = {"a/__id10__": {"n": "p"}, "a/__id9__": {"n": "p"}, "a/b": {"n": "p"}}
    assert table(claims, documents)["outV/p"]["s0"][0]["p"] == "a/__id9__"


def test_shapes_travel_by_their_import_path():
    original = shape(("on", "b", 0, ("k", "k2")), filtered=True)
    code = plan_of(original).views[0].code
    assert code.portable
    assert CodeRef(code.path).resolve() == original
    assert pickle.loads(pickle.dumps(original)) == original


def test_history_knows_what_the_fence_lets_through():
    history = history_of(("a/1", {"n": 1}), ("b/1", {}), ("a/1", None), ("a/1", {"n": 2}), exported=2)
    assert history.documents == {"a/1": {"n": 1}, "b/1": {}}
    assert history.known([3, 0]) == {"a/1": {"n": 2}, "b/1": {}}
    assert [v for v, _ in history.states["a/1"]] == sorted(v for v, _ in history.states["a/1"])
    assert history.change(2).version == (1_000_000, 1)
    assert history.states["a/1"][1][0] == (history.snapshot, 1)
    assert isinstance(history.without(0, 1), History)
    assert history.without(0, 1).exported == 1


def test_deliveries_lose_nothing():
    from random import Random

    for kind in ("ordered", "late", "repeated", "shuffled"):
        for seed in range(20):
            assert set(deliver(range(9), Random(seed), kind)) == set(range(9))


@given(st.integers(-(10**6), 10**6), st.integers(1, 1000), st.integers(1, 1000), st.integers(-2000, 2000))
def test_the_windows_of_the_oracle_are_those_of_models(at, size, every, offset):
    assert windows_of(at, size, every, offset) == list(starts_of(at, size, every, offset))
