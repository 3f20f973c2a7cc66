"""The tables of stocks: one document per stock and one per sector.

In the export, `stocks/{symbol}` has what is known of a stock, and `prices/{symbol}/daily/{date}` a day's prices; there is no
document `prices/{symbol}`. Symbol and date are in the path alone: a stock meets its days by ids. Dates are texts
(`2025-10-24`), so their order is that of texts. Prices are doubles, or integers where they have no fraction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import fsum

from onto_flow import DomainModel, Many, Store, ViewModel, agg, attrs, computed, many, operator, root, udf

YEAR = timedelta(weeks=52)
AVERAGE_DAYS = 20
MOVES = 5
BEST = 5


class Stock(DomainModel):
    """A stock; its id is the symbol."""

    class Meta:
        collection_name = "stocks"

    sector: str | None = attrs.str
    industry: str | None = attrs.str
    market_cap: int | None = attrs.int
    dividend_yield: float | None = attrs.float


class Day(DomainModel):
    """The prices of a stock on one day."""

    class Meta:
        path = "prices/{symbol}/daily/{date}"

    symbol: str = attrs.part
    date: str = attrs.part
    close: float | None = attrs.float(name="c")
    high: float | None = attrs.float(name="h")
    low: float | None = attrs.float(name="l")


class StockStore(Store):
    """A stock and all its days."""

    stock = root(Stock)
    days = many(Day, on=(Stock.doc_id, Day.symbol))


@dataclass(frozen=True)
class Close:
    """The price at the end of a day."""

    date: str
    price: float


@dataclass(frozen=True)
class Range:
    """The lowest and the highest price of a time."""

    low: float
    high: float


@dataclass(frozen=True)
class Move:
    """How a price changed from one close to the next: 0.1 is a tenth more."""

    date: str
    change: float


@dataclass(frozen=True)
class Performance:
    """How much a stock gained in the days of the average."""

    symbol: str
    gain: float


def closes(days: Iterable[Day]) -> list[Close]:
    """The closes of some days, by date.

    Example:
        >>> closes([Day("prices/A/daily/2025-01-03", {"c": 8}), Day("prices/A/daily/2025-01-02", {"c": 7.5})])
        [Close(date='2025-01-02', price=7.5), Close(date='2025-01-03', price=8.0)]
    """
    found = [Close(day.date, float(day.close)) for day in days if day.close is not None]
    return sorted(found, key=lambda close: close.date)


def moves(history: list[Close]) -> list[Move]:
    """The changes from each close to the next.

    Example:
        >>> moves([Close("2025-01-02", 8.0), Close("2025-01-03", 10.0), Close("2025-01-06", 5.0)])
        [Move(date='2025-01-03', change=0.25), Move(date='2025-01-06', change=-0.5)]
    """
    return [Move(now.date, now.price / before.price - 1) for before, now in pairwise(history) if before.price]


class StockPage(ViewModel):
    """One document per stock: last close, 52-week range, moving average, largest moves."""

    class Meta:
        collection_name = "stockPages"

    store: StockStore

    @computed
    def _history(self) -> list[Close]:
        return closes(self.store.days)

    @computed
    def sector(self) -> str | None:
        """The sector."""
        return self.store.stock.sector

    @computed
    def industry(self) -> str | None:
        """The industry."""
        return self.store.stock.industry

    @computed
    def last(self) -> Close | None:
        """The last close."""
        return self._history[-1] if self._history else None

    @computed
    def year_range(self) -> Range | None:
        """The range of the 52 weeks that end with the last close."""
        if self.last is None:
            return None
        since = (date.fromisoformat(self.last.date) - YEAR).isoformat()
        year = [day for day in self.store.days if since < day.date <= self.last.date]
        prices = [float(price) for day in year for price in (day.low, day.high, day.close) if price is not None]
        return Range(min(prices), max(prices))

    @computed
    def average_close(self) -> float | None:
        """The mean of the last 20 closes, rounded once; `None` while there are fewer."""
        recent = [close.price for close in self._history[-AVERAGE_DAYS:]]
        return fsum(recent) / AVERAGE_DAYS if len(recent) == AVERAGE_DAYS else None

    @computed
    def largest_moves(self) -> list[Move]:
        """The five largest changes from a close to the next, up or down; of equal ones the earlier first."""
        return sorted(moves(self._history), key=lambda move: (-abs(move.change), move.date))[:MOVES]


class SectorPage(ViewModel):
    """One document per sector: how many stocks, what they are worth and pay, and which gained most."""

    class Meta:
        collection_name = "sectorPages"

    store: StockStore

    @udf
    @staticmethod
    def performance(stock: Stock, days: Many[Day]) -> Performance | None:
        """The gain of a stock since the close 20 days before its last; `None` while there are fewer."""
        history = closes(days)[-AVERAGE_DAYS - 1 :]
        if len(history) <= AVERAGE_DAYS or not history[0].price:
            return None
        return Performance(stock.doc_id, history[-1].price / history[0].price - 1)

    @operator.key
    @classmethod
    def sector(cls, stock: Stock) -> str | None:
        """The sector."""
        return stock.sector

    stocks = agg.count()
    market_cap = agg.sum(lambda stock: stock.market_cap, type=int)
    total_yield = agg.sum(lambda stock: stock.dividend_yield, type=float)
    paying = agg.count(where=lambda stock: stock.dividend_yield)
    best = agg.collect(
        lambda performance: performance, order_by=lambda performance: performance.gain, descending=True, limit=BEST
    )

    @udf
    @staticmethod
    def average_yield(total_yield: float, paying: int) -> float | None:
        """The mean dividend yield of the stocks that pay one."""
        return total_yield / paying if paying else None
