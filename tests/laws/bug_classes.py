"""The classes of bugs seen in the wild in systems like this one, each as a scenario that fails when its guard is broken.

The numbers, and where each was seen, are those of the survey of the field that the project keeps outside of the repository.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from onto_flow import Reference, ViewModel, agg, operator
from onto_flow.core.change import ViewChange
from onto_flow.core.errors import DeclarationError
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.messages import Event
from onto_flow.testing import EXPORT, scenario
from tests.laws.checked.views import Circle, CustomerPage, Echo, Load, Prices, Product, ProductPage, ShopStore

TEA = {"title": "tea", "sku": "t", "price": 1.5}


def product(price, *percents):
    return {"price": price, "percents": list(percents)}


def tail_opened_after_the_snapshot():
    """1: writes at every point of the handover; none is lost."""
    writes = [("products/p", {**TEA, "price": float(n)}) for n in range(4)]
    for export in range(len(writes) + 1):
        for feed in ("1 | 2 | 3 | 4", "4 | 3 2 | 1 1"):
            changes = [*writes[:export], EXPORT, *writes[export:]]
            told = scenario(ProductPage).when(*changes)
            told.as_job(delivered=feed).then({"productPages/p": product(3.0)})


def acknowledged_before_the_checkpoint():
    """2: killed between reading and committing, the feed gives again what was not safe."""
    for kill in range(9):
        for checkpoint in (False, True):
            told = (
                scenario(ProductPage)
                .given({"products/p": TEA})
                .when(*(("products/p", {"price": n}) for n in (2.0, 3.0)))
            )
            told.as_job(kill=kill, checkpoint=checkpoint).then({"productPages/p": product(3.0)})


def a_restart_takes_modified_for_added():
    """3: after a restart a count is what it was."""
    told = (
        scenario(Prices).given({"products/p": TEA}).when(("products/p", {"price": 2.5}), ("products/p", {"price": 3.5}))
    )
    expected = {"prices/tea": {"title": "tea", "total": 3.5}}
    told.delivered("1 | kill | 2").then(expected)
    told.as_job(kill=4, checkpoint=True).then(expected)


def delete_and_insert_of_one_key_in_a_batch():
    """4: two changes of one document in one batch, in any order."""
    told = scenario(ProductPage).given({"products/p": TEA}).when(("products/p", None), ("products/p", {"price": 2.0}))
    for delivered in ("1 2", "2 1", "2 1 2"):
        told.delivered(delivered).then({"productPages/p": product(2.0)})


def out_of_order_events_overwrite_newer_data():
    """5: the last update time wins, whatever comes last."""
    told = (
        scenario(ProductPage).given({"products/p": TEA}).when(*(("products/p", {"price": n}) for n in (2.0, 3.0, 4.0)))
    )
    for order in itertools.permutations("123"):
        told.delivered(" | ".join(order)).then({"productPages/p": product(4.0)})
        told.delivered(" ".join(order)).then({"productPages/p": product(4.0)})
    for repeat in range(4):
        told.as_job(repeat=repeat).then({"productPages/p": product(4.0)})


def redelivery_doubles_a_counter():
    """6: every message twice, and the counter counts once."""
    order = {"customer": Reference("customers/c"), "state": "open"}
    told = (
        scenario(Load)
        .given({"customers/c": {"name": "Ada", "tier": "x"}})
        .when(("orders/1", order), ("orders/2", order))
    )
    expected = {"loads/x|open": {"tier": "x", "state": "open", "orders": 2, "alone": 2, "names": ["Ada", "Ada"]}}
    for delivered in ("1 | 1 | 2 | 2 | 1", "1 1 2 2", "2 | 1 2 | 2 1 1"):
        told.delivered(delivered).then(expected)
    twice = scenario(Prices).when(("products/p", TEA)).delivered("1 | 1 1 | 1")
    twice.then({"prices/tea": {"title": "tea", "total": 1.5}})


def a_view_that_sets_itself_off():
    """7: a view inside a collection group that it reads is refused when it is planned."""
    with pytest.raises(DeclarationError, match="Echo reads what it writes"):
        Echo.plan()


def an_old_import_overwrites_a_live_change():
    """8: what the export holds never wins against what was written after it, nor against an event that came first."""
    told = scenario(ProductPage).when(("products/p", TEA), EXPORT, ("products/p", {"price": 9.0}))
    for delivered in ("1 | 2", "2 | 1", "2 1"):
        told.delivered(delivered).then({"productPages/p": product(9.0)})
        told.as_job(delivered=delivered).then({"productPages/p": product(9.0)})


def deleted_during_the_backfill():
    """9: a document that goes between snapshot and tail stays away, also when its last write comes late."""
    offer = {"skus": ["t"], "percent": 5}
    told = scenario(ProductPage).given({"products/p": TEA, "offers/o": offer})
    told = told.when(("offers/o", {"percent": 6}), ("offers/o", None))
    for delivered in ("2 | 1", "2 | 1 | 2 1", "1 2"):
        told.delivered(delivered).then({"productPages/p": product(1.5)})
    after = scenario(ProductPage).when(("products/p", TEA), ("offers/o", offer), EXPORT, ("offers/o", None))
    for delivered in ("3 | 2 | 1", "3"):
        after.delivered(delivered).then({"productPages/p": product(1.5)})


def a_restart_inside_a_join():
    """10: killed while one document's change goes to many, each of them is there once, and right."""
    boss = {f"people/{n}": {"name": f"n{n}", "friends": [Reference("people/9")]} for n in range(3)}
    told = scenario(Circle).given({**boss, "people/9": {"name": "old", "boss": Reference("people/9")}})
    told = told.when(("people/9", {"name": "older"}), ("people/9", {"name": "new"}), ("people/1", {"name": "other"}))
    shown = {f"circles/{n}": {"friends": ["9 new"], "bosses": ["9 new"]} for n in range(3)}
    for kill in range(3, 8):
        told.as_job(kill=kill, checkpoint=True).then({**shown, "circles/9": {"friends": [], "bosses": []}})


