"""ingest: the highest version, the difference to every view, the fence, tombstones."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from onto_flow import DomainModel, Store, ViewModel, attrs, many, plan_views, root
from onto_flow.core.change import DeadLetter
from onto_flow.core.codec import encode
from onto_flow.operators.base import DAY
from onto_flow.operators.ingest import admit
from onto_flow.operators.messages import Event, Subscribe, Told
from onto_flow.testing.cases import random_fields, random_world
from onto_flow.testing.shapes import Shape, plan_of
from tests.operators.bench import Bench

VIA = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("by", "c", 1, ("s",))))
FUSED = Shape("V", "outV", (("root", "a", -1, ()), ("by", "b", 0, ("r",)), ("via", "c", 1, ("s",))))
ON = Shape("V", "outV", (("root", "a", -1, ()), ("on", "b", 0, ("k", "k"))))


def bench(shape: Shape, **options) -> Bench:
    return Bench(plan_of(shape), "ingest", **options)


def test_root_tells_assemble_and_subscribes_to_what_it_refers_to():
    sent = bench(VIA).step("a/1", Event((5, 0), {"n": 1, "r": ["b/1", "b/2", "b/1", None], "x": 9}))
    assert [(op, key) for op, key, _ in sent] == [("V.assemble", "a/1"), ("V.match.s1", "b/1"), ("V.match.s1", "b/2")]
    assert isinstance(sent[0][2], Told)
    assert sent[0][2].doc.fields == {"n": 1, "r": ["b/1", "b/2", "b/1", None]}
    assert sent[1][2] == Subscribe((("a/1", 1),))


def test_only_gained_and_lost_keys_are_subscribed():
    ingest = bench(VIA)
    ingest.step("a/1", Event((5, 0), {"r": ["b/1", "b/2"]}))
    sent = ingest.step("a/1", Event((6, 0), {"r": ["b/2", "b/3"]}))
    assert [(k, m.roots[0][1]) for _, k, m in sent if isinstance(m, Subscribe)] == [("b/1", -1), ("b/3", 1)]


def test_old_and_new_key_learn_by_the_same_message():
    ingest = bench(ON)
    ingest.step("b/1", Event((5, 0), {"k": "x"}))
    sent = ingest.step("b/1", Event((6, 0), {"k": "y"}))
    assert {key for _, key, _ in sent} == {encode(("x",)), encode(("y",))}
    assert len({message for _, _, message in [(o, k, repr(m)) for o, k, m in sent]}) == 1


def test_ids_of_a_path_are_keys_that_no_change_moves():
    ingest = bench(Shape("V", "outV", (("root", "a", -1, ()), ("on", "d", 0, ("id", "part")))))
    sent = ingest.step("a/1", Event((5, 0), {"n": 1}))
    assert sent[1] == ("V.match.s1", encode(("1",)), Subscribe((("a/1", 1),)))
    assert [op for op, _, _ in ingest.step("a/1", Event((6, 0), {"n": 2}))] == ["V.assemble"]
    for event in (Event((5, 0), {}), Event((6, 0), None)):
        assert [(op, key) for op, key, _ in ingest.step("b/1/d/2", event)] == [("V.match.s1", encode(("1",)))]


def test_fused_slot_goes_to_assemble_and_subscribes_for_its_children():
    ingest = bench(FUSED)
    sent = ingest.step("b/1", Event((5, 0), {"r": ["a/1", "a/2"], "s": "c/1"}))
    assert [(op, key) for op, key, m in sent if isinstance(m, Told)] == [("V.assemble", "a/1"), ("V.assemble", "a/2")]
    assert [m.roots for _, _, m in sent if isinstance(m, Subscribe)] == [(("a/1", 1),), (("a/2", 1),)]
    sent = ingest.step("b/1", Event((6, 0), None))
    assert [m.roots for _, _, m in sent if isinstance(m, Subscribe)] == [(("a/1", -1),), (("a/2", -1),)]


@pytest.mark.parametrize("shape", [VIA, FUSED, ON])
def test_weights_add_up_to_the_present_state_whatever_was_skipped(shape):
    for seed in range(60):
        random = Random(seed)
        world = random_world(random, "abc")
        path = random.choice(world.paths)
        events = [Event((n, 0), random_fields(random, world) if random.random() < 0.8 else None) for n in range(1, 12)]
        last = max(events)
        delivered = [*events, *random.sample(events, 4)]
        random.shuffle(delivered)
        skipping, direct = bench(shape), bench(shape)
        while delivered:
            size = random.randint(1, 4)
            skipping.step(path, *delivered[:size])
            del delivered[:size]
        direct.step(path, last)
        assert weights(skipping) == weights(direct), seed


def weights(ingest: Bench) -> Counter:
    total: Counter = Counter()
    for operator, key, message in ingest.sent:
        if isinstance(message, Subscribe):
            for root, weight in message.roots:
                total[operator, key, root] += weight
    return Counter({k: w for k, w in total.items() if w})


def test_stale_and_repeated_events_are_dropped():
    ingest = bench(ON)
    ingest.step("b/1", Event((5, 0), {"k": "x"}))
    assert ingest.step("b/1", Event((5, 0), {"k": "x"}), Event((4, 0), {"k": "y"})) == []
    assert ingest.step("b/1", Event((5, 1), None)) != []
    assert ingest.step("b/1", Event((5, 0), {"k": "x"})) == []


@pytest.mark.parametrize(
    ("event", "admitted"),
    [
        (Event((100, 0), {"n": 1}), Event((100, 0), {"n": 1})),
        (Event((100, 1), {"n": 1}), None),
        (Event((99, 0), {"n": 1}, 99), None),
        (Event((101, 0), {"n": 1}, 101), Event((101, 0), {"n": 1}, 101)),
        (Event((50, 1), None, 100), None),
        (Event((50, 1), None, 101), Event((100, 1), None, 101)),
        (Event((120, 1), None, 130), Event((120, 1), None, 130)),
    ],
)
def test_fence(event, admitted):
    assert admit(event, 100) == admitted
    assert admit(event, None) == event


def test_tombstone_goes_after_the_horizon_and_not_before():
    ingest = bench(ON)
    ingest.step("b/1", Event((5, 0), {"k": "x"}), Event((6, 0), None))
    assert ingest.timers == {("b/1", "garbage"): 8 * DAY}
    ingest.timer("b/1", "garbage", 8 * DAY - 1)
    assert ingest.cells("b/1")
    assert ingest.timers == {("b/1", "garbage"): 8 * DAY}
    ingest.timer("b/1", "garbage", 8 * DAY)
    assert not ingest.cells("b/1")


def test_created_again_document_outlives_the_timer_of_its_tombstone():
    ingest = bench(ON)
    ingest.step("b/1", Event((6, 0), None))
    ingest.step("b/1", Event((7, 0), {"k": "x"}))
    ingest.timer("b/1", "garbage", 99 * DAY)
    assert ingest.cells("b/1")["document"][1] == {"k": "x"}


def test_type_of_a_number_is_a_change():
    ingest = bench(ON)
    ingest.step("b/1", Event((5, 0), {"k": 1}))
    sent = ingest.step("b/1", Event((6, 0), {"k": 1.0}))
    assert {key for _, key, _ in sent} == {encode((1,)), encode((1.0,))}


def test_a_document_that_no_view_reads_leaves_no_trace():
    ingest = bench(VIA)
    assert ingest.step("z/1", Event((5, 0), {"n": 1})) == []
    assert ingest.step("z/1", Event((6, 1), None)) == []
    assert ingest.cells("z/1") == {}


class Pilot(DomainModel):
    class Meta:
        collection_name = "people"


class Ship(DomainModel):
    class Meta:
        collection_name = "ships"

    pilots = attrs.relations(Pilot, parse=lambda url: url.split("/")[-2])


class ShipStore(Store):
    ship = root(Ship)
    pilots = many(Pilot, via=Ship.pilots)


class ShipPage(ViewModel):
    class Meta:
        collection_name = "shipPages"

    store: ShipStore


class PilotStore(Store):
    pilot = root(Pilot)
    ships = many(Ship, by=Ship.pilots)


class PilotPage(ViewModel):
    class Meta:
        collection_name = "pilotPages"

    store: PilotStore


def test_urls_in_lists_are_references_and_what_does_not_parse_is_told_once_until_it_does():
    ingest = Bench(plan_views(ShipPage, PilotPage), "ingest")
    urls = ["http://swapi.dev/api/people/1/", None, "http://swapi.dev/api/people/7/"]
    sent = ingest.step("ships/s", Event((5, 0), {"pilots": [*urls, 7, "none"]}))
    assert {key for op, key, _ in sent if op == "ShipPage.match.pilots"} == {"people/1", "people/7"}
    assert {key for op, key, _ in sent if op == "PilotPage.assemble"} == {"people/1", "people/7"}
    [letter] = ingest.emitted
    assert letter.key == "document:ships/s" and letter.reason.startswith("udf-failed: AttributeError")
    ingest.step("ships/s", Event((6, 0), {"pilots": ["none"]}))
    assert [letter.reason.partition("(")[0] for letter in ingest.emitted[1:]] == ["udf-failed: IndexError"]
    ingest.step("ships/s", Event((7, 0), {"pilots": urls[:1]}))
    ingest.step("ships/s", Event((8, 1), None))
    assert ingest.emitted[2:] == [DeadLetter("document:ships/s", "", cleared=True)]


@pytest.mark.parametrize("drained", [False, True])
def test_a_document_that_fails_as_it_did_is_told_again_where_its_letter_may_have_been_taken_back(drained):
    """After a restore nobody knows what was told since; where letters are committed with the state, nothing is."""
    strict = Shape("V", "outV", (("root", "a", -1, ()),), selections=((0, "strict", "", False, -1),))
    ingest = bench(strict, drained=drained)
    for number in (5, 6):
        ingest.step("a/1", Event((number, 0), {"n": "text"}))
    assert [letter.cleared for letter in ingest.emitted] == ([False] if drained else [False, False])
    ingest.step("a/1", Event((7, 0), {"n": 1}))
    ingest.step("a/1", Event((8, 0), {"n": 1}))
    assert [letter.cleared for letter in ingest.emitted[-2:]] == [False, True]
