"""The directed holes of the protocol on Beam's own steps: orders that random tests meet once in 20,000 histories or never."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

from beam_hand import BeamHand

from onto_flow.engines.beam.turn import Turn
from tests.laws import scenarios

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

OF_OTHER_ENGINES = {
    "a_deletion_and_a_subscription_in_one_batch",
    "a_group_that_forgot_its_path_is_published_again",
    "what_a_slot_does_not_hold_asks_for_nothing",
    "a_view_reads_another_one",
    "a_phantom_comes_and_goes",
}
"""Of drained batches, of what an engine without exactly-once does after a restore, and those that lead no engine by hand."""

HOLES = {name: scenario for name, scenario in scenarios.SCENARIOS.items() if name not in OF_OTHER_ENGINES}


@pytest.mark.parametrize("hole", HOLES.values(), ids=HOLES)
def test_hole(hole: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios, "Hand", BeamHand)
    hole()


def found(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The holes that are open."""
    monkeypatch.setattr(scenarios, "Hand", BeamHand)
    opened = set()
    for name, hole in HOLES.items():
        try:
            hole()
        except Exception:
            opened.add(name)
    return opened


def test_timers_that_are_lost_open_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pages nobody after the first is told; the holes of pages are looked at, not only passed by."""
    monkeypatch.setattr(Turn, "set_timers", lambda turn, asked: None)
    assert {"a_page_says_what_an_answer_would_say", "a_round_hears_of_what_changes_meanwhile"} <= found(monkeypatch)
