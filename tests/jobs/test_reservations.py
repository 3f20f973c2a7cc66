"""Stock with reservations that expire, as a scenario: documents, changes, ticks, and what the tables say then."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from onto_flow import Reference, plan_views
from onto_flow.core.change import ViewChange
from onto_flow.core.values import to_micros
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.messages import Event
from onto_flow.testing import check_view
from onto_flow.testing.judge_changes import applied, judge_chain
from udfs.reservations import HoldsPerHour, Rushes, Stock

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
BREAD = Reference[Any]("items/bread")


def at(hour: int, minute: int = 0) -> datetime:
    return NOON.replace(hour=hour, minute=minute)


class Shop:
    """A flow with a hand on its clock."""

    def __init__(self, moment: datetime) -> None:
        self.flow = LocalFlow(plan_views(Stock, HoldsPerHour, Rushes))
        self.version = 0
        self.changes: list[ViewChange] = []
        self.time(moment)

    def time(self, moment: datetime) -> int:
        """It becomes this time; returns how many view documents changed by that."""
        self.flow.advance(to_micros(moment))
        return self._take([])

    def write(self, **documents: Any) -> int:
        """Documents by `collection__id`; `None` deletes."""
        self.version += 1
        events = [(n.replace("__", "/"), Event((self.version, 0), f)) for n, f in documents.items()]
        return self._take(events)

    def _take(self, events: Any) -> int:
        found = [o for o in self.flow.process(events) if isinstance(o, ViewChange)]
        self.changes += found
        assert list(judge_chain((c, False) for c in self.changes)) == []
        return len(found)

    def table(self, view: type) -> dict[str, Any]:
        return applied(self.changes).get(view.__name__, {})

    def bread(self) -> tuple[Any, ...]:
        found = self.table(Stock)["stock/bread"]
        return found["available"], found["held"], found["nextRelease"], found["toBeCounted"]


def hold(pieces: int, made: datetime, ends: datetime | None) -> dict[str, Any]:
    return {"item": BREAD, "customer": "ada", "pieces": pieces, "madeAt": made, "expiresAt": ends}


@pytest.fixture
def shop() -> Shop:
    shop = Shop(at(12))
    shop.write(items__bread={"name": "Bread", "onHand": 10, "countedAt": at(9)})
    return shop


def test_a_hold_keeps_pieces_until_it_ends_and_nobody_writes_then(shop: Shop) -> None:
    assert shop.bread() == (10, 0, None, False)
    shop.write(holds__h1=hold(3, at(12), at(12, 30)), holds__h2=hold(4, at(12), at(13)))
    assert shop.bread() == (3, 7, at(12, 30), False)
    assert shop.time(at(12, 29)) == 0, "nothing ends, so nothing is written"
    assert shop.time(at(12, 30)) == 1
    assert shop.bread() == (6, 4, at(13), False)
    shop.time(at(18))
    assert shop.bread() == (10, 0, None, False)


def test_a_hold_that_is_made_longer_before_it_ends_goes_on(shop: Shop) -> None:
    shop.write(holds__h1=hold(3, at(12), at(12, 30)))
    shop.write(holds__h1=hold(3, at(12), at(14)))
    assert shop.time(at(12, 45)) == 0
    assert shop.bread()[:2] == (7, 3)


def test_a_hold_that_is_made_longer_after_it_ended_counts_again(shop: Shop) -> None:
    shop.write(holds__h1=hold(3, at(12), at(12, 30)))
    shop.time(at(12, 45))
    assert shop.bread()[:2] == (10, 0)
    shop.write(holds__h1=hold(3, at(12), at(14)))
    assert shop.bread()[:2] == (7, 3)
    shop.time(at(14))
    assert shop.bread()[:2] == (10, 0)


def test_a_hold_that_comes_when_it_is_over_never_counts_and_one_without_end_always(shop: Shop) -> None:
    assert shop.write(holds__late=hold(3, at(10), at(11))) == 2, "an hour and a rush, but no stock"
    shop.write(holds__open=hold(2, at(12), None))
    shop.time(at(23))
    assert shop.bread()[:2] == (8, 2)


def test_a_hold_that_is_deleted_or_moved_before_it_ends_does_nothing_then(shop: Shop) -> None:
    shop.write(holds__h1=hold(3, at(12), at(12, 30)), holds__h2=hold(1, at(12), at(12, 30)))
    shop.write(holds__h1=None, holds__h2={**hold(1, at(12), at(12, 30)), "item": Reference("items/milk")})
    assert shop.bread()[:2] == (10, 0)
    assert shop.time(at(12, 30)) == 0


def test_the_clock_ticks_by_the_hour_and_only_what_it_changes_is_written(shop: Shop) -> None:
    assert shop.time(at(13)) == 0
    assert shop.time(NOON + timedelta(hours=21)) == 0, "nine o'clock: exactly a day"
    assert shop.time(NOON + timedelta(hours=21, minutes=59)) == 0
    assert shop.time(NOON + timedelta(hours=22)) == 1
    assert shop.bread()[3] is True


def test_time_that_goes_back_changes_nothing(shop: Shop) -> None:
    shop.write(holds__h1=hold(3, at(12), at(12, 30)))
    shop.time(at(13))
    assert shop.time(at(12)) == 0
    assert shop.bread()[:2] == (10, 0)


def test_holds_are_counted_by_the_hour_in_which_they_were_made(shop: Shop) -> None:
    shop.write(holds__h1=hold(3, at(12, 59), None), holds__h2=hold(2, at(12), None), holds__h3=hold(1, at(13), None))
    assert {d["hour"]: (d["holds"], d["pieces"]) for d in shop.table(HoldsPerHour).values()} == {
        at(12): (2, 5),
        at(13): (1, 1),
    }


def test_rushes_grow_meet_and_part(shop: Shop) -> None:
    def rushes() -> list[tuple[Any, ...]]:
        found = shop.table(Rushes).values()
        return sorted((d["rush"]["start"], d["minutes"], d["holds"]) for d in found)

    shop.write(holds__h1=hold(1, at(12), None), holds__h2=hold(1, at(12, 20), None))
    assert rushes() == [(at(12), 0.0, 1), (at(12, 20), 0.0, 1)]
    shop.write(holds__h3=hold(1, at(12, 10), None))
    assert rushes() == [(at(12), 20.0, 3)]
    shop.write(holds__h1=None)
    assert rushes() == [(at(12, 10), 10.0, 2)]
    shop.write(holds__h3={**hold(1, at(12, 10), None), "item": None})
    assert rushes() == [(at(12, 20), 0.0, 1)]


@pytest.mark.parametrize("view", [Stock, HoldsPerHour, Rushes])
def test_the_views_pass_the_tester(view: type) -> None:
    check_view(view, examples=30)
