"""The gate is shut until the fence's marker and all that the load caused have come; then it lets out net changes by pages."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
from beam_shuffle import Root, ShufflingRunner
from beam_streams import quick

from onto_flow.core.change import ViewChange
from onto_flow.core.codec import decode
from onto_flow.engines.beam import cells, clock, gate
from onto_flow.engines.beam.gate import CAUSED, LET_OUT, PARTS, SHOWN, Gate, open_marker
from onto_flow.engines.beam.keys import encode_key
from onto_flow.engines.beam.parts import KEYED, pardo
from onto_flow.engines.carried import decode_carried, encode_carried

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]


class Shard:
    """One shard of a gate."""

    def __init__(self, page: int, *, fenced: bool = True) -> None:
        with quick():
            pipeline = beam.Pipeline()
            self.root = pipeline | "root" >> Root().with_output_types(KEYED)
            outputs: dict[str | None, Any] = {None: bytes, PARTS: KEYED, LET_OUT: KEYED}
            given = self.root | "gate" >> pardo(Gate(page, fenced=fenced), KEYED, outputs)
            self.runner = ShufflingRunner(
                pipeline, {"out": given[None], "parts": given[PARTS], "let_out": given[LET_OUT]}
            )
        self.runner.begin(Random(1))

    def give(self, data: bytes) -> list[Any]:
        """Something comes; what goes out then."""
        self.runner.kept["out"].clear()
        self.runner.give(self.root, [(encode_key("shard"), data)])
        while self.runner.waiting:
            self.runner._step(self.runner._next())
        return self.out()

    def page(self) -> list[Any]:
        """The timer comes, if there is one."""
        self.runner.kept["out"].clear()
        for place in list(self.runner.timers):
            self.runner.fire(place)
        return self.out()

    def out(self) -> list[Any]:
        """Path, numbers before and now."""
        changes: list[Any] = [decode_carried(raw[1:]) for raw in self.runner.kept["out"]]
        return [(c.path, *(None if d is None else d["n"] for d in (c.old, c.new))) for c in changes]


def view_change(path: str, seq: int, gone: bool = False) -> bytes:
    old = None if seq == 1 else {"n": seq - 1}
    return encode_carried(ViewChange("V", path, old, None if gone else {"n": seq}, (7, 0, seq)))


def test_it_opens_when_the_marker_and_all_that_the_load_caused_have_come() -> None:
    shard = Shard(page=0)
    assert shard.give(open_marker(2)) == []
    assert shard.give(CAUSED + view_change("v/a", 1)) == []
    assert shard.give(SHOWN + view_change("v/b", 1)) == []
    assert sorted(shard.give(CAUSED + view_change("v/c", 1))) == [("v/a", None, 1), ("v/b", None, 1), ("v/c", None, 1)]
    assert shard.give(SHOWN + view_change("v/a", 2)) == [("v/a", 1, 2)]
    [(_, part)] = shard.runner.kept["parts"]
    assert decode(part)[2][0][:2] == ("V", 3)


def test_the_marker_may_come_last() -> None:
    shard = Shard(page=0)
    assert shard.give(CAUSED + view_change("v/a", 1)) == []
    assert shard.give(open_marker(1)) == [("v/a", None, 1)]
    assert Shard(page=0).give(open_marker(0)) == []


def test_it_holds_the_net_change_in_whatever_order_they_come() -> None:
    for order in ((1, 2, 3), (3, 1, 2), (2, 3, 1)):
        shard = Shard(page=0)
        for seq in order:
            assert shard.give(CAUSED + view_change("v/a", seq)) == []
        assert shard.give(open_marker(3)) == [("v/a", None, 3)]


def test_what_came_and_went_is_not_let_out() -> None:
    shard = Shard(page=0)
    shard.give(CAUSED + view_change("v/a", 1))
    shard.give(CAUSED + view_change("v/a", 2, gone=True))
    assert shard.give(open_marker(2)) == []


def test_it_lets_out_by_pages_and_nets_what_comes_meanwhile() -> None:
    shard = Shard(page=1)
    for path in ("v/a", "v/b", "v/c"):
        shard.give(CAUSED + view_change(path, 1))
    [first] = shard.give(open_marker(3))
    assert first == ("v/a", None, 1)
    assert shard.give(SHOWN + view_change("v/c", 2)) == [], "it is held still, so it is netted"
    assert shard.give(SHOWN + view_change("v/a", 2)) == [("v/a", 1, 2)], "it is let out already"
    assert [shard.page(), shard.page(), shard.page()] == [[("v/b", None, 1)], [("v/c", None, 2)], []]


def test_a_forced_marker_opens_at_once() -> None:
    shard = Shard(page=0)
    shard.give(SHOWN + view_change("v/a", 1))
    assert shard.give(open_marker(None)) == [("v/a", None, 1)]


def test_without_a_fence_all_passes() -> None:
    assert Shard(page=0, fenced=False).give(SHOWN + view_change("v/a", 1)) == [("v/a", None, 1)]


@pytest.mark.parametrize("most", [cells.SPLIT_BYTES, 300])
def test_a_shut_shard_holds_on_bytes_what_its_step_would(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "SPLIT_BYTES", most)
    monkeypatch.setattr(clock, "micros", lambda: 7)
    on_bytes, taken = gate._held_on_bytes, []
    ways = (lambda *given: taken.append(on_bytes(*given)) or taken[-1], lambda *given: False)
    for seed in range(10):
        found = []
        for way in ways:
            monkeypatch.setattr(gate, "_held_on_bytes", way)
            found.append(all_of_a_shard(Random(seed)))
        assert found[0] == found[1]
    assert any(taken)
    assert most > 300 or not all(taken)


def all_of_a_shard(random: Random) -> list[Any]:
    """What a shard holds after each step, and what it lets out."""
    shard, at, found = Shard(page=2), random.randrange(40), []
    for number in range(40):
        path, seq = random.choice("abcdef"), random.randrange(1, 9)
        data = random.choice((SHOWN, CAUSED)) + view_change(f"v/{path}", seq, gone=random.random() < 0.2)
        found.append(shard.give(open_marker(random.choice((3, 20, None))) if number == at else data))
        found.append({**shard.runner.states})
    found += [shard.page() for _ in range(8)]
    return [*found, shard.runner.kept]


def test_a_shard_says_how_many_it_let_out_at_the_fence_once_it_is_open() -> None:
    shard = Shard(page=1)
    for path in ("v/a", "v/b"):
        shard.give(CAUSED + view_change(path, 1))
    assert shard.give(SHOWN + view_change("v/b", 2)) == []
    shard.give(open_marker(2))
    assert shard.runner.kept["let_out"] == []
    shard.page()
    [(_, count)] = shard.runner.kept["let_out"]
    assert decode(count) == 2
    assert shard.give(SHOWN + view_change("v/a", 2)) == [("v/a", 1, 2)], "it is open"
    assert shard.page() == []
