"""The tables of Nexmark's views by DuckDB, from the documents that are there at the end."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import duckdb
import pyarrow as pa

from benchmarks.nexmark_views import GAP, HOP, HOPPING, MOST
from onto_flow.core.keys import document_id
from onto_flow.core.values import Reference

_VALID = "b.dateTime BETWEEN a.dateTime AND a.expires"
_FIGURES = """count(*) AS total, count(*) FILTER (price < 10000) AS low,
    count(*) FILTER (price >= 10000 AND price < 1000000) AS middle, count(*) FILTER (price >= 1000000) AS high"""
_PRICES = f"""SELECT a.id AS key, any_value(a.category) AS category, max(b.price) AS highest
    FROM auctions a LEFT JOIN bids b ON b.auction = a.id AND {_VALID} GROUP BY a.id"""
_EVERY, _SIZE = f"INTERVAL {HOP.seconds} SECONDS", f"INTERVAL {HOPPING.seconds} SECONDS"
_WINDOWS = f"""SELECT {{a: auction, s: start}} AS key, auction, start, count(*) AS bids FROM (
    SELECT auction, dateTime, unnest(range(time_bucket({_EVERY}, dateTime) - {_SIZE} + {_EVERY},
        dateTime + INTERVAL 1 MICROSECOND, {_EVERY})) AS start FROM bids) GROUP BY auction, start"""
_NEWEST = f"QUALIFY row_number() OVER (PARTITION BY {{}} ORDER BY dateTime DESC) <= {MOST}"
QUERIES = {
    "OregonSellers": """SELECT a.id AS key, p.name, p.city, p.state FROM auctions a JOIN persons p ON a.seller = p.id
        WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')""",
    "AuctionPrice": _PRICES,
    "CategoryPrice": f"SELECT category AS key, category, avg(highest) AS price FROM ({_PRICES}) GROUP BY category",
    "AuctionWindow": _WINDOWS,
    "HotAuction": f"""SELECT start AS key, start, auction, bids FROM ({_WINDOWS})
        QUALIFY row_number() OVER (PARTITION BY start ORDER BY bids DESC, auction) = 1""",
    "BidderSessions": f"""SELECT {{b: bidder, s: min(dateTime)}} AS key, bidder,
        {{"start": min(dateTime), "end": max(dateTime)}} AS session, count(*) AS bids
        FROM (SELECT *, sum(begins) OVER (PARTITION BY bidder ORDER BY dateTime) AS number FROM (
            SELECT bidder, dateTime, coalesce(dateTime - lag(dateTime) OVER (PARTITION BY bidder ORDER BY dateTime)
                > INTERVAL {GAP.seconds} SECONDS, true)::INT AS begins FROM bids))
        GROUP BY bidder, number""",
    "SellerTrades": f"""SELECT p.id AS key, any_value(p.name) AS name,
        coalesce(list({{auction: a.id, bid: b.id, price: b.price}} ORDER BY a.dateTime DESC, b.dateTime DESC)
            FILTER (a.id IS NOT NULL AND b.id IS NOT NULL), []) AS trades
        FROM persons p LEFT JOIN (SELECT * FROM auctions {_NEWEST.format("seller")}) a ON a.seller = p.id
        LEFT JOIN (SELECT * FROM bids {_NEWEST.format("bidder")}) b ON b.bidder = p.id GROUP BY p.id""",
    "WinningBid": f"""SELECT a.id AS key, a.id AS auctionId, b.id AS bid, b.price FROM auctions a
        JOIN bids b ON b.auction = a.id WHERE {_VALID}
        QUALIFY row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.dateTime, b.id) = 1""",
    "AuctionWithBids": """SELECT a.id AS key, a.id AS auctionId, max(a.itemName) AS item, count(*) AS bids,
        list(b.price ORDER BY b.price DESC)[1:10] AS highest
        FROM auctions a JOIN bids b ON b.auction = a.id WHERE a.category = 10 GROUP BY a.id""",
    "AuctionDay": f"""SELECT auction || '|' || day AS key, auction, day, {_FIGURES}, min(price) AS minPrice,
        max(price) AS maxPrice, avg(price) AS avgPrice, sum(price)::BIGINT AS sumPrice FROM bids GROUP BY auction, day""",
    "DayStats": f"""SELECT day AS key, day, {_FIGURES}, count(DISTINCT bidder) AS bidders,
        count(DISTINCT bidder) FILTER (price >= 1000000) AS highBidders, count(DISTINCT auction) AS auctions,
        count(DISTINCT auction) FILTER (price < 10000) AS lowAuctions FROM bids GROUP BY day""",
    "LastBid": """SELECT bidder || '|' || auction AS key, bidder, auction, id AS bid, price FROM bids
        QUALIFY row_number() OVER (PARTITION BY bidder, auction ORDER BY dateTime DESC, id) = 1""",
}
_COLUMNS = {
    "persons": ("name", "city", "state"),
    "auctions": ("itemName", "dateTime", "expires", "seller", "category"),
    "bids": ("auction", "bidder", "price", "dateTime"),
}


def tables(documents: dict[str, dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """View -> key -> view document."""
    connection = duckdb.connect()
    connection.sql("SET TimeZone = 'UTC'")
    for collection, names in _COLUMNS.items():
        mine = [(p.partition("/")[2], f) for p, f in documents.items() if p.startswith(f"{collection}/")]
        columns: dict[str, list[Any]] = {"id": [id for id, _ in mine]}
        columns |= {name: [_plain(fields[name]) for _, fields in mine] for name in names}
        if collection == "bids":
            columns["day"] = [fields["dateTime"].date().isoformat() for _, fields in mine]
        connection.register(collection, pa.table(columns))
    found = {}
    for view, query in QUERIES.items():
        rows = connection.sql(query).to_arrow_table().to_pylist()
        found[view] = {_name(row.pop("key")): row for row in rows}
    return found


def _name(key: Any) -> str:
    """The id that a key gives: of a struct, from its parts."""
    if isinstance(key, str):
        return key
    return document_id(tuple(map(_utc, key.values())) if isinstance(key, dict) else _utc(key))


def _utc(value: Any) -> Any:
    return value.astimezone(timezone.utc) if isinstance(value, datetime) else value


def _plain(value: Any) -> Any:
    return value.doc_id if isinstance(value, Reference) else value
