"""The breaker: when it opens, to the failure."""

from __future__ import annotations

import pytest

from onto_flow.core.change import DeadLetter
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.engines.breaker import Breaker, Limits

KEPT = DeadLetter("view:V:v/1", "udf-failed: KeyError('name')", policy="keep")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def opens(at, *, limits=Limits(), seconds=lambda n: n * 61.0):  # noqa: B008 - frozen
    """The number of the failure that opens it; 0: none does."""
    clock = Clock()
    breaker = Breaker(limits, clock)
    for number, evaluations in enumerate(at, 1):
        clock.now = seconds(number)
        try:
            breaker.failed(KEPT, evaluations)
        except EngineError as error:
            assert error.code == "breaker-open" and "view:V:v/1" in error.what
            return number
    return 0


def test_a_hundred_failures_open_it_where_they_are_more_than_one_percent():
    assert opens(range(1, 1000)) == 100
    assert opens(range(0, 9_900, 99)) == 100
    assert opens(range(100, 2_000_000, 100)) == 0, "exactly 1 % is not more than 1 %"
    assert opens([*range(100, 1_000_001, 100), 1_000_001]) == 10_001


def test_only_the_last_ten_thousand_evaluations_count():
    assert opens([*range(1, 100), *range(10_100, 10_199)]) == 0
    assert opens([*range(1, 100), *range(9_000, 9_002)]) == 100


def test_a_thousand_in_a_minute_open_it_whatever_the_share():
    rare = range(1_000, 10_000_000, 1_000)
    assert opens(rare, seconds=lambda n: n * 0.0599) == 1_000
    assert opens(rare, seconds=lambda n: n * 0.0601) == 0


def test_the_limits_can_be_changed_and_switched_off():
    assert opens(range(1, 1000), limits=Limits(least=5)) == 5
    assert opens(range(1, 1000), limits=Limits(share=1.0, per_minute=10**9)) == 0
    assert opens(range(1, 1000), limits=None) == 0
    assert opens([3, 3, 3], limits=Limits(window=0, per_minute=3), seconds=lambda n: 0.0) == 3


def test_a_view_that_says_fail_stops_the_run_at_once_also_without_limits():
    with pytest.raises(
        EngineError, match=r"view:V:v/1: udf-failed: KeyError\('name'\); the view says on_error"
    ) as caught:
        Breaker(None, Clock()).failed(KEPT._replace(policy="fail"), 1)
    assert caught.value.code == "udf-failed"


def test_letters_that_are_no_evaluations_do_not_count():
    breaker = Breaker(Limits(least=1), Clock())
    breaker.failed(DeadLetter("event:1", "bad-change"), 1)


@pytest.mark.parametrize(
    ("text", "limits"), [("off", None), ("", Limits()), ("least=7", Limits(least=7)), ("share=0.5", Limits(share=0.5))]
)
def test_limits_are_read_from_an_option(text, limits):
    assert Limits.of(text) == limits


@pytest.mark.parametrize("text", [",", "leest=7", "least=seven", "least", "share=nan", "window=-1", "share=inf"])
def test_what_is_no_limit_is_told(text):
    with pytest.raises(UsageError) as caught:
        Limits.of(text)
    assert caught.value.code == "wrong-usage"
