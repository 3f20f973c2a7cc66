"""The tables of Nexmark's views by DuckDB, from the documents that are there at the end."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

from onto_flow.core.keys import document_id
from onto_flow.core.values import Reference

_VALID = "b.dateTime BETWEEN a.dateTime AND a.expires"
_FIGURES = """count(*) AS total, count(*) FILTER (price < 10000) AS low,
    count(*) FILTER (price >= 10000 AND price < 1000000) AS middle, count(*) FILTER (price >= 1000000) AS high"""
QUERIES = {
    "OregonSellers": """SELECT a.id AS key, p.name, p.city, p.state FROM auctions a JOIN persons p ON a.seller = p.id
        WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')""",
    "CategoryPrice": f"""SELECT a.category AS key, a.category, avg(highest) AS price FROM auctions a LEFT JOIN (
        SELECT a.id, max(b.price) AS highest FROM auctions a JOIN bids b ON b.auction = a.id WHERE {_VALID} GROUP BY a.id
        ) USING (id) GROUP BY a.category""",
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
    return key if isinstance(key, str) else document_id(key)


def _plain(value: Any) -> Any:
    return value.doc_id if isinstance(value, Reference) else value
