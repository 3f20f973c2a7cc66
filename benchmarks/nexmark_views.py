"""Nexmark's queries as views of documents: 3, 4, 9, 15, 17, 18, and 20 with 19."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from onto_flow import DomainModel, Many, Store, ViewModel, agg, attrs, computed, many, one, operator, root, udf

CATEGORY = 10
NEAR = ("OR", "ID", "CA")
LOW, HIGH = 10_000, 1_000_000


class Person(DomainModel):
    class Meta:
        collection_name = "persons"

    name: str = attrs.str
    city: str = attrs.str
    state: str = attrs.str


class Auction(DomainModel):
    class Meta:
        collection_name = "auctions"

    item_name: str = attrs.str
    date_time: datetime = attrs.timestamp
    expires: datetime = attrs.timestamp
    seller = attrs.relation(Person)
    category: int = attrs.int


class Bid(DomainModel):
    class Meta:
        collection_name = "bids"

    auction = attrs.relation(Auction)
    bidder = attrs.relation(Person)
    price: int = attrs.int
    date_time: datetime = attrs.timestamp


class SellerStore(Store):
    auction = root(Auction)
    seller = one(Person, via=Auction.seller, required=True)


class OregonSellers(ViewModel):
    """q3: auctions of one category whose sellers live near."""

    class Meta:
        collection_name = "oregonSellers"

    store: SellerStore

    @operator.filter
    @classmethod
    def near(cls, auction: Auction, seller: Person) -> bool:
        return auction.category == CATEGORY and seller.state in NEAR

    @computed
    def name(self) -> str:
        return self.store.seller.name

    @computed
    def city(self) -> str:
        return self.store.seller.city

    @computed
    def state(self) -> str:
        return self.store.seller.state


class AuctionStore(Store):
    auction = root(Auction)
    bids = many(Bid, by=Bid.auction)


class CategoryPrice(ViewModel):
    """q4: the average of the highest valid bids per category."""

    class Meta:
        collection_name = "categoryPrice"

    store: AuctionStore

    @udf
    @staticmethod
    def highest(auction: Auction, bids: Many[Bid]) -> int | None:
        began, ends = auction.date_time, auction.expires
        return max((b.price for b in bids if began <= b.date_time <= ends), default=None)

    @operator.key
    @classmethod
    def category(cls, auction: Auction) -> int:
        return auction.category

    price = agg.avg(lambda highest: highest)


class BidStore(Store):
    bid = root(Bid)
    auction = one(Auction, via=Bid.auction, required=True)


class WinningBid(ViewModel):
    """q9: the bid that wins each auction: the highest while it ran, the earliest of several."""

    class Meta:
        collection_name = "winningBid"

    store: BidStore

    @operator.filter
    @classmethod
    def valid(cls, bid: Bid, auction: Auction) -> bool:
        return auction.date_time <= bid.date_time <= auction.expires

    @operator.key
    @classmethod
    def auction_id(cls, auction: Auction) -> str:
        return auction.doc_id

    bid = agg.first(lambda bid: bid.doc_id, order_by=lambda bid: (-bid.price, bid.date_time))
    price = agg.max(lambda bid: bid.price)


class AuctionWithBids(ViewModel):
    """q20 and q19: auctions of one category with their ten highest bids."""

    class Meta:
        collection_name = "auctionWithBids"

    store: BidStore

    @operator.filter
    @classmethod
    def chosen(cls, auction: Auction) -> bool:
        return auction.category == CATEGORY

    @operator.key
    @classmethod
    def auction_id(cls, auction: Auction) -> str:
        return auction.doc_id

    item = agg.max(lambda auction: auction.item_name)
    bids = agg.count()
    highest = agg.top_k(lambda bid: bid.price, 10)


class OneBidStore(Store):
    bid = root(Bid)


class AuctionDayKey(NamedTuple):
    auction: str
    day: str


class AuctionDay(ViewModel):
    """q17: figures per auction and day."""

    class Meta:
        collection_name = "auctionDay"

    store: OneBidStore

    @operator.key
    @classmethod
    def auction_day(cls, bid: Bid) -> AuctionDayKey | None:
        return None if bid.auction is None else AuctionDayKey(bid.auction.doc_id, bid.date_time.date().isoformat())

    total = agg.count()
    low = agg.count(where=lambda bid: bid.price < LOW)
    middle = agg.count(where=lambda bid: LOW <= bid.price < HIGH)
    high = agg.count(where=lambda bid: bid.price >= HIGH)
    min_price = agg.min(lambda bid: bid.price)
    max_price = agg.max(lambda bid: bid.price)
    avg_price = agg.avg(lambda bid: bid.price)
    sum_price = agg.sum(lambda bid: bid.price, type=int)


class DayStats(ViewModel):
    """q15: figures per day: one hot document."""

    class Meta:
        collection_name = "dayStats"

    store: OneBidStore

    @operator.key
    @classmethod
    def day(cls, bid: Bid) -> str:
        return bid.date_time.date().isoformat()

    total = agg.count()
    low = agg.count(where=lambda bid: bid.price < LOW)
    middle = agg.count(where=lambda bid: LOW <= bid.price < HIGH)
    high = agg.count(where=lambda bid: bid.price >= HIGH)
    bidders = agg.count_distinct(lambda bid: bid.bidder)
    high_bidders = agg.count_distinct(lambda bid: bid.bidder, where=lambda bid: bid.price >= HIGH)
    auctions = agg.count_distinct(lambda bid: bid.auction)
    low_auctions = agg.count_distinct(lambda bid: bid.auction, where=lambda bid: bid.price < LOW)


class LastBidKey(NamedTuple):
    bidder: str
    auction: str


class LastBid(ViewModel):
    """q18: the last bid of each bidder on each auction."""

    class Meta:
        collection_name = "lastBid"

    store: OneBidStore

    @operator.key
    @classmethod
    def bidder_auction(cls, bid: Bid) -> LastBidKey | None:
        if bid.bidder is None or bid.auction is None:
            return None
        return LastBidKey(bid.bidder.doc_id, bid.auction.doc_id)

    bid = agg.last(lambda bid: bid.doc_id, order_by=lambda bid: bid.date_time)
    price = agg.last(lambda bid: bid.price, order_by=lambda bid: bid.date_time)


VIEWS = (OregonSellers, CategoryPrice, WinningBid, AuctionWithBids, AuctionDay, DayStats, LastBid)
