"""Nexmark's queries as views of documents: 3, 4, 5, 9, 11, 15, 17, 18, 20 with 19, and 23 with a limit."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from onto_flow import DomainModel, Store, ViewModel, agg, attrs, computed, many, one, operator, root, window

CATEGORY = 10
NEAR = ("OR", "ID", "CA")
LOW, HIGH = 10_000, 1_000_000
HOPPING, HOP = timedelta(minutes=10), timedelta(minutes=5)
GAP = timedelta(seconds=10)
MOST = 5
"""So many auctions of a seller, and so many bids, are looked at."""


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


class AuctionPrice(ViewModel):
    """The highest valid bid of each auction, kept by an accumulator: a hot auction costs no more than another."""

    class Meta:
        collection_name = "auctionPrice"

    store: AuctionStore

    @computed
    def category(self) -> int:
        return self.store.auction.category

    highest = agg.max(
        lambda bid: bid.price,
        where=lambda bid, auction: auction.date_time <= bid.date_time <= auction.expires,
        over=AuctionStore.bids,
    )


class AuctionPriceStore(Store):
    auction = root(AuctionPrice)


class CategoryPrice(ViewModel):
    """q4: the average of the highest valid bids per category; over the documents of another view."""

    class Meta:
        collection_name = "categoryPrice"

    store: AuctionPriceStore

    @operator.key
    @classmethod
    def category(cls, auction: AuctionPrice) -> int:
        return auction.category

    price = agg.avg(lambda auction: auction.highest)


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


class AuctionWindowKey(NamedTuple):
    auction: str
    start: datetime


class AuctionWindow(ViewModel):
    """Bids per auction and hopping window."""

    class Meta:
        collection_name = "auctionWindow"

    store: OneBidStore

    @operator.expand
    @classmethod
    def began(cls, bid: Bid) -> list[datetime]:
        return window.hopping(bid.date_time, HOPPING, every=HOP)

    @operator.key
    @classmethod
    def auction_window(cls, bid: Bid, began: datetime) -> AuctionWindowKey | None:
        return None if bid.auction is None else AuctionWindowKey(bid.auction.doc_id, began)

    bids = agg.count()


class AuctionWindowStore(Store):
    counted = root(AuctionWindow)


class HotAuction(ViewModel):
    """q5: the auction with the most bids of each hopping window; over the documents of another view."""

    class Meta:
        collection_name = "hotAuction"

    store: AuctionWindowStore

    @operator.key
    @classmethod
    def start(cls, counted: AuctionWindow) -> datetime:
        return counted.start

    auction = agg.first(lambda counted: counted.auction, order_by=lambda counted: -counted.bids)
    bids = agg.max(lambda counted: counted.bids)


class BidderSessions(ViewModel):
    """q11: how many bids each bidder makes in a session."""

    class Meta:
        collection_name = "bidderSessions"

    store: OneBidStore

    @operator.key
    @classmethod
    def bidder(cls, bid: Bid) -> str | None:
        return None if bid.bidder is None else bid.bidder.doc_id

    session = window.session(lambda bid: bid.date_time, gap=GAP)
    bids = agg.count()


class PersonStore(Store):
    person = root(Person)
    sold = many(Auction, by=Auction.seller, order_by=Auction.date_time, descending=True, limit=MOST)
    bids = many(Bid, by=Bid.bidder, order_by=Bid.date_time, descending=True, limit=MOST)


class Trade(NamedTuple):
    auction: str
    bid: str
    price: int


class SellerTrades(ViewModel):
    """q23: each auction of a seller with each bid that the same person makes; a limit on both keeps it from exploding."""

    class Meta:
        collection_name = "sellerTrades"

    store: PersonStore

    @computed
    def name(self) -> str:
        return self.store.person.name

    @computed
    def trades(self) -> list[Trade]:
        return [Trade(a.doc_id, b.doc_id, b.price) for a in self.store.sold for b in self.store.bids]


RUNS: tuple[tuple[type[ViewModel], ...], ...] = (
    (OregonSellers,),
    (AuctionPrice, CategoryPrice),
    (AuctionWindow, HotAuction),
    (WinningBid,),
    (BidderSessions,),
    (DayStats,),
    (AuctionDay,),
    (LastBid,),
    (AuctionWithBids,),
    (SellerTrades,),
)
"""The views of each query; each such flow runs alone, then all in one."""

VIEWS = tuple(view for views in RUNS for view in views)