def part_of_a_transaction_is_visible():
    """11: documents that come in one batch show together; across batches a view is eventual, which `docs/laws.md` says."""
    given = {"customers/c": {"name": "Ada"}, "orders/1": {"customer": Reference("customers/c"), "state": "open"}}
    told = (
        scenario(CustomerPage).given(given).when(("customers/c", {"name": "King"}), ("orders/1", {"state": "closed"}))
    )
    expected = {"customerPages/c": {"name": "King", "openOrders": [], "titles": [], "howMany": 0}}
    told.delivered("1 2").then(expected)


NUMBERS = [itertools.count(1)]


class Numbered(ViewModel):
    """Not deterministic on purpose: each row counts another number."""

    class Meta:
        collection_name = "numbers"

    store: ShopStore

    @operator.key
    @classmethod
    def everything(cls, product: Product) -> str:
        return "all"

    total = agg.sum(lambda product: next(NUMBERS[0]))


def a_value_that_cannot_be_computed_again():
    """12: what is taken back is what was added, not what the code would say now."""
    NUMBERS[0] = itertools.count(1)
    flow = LocalFlow(Numbered.plan())
    totals = []
    for version, (path, fields) in enumerate(
        [("1", TEA), ("2", TEA), ("2", {**TEA, "price": 2.0}), ("1", None), ("2", None)]
    ):
        for change in flow.process([(f"products/{path}", Event((version + 1, 0), fields))]):
            assert isinstance(change, ViewChange)
            totals.append(None if change.new is None else change.new["total"])
    assert totals == [1, 1 + 2, 1 + 3, 3, None]
    changed = scenario(Prices).given({"products/p": TEA}).when(("products/p", {"price": 4.0}))
    changed.then({"prices/tea": {"title": "tea", "total": 4.0}})


def an_empty_group_leaves_a_document():
    """13: the last member goes, and its group with it."""
    told = scenario(Prices).given({"products/p": TEA, "products/q": TEA})
    told = told.when(("products/p", None)).then({"prices/tea": {"title": "tea", "total": 1.5}})
    told = told.when(("products/q", {"title": "milk"})).then({"prices/milk": {"title": "milk", "total": 1.5}})
    told.when(("products/q", None)).then({})


def a_foreign_key_moves():
    """14: both parents are right, the one that lost it too."""
    order = {"customer": Reference("customers/a"), "state": "open"}
    told = scenario(CustomerPage).given({"customers/a": {"name": "A"}, "customers/b": {"name": "B"}, "orders/1": order})
    empty = {"openOrders": [], "titles": [], "howMany": 0}
    told.when(("orders/1", {"customer": Reference("customers/b")})).then(
        {
            "customerPages/a": {"name": "A", **empty},
            "customerPages/b": {"name": "B", **empty, "openOrders": ["1"], "howMany": 100},
        }
    )


def a_hot_document():
    """15: a thousand changes that meet in one view document are one write, and one that changes nothing is none."""
    flow = LocalFlow(CustomerPage.plan())
    order = {"customer": Reference("customers/c"), "state": "open"}
    flow.process([("customers/c", Event((1, 0), {"name": "Ada"}))])
    [one] = flow.process([(f"orders/{n}", Event((1, 0), order)) for n in range(1000)])
    assert isinstance(one, ViewChange)
    assert len(one.new["openOrders"]) == 1000
    assert flow.process([(f"orders/{n}", Event((2, 0), {**order, "state": "new"})) for n in range(1000)]) == []


CLASSES: dict[int, Callable[[], None]] = dict(
    enumerate(
        (
            tail_opened_after_the_snapshot,
            acknowledged_before_the_checkpoint,
            a_restart_takes_modified_for_added,
            delete_and_insert_of_one_key_in_a_batch,
            out_of_order_events_overwrite_newer_data,
            redelivery_doubles_a_counter,
            a_view_that_sets_itself_off,
            an_old_import_overwrites_a_live_change,
            deleted_during_the_backfill,
            a_restart_inside_a_join,
            part_of_a_transaction_is_visible,
            a_value_that_cannot_be_computed_again,
            an_empty_group_leaves_a_document,
            a_foreign_key_moves,
            a_hot_document,
        ),
        start=1,
    )
)
