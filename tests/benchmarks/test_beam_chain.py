"""The chain of stateful DoFns by hand that ours is measured beside trusts no order, no more than ours does."""

from __future__ import annotations

import json
from random import Random

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam

from benchmarks import workload
from benchmarks.peers import beam_follow
from benchmarks.peers.beam_walk import Root, Walk
from onto_flow.core.change import Change
from onto_flow.engines.beam import cells

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

TIMES, CHANGES = 0.001, 300


def tables(way: str, documents: list[Change], changes: list[Change], seeds: range) -> list[str]:
    """The table after each delivery: in order, then late, repeated, and with any step of any stage next."""
    pipeline = beam.Pipeline()
    root = pipeline | "changes" >> Root().with_output_types(Change)
    walk = Walk(pipeline, beam_follow.WAYS[way](root, 0))
    found = []
    for seed in (None, *seeds):
        for stage in walk.stages.values():
            stage.held.clear()
        walk.outputs.clear()
        if seed is None:
            walk.give(root, [*documents, *changes])
        else:
            shuffled(walk, root, [*documents, *changes], Random(seed))
        found.append(json.dumps(json.loads(json.dumps(beam_follow.table(walk.outputs))), sort_keys=True))
    return found


def shuffled(walk: Walk, root: object, elements: list[Change], random: Random) -> None:
    delivered = random.sample([*elements, *random.sample(elements, len(elements) // 3)], len(elements) * 4 // 3)
    for element in delivered:
        walk.hand_on(walk.takers(root), element)
        while walk.waiting and random.random() < 0.8:
            next_of(walk, random)
    while walk.waiting:
        next_of(walk, random)


def next_of(walk: Walk, random: Random) -> None:
    walk.waiting.rotate(random.randrange(len(walk.waiting)))
    walk.step(*walk.waiting.popleft())


def test_both_end_in_the_same_table_in_any_order(tmp_path, monkeypatch):
    monkeypatch.setattr(workload, "cached", lambda name: tmp_path / name)
    documents = [Change(path, None, fields, (1, 0)) for path, fields in workload.documents(TIMES)]
    changes = list(workload.changes(TIMES, CHANGES))
    found = [*tables("chain", documents, changes, range(6)), *tables("own", documents, changes, range(2))]
    assert len(json.loads(found[0])) > 10
    assert set(found) == {found[0]}


@pytest.mark.parametrize("at_once", [True, False])
def test_wanted_timers_come_after_each_element_or_when_they_are_told_to(at_once, tmp_path, monkeypatch):
    monkeypatch.setattr(workload, "cached", lambda name: tmp_path / name)
    documents = [Change(path, None, fields, (1, 0)) for path, fields in workload.documents(TIMES)]
    changes = [*documents, *workload.changes(TIMES, CHANGES)]
    expected = json.loads(tables("chain", documents, changes[len(documents) :], range(0))[0])
    monkeypatch.setattr(cells, "SPLIT_BYTES", 100)  # so that most steps of match wait for the shards of a map
    pipeline = beam.Pipeline()
    root = pipeline | "changes" >> Root().with_output_types(Change)
    output = beam_follow.WAYS["own"](root, 0)
    walk = Walk(pipeline, output, lambda name: name.endswith(".together"), at_once=at_once)
    walk.give(root, changes)
    assert bool(walk.timers) is not at_once
    walk.fire()
    assert not walk.timers
    assert json.loads(json.dumps(beam_follow.table(walk.outputs))) == expected
