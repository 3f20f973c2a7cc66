"""Stock with reservations that expire: one document per item, and one per shop and hour.

A hold (`holds/{id}`) keeps some pieces of an item for a customer until `expiresAt`; nobody writes when it ends. `Stock` says
what is still to be had, and marks what has not been counted for a day; `HoldsPerHour` counts holds in tumbling windows, and
`Rushes` puts holds of one item that follow each other within ten minutes into one document.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from onto_flow import (
    DomainModel,
    Session,
    Store,
    ViewModel,
    agg,
    attrs,
    clock,
    computed,
    many,
    operator,
    root,
    udf,
    window,
)


class Item(DomainModel):
    """Something that is sold."""

    class Meta:
        collection_name = "items"

    name: str = attrs.str
    on_hand: int = attrs.int(default=0)
    counted_at: datetime | None = attrs.timestamp


class Hold(DomainModel):
    """Pieces that are kept for a customer."""

    class Meta:
        collection_name = "holds"

    item = attrs.relation(Item)
    customer: str = attrs.str
    pieces: int = attrs.int(default=1)
    made_at: datetime | None = attrs.timestamp
    expires_at: datetime | None = attrs.timestamp


class StockStore(Store):
    """An item and the holds that count."""

    item = root(Item)
    holds = many(Hold, by=Hold.item, until=Hold.expires_at)
    clock = clock(every=timedelta(hours=1))


class Stock(ViewModel):
    """What of an item is to be had."""

    class Meta:
        collection_name = "stock"

    store: StockStore

    @computed
    def name(self) -> str:
        """The item's name."""
        return self.store.item.name

    @computed
    def held(self) -> int:
        """Pieces that are kept for somebody."""
        return sum(hold.pieces or 0 for hold in self.store.holds)

    @computed
    def available(self) -> int:
        """Pieces that are free; a negative number was promised twice."""
        return (self.store.item.on_hand or 0) - self.held

    @computed
    def next_release(self) -> datetime | None:
        """When the next hold ends."""
        return min((hold.expires_at for hold in self.store.holds if hold.expires_at is not None), default=None)

    @computed
    def to_be_counted(self) -> bool:
        """Whether nobody has counted it for a day."""
        counted = self.store.item.counted_at
        return counted is None or self.store.clock.now - counted > timedelta(days=1)


class HoldStore(Store):
    """A hold."""

    hold = root(Hold)


class HoldsPerHour(ViewModel):
    """Holds by the hour in which they were made."""

    class Meta:
        collection_name = "holdsPerHour"

    store: HoldStore

    @operator.key
    @classmethod
    def hour(cls, hold: Hold) -> datetime | None:
        """The start of the hour."""
        return None if hold.made_at is None else window.tumbling(hold.made_at, timedelta(hours=1))

    holds = agg.count()
    pieces = agg.sum(lambda hold: hold.pieces)


class Rushes(ViewModel):
    """Holds of one item, none more than ten minutes after the one before."""

    class Meta:
        collection_name = "rushes"

    store: HoldStore

    @operator.key
    @classmethod
    def item(cls, hold: Hold) -> str | None:
        """Which item."""
        return hold.item.doc_id if hold.item else None

    rush = window.session(lambda hold: hold.made_at, gap=timedelta(minutes=10))
    holds = agg.count()

    @udf
    @staticmethod
    def minutes(rush: Session) -> float:
        """How long it lasted."""
        return (rush.end - rush.start) / timedelta(minutes=1)
