"""What is there for pages alone is not named for every message: rounds, and what fails on the way to all states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

from beam_both import FEW, Both, mostly_plain
from beam_shuffle import ShufflingRunner, _State
from beam_streams import FROM

from onto_flow.core.change import Change
from onto_flow.core.values import Reference
from onto_flow.engines.beam import cells
from onto_flow.engines.beam.cells import Cells, NeedsWide
from onto_flow.engines.beam.value_cell import UnnamedCell
from onto_flow.engines.beam.waits import goes_on
from onto_flow.operators.base import DAY
from onto_flow.operators.messages import Told
from onto_flow.testing.shapes import plan_of

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]


def test_a_round_is_there_while_the_key_waits_for_its_next_page() -> None:
    """So a step that does not name it knows whether it is there; while it is, messages about documents wait for it."""
    both, met, asked = Both(plan_of(FEW), 1), Counter[bool](), Counter[bool]()

    def look(run: ShufflingRunner) -> None:
        rounds = {(label, key) for label, key, name in run.states if name == "round"}
        keys = {(label, key) for label, key, name in run.states if name == "waits" and ".match" in label}
        for label, key in {*rounds, *keys}:
            state = _State(run.states, (label, key, "waits"))
            assert goes_on(state) == ((label, key) in rounds)
            met[(label, key) in rounds] += 1
            cell = Cells([], {}, wide=False, is_there=partial(goes_on, state)).values["round"]
            try:
                asked[cell.get() is None] += 1
            except NeedsWide:
                asked[False] += 1

    for seed in range(4):
        both.runner.begin(Random(seed), look)
        both.runner.run([(both.root, mostly_plain(Random(seed), 60))], 5 * DAY)
    assert met[True] > 30
    assert met[False] > 100
    assert asked == {True: met[False], False: met[True]}


def test_what_is_not_named_is_not_put_either() -> None:
    cell = UnnamedCell(lambda: False)
    cell.put(None)
    assert (cell.get(), cell.writes(), cell.needs_wide) == (None, [], False)
    with pytest.raises(NeedsWide):
        cell.put(1)
    assert cell.needs_wide
    with pytest.raises(NeedsWide):
        UnnamedCell(lambda: True).put(None)


def test_a_step_that_fails_with_all_states_is_the_same_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes on by pages, or is in shards, waits for them; the others do not."""
    letters, waited = [], []
    for page, split in ((0, 32 << 10), (1, 32 << 10), (0, 20)):
        monkeypatch.setattr(cells, "SPLIT_BYTES", split)
        both = Both(plan_of(FEW), page)
        for fn in both.fns:
            if fn.node.kind == "match":
                monkeypatch.setattr(fn.operator, "step", failing_on((FROM + 1000, 0), fn.operator.step))
                monkeypatch.setattr(fn, "_wait", noting(fn._wait, waited, (page, split)))
        all_of_b = [Reference(f"b/{n}") for n in range(3)]
        changes = [Change(f"a/{n}", None, {"r": all_of_b}, (FROM + n, 0)) for n in range(3)]
        changes += [Change("b/1", None, {"n": n, "s": Reference(f"c/{n}")}, (FROM + 500 * n, 0)) for n in (1, 2)]
        letters.append(both.run(changes, 0, plain=False)[2]["dead_letters"])
    assert letters[0] == letters[1] == letters[2]
    assert [letter.key for letter in letters[0]] == ["view:V:V.match.s1:sb/1"]
    assert {*waited} == {(1, 32 << 10), (0, 20)}


def failing_on(version: Any, step: Any) -> Any:
    """A step that fails when it has told of a version."""

    def taken(key: Any, messages: Sequence[Any], given: Any) -> None:
        step(key, messages, given)
        if any(isinstance(m, Told) and m.doc.version == version for m in messages):
            raise ValueError(version)

    return taken


def noting(take: Any, notes: list[Any], note: Any) -> Any:
    def taken(*given: Any) -> Any:
        notes.append(note)
        return take(*given)

    return taken
