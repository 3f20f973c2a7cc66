"""A run that has nothing to do looks again when a reader or something of its own asks for it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from onto_flow.engines.local.pausing import LONGEST, SHORTEST, pause
from onto_flow.engines.local.publisher import Publisher


class Waking:
    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds

    def next_wake(self) -> datetime | None:
        if self.seconds is None:
            return None
        return datetime.now(timezone.utc) + timedelta(seconds=self.seconds)


def test_the_first_reader_that_asks_is_waited_for() -> None:
    assert pause([Waking(3), Waking(0.01)], float("inf")) < LONGEST / 2
    assert pause([Waking(3)], float("inf")) == LONGEST
    assert pause([Waking(0.01), Waking(None)], float("inf")) == SHORTEST
    assert pause([Waking(-1)], float("inf")) == SHORTEST


def test_what_the_run_itself_has_to_do_is_not_slept_through() -> None:
    assert pause([Waking(3)], 0.003) == 0.003


def test_a_publication_is_due_once_something_was_written() -> None:
    published: list[int] = []
    publisher = Publisher(0.0, lambda: published.append(1))
    assert publisher.due() == float("inf")
    publisher.wrote()
    assert publisher.due() <= 0
    publisher.tick()
    assert published == [1]
    assert publisher.due() == float("inf")
    slow = Publisher(60.0, lambda: None)
    slow.wrote()
    assert 0 < slow.due() <= 1.0
