"""The stocks job: against a plain loop, and with a generated feed against the oracle; on a small export and on the real one."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest

from jobs.stocks import VIEWS, run
from onto_flow import DomainModel, Store, ViewModel, computed, many, plan_views, root
from onto_flow.cli import main
from onto_flow.core.change import BELOW_EVENTS
from onto_flow.core.equality import same
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.formats.export_writer import write_export
from onto_flow.operators.drained.assemble import DrainedAssemble
from onto_flow.operators.messages import Event
from onto_flow.testing.oracle import recompute
from tests.jobs.feeds import documents_of, generated_feed, jsonl_tables, parquet_table, write_feed
from tests.jobs.small import EXPORTED_AT, edit_market, market, new_in_market
from udfs.stocks import SectorPage, StockPage

TABLES = {"StockPage": "stockPages", "SectorPage": "sectorPages"}


@pytest.fixture
def small_export(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_export(tmp_path / "export", market().items())
    return tmp_path / "export"


@pytest.fixture(scope="module")
def real_market(real_exports):
    return documents_of(real_exports / "stocks")


def expected_tables(documents):
    """Both tables by plain loops over all documents."""
    days = {}
    for path, fields in documents.items():
        if path.startswith("prices/"):
            _, symbol, _, day = path.split("/")
            days.setdefault(symbol, {})[day] = fields
    pages, sectors = {}, {}
    for path, stock in documents.items():
        if path.startswith("stocks/"):
            symbol = path.split("/")[1]
            mine = days.get(symbol, {})
            closes = [(day, float(mine[day]["c"])) for day in sorted(mine) if mine[day].get("c") is not None]
            pages[f"stockPages/{symbol}"] = expected_page(stock, mine, closes)
            if stock.get("sector") is not None:
                sectors.setdefault(stock["sector"], []).append((symbol, stock, closes))
    return {
        "StockPage": pages,
        "SectorPage": {f"sectorPages/{s}": expected_sector(s, members) for s, members in sectors.items()},
    }


def expected_page(stock, days, closes):
    moves = [
        (abs(now / before - 1), day, now / before - 1) for (_, before), (day, now) in zip(closes, closes[1:]) if before
    ]
    largest = sorted(moves, key=lambda m: (-m[0], m[1]))[:5]
    page = {
        "sector": stock.get("sector"),
        "industry": stock.get("industry"),
        "last": None,
        "yearRange": None,
        "averageClose": None,
        "largestMoves": [{"date": day, "change": change} for _, day, change in largest],
    }
    if closes:
        last = closes[-1][0]
        year_ago = str(date.fromisoformat(last) - timedelta(days=364))
        year = [d for day, d in days.items() if year_ago < day <= last]
        prices = [float(p) for d in year for p in (d.get("l"), d.get("h"), d.get("c")) if p is not None]
        page["last"] = {"date": last, "price": closes[-1][1]}
        page["yearRange"] = {"low": min(prices), "high": max(prices)}
    if len(closes) >= 20:
        page["averageClose"] = float(sum(Fraction(close) for _, close in closes[-20:])) / 20
    return page


def expected_sector(sector, members):
    yields = [Fraction(stock["dividendYield"]) for _, stock, _ in members if stock.get("dividendYield") is not None]
    paying = sum(y > 0 for y in yields)
    gains = [(c[-1][1] / c[-21][1] - 1, symbol) for symbol, _, c in members if len(c) > 20 and c[-21][1]]
    best = sorted(gains, key=lambda g: (-g[0], g[1]))[:5]
    return {
        "sector": sector,
        "stocks": len(members),
        "marketCap": sum(stock.get("marketCap") or 0 for _, stock, _ in members),
        "totalYield": float(sum(yields)),
        "paying": paying,
        "best": [{"symbol": symbol, "gain": gain} for gain, symbol in best],
        "averageYield": float(sum(yields)) / paying if paying else None,
    }


def check_feed(export, documents, folder, changes):
    """Through the tool to both sinks, against plain loops; returns both sides for further comparison."""
    feed, now = generated_feed(documents, changes, exported_at=EXPORTED_AT, edit=edit_market, new=new_in_market)
    file, at = write_feed(folder / "feed.jsonl", feed), EXPORTED_AT.isoformat()
    ends = ["--source", str(export), "--sink", f"parquet:{folder / 'tables'}", "--feed", file, "--snapshot-time", at]
    assert run("maintain", *ends) == 0
    to_lines = ["--sink", f"jsonl:{folder / 'changes.jsonl'}", "--snapshot-time", at]
    assert main(["run", VIEWS, "--source", str(export), "--feed", f"jsonl:{file}?batch_lines=60", *to_lines]) == 0
    expected, lines = expected_tables(now), jsonl_tables(folder / "changes.jsonl")
    for view, collection in TABLES.items():
        assert same(parquet_table(folder / "tables", collection), expected[view])
        assert same(lines[view], expected[view])
    return expected, now


def test_tables_of_a_small_export(small_export, tmp_path):
    assert run("backfill", "--source", str(small_export), "--sink", f"parquet:{tmp_path / 'tables'}") == 0
    expected = expected_tables(market())
    assert expected["StockPage"]["stockPages/S1"]["last"] is None and "stockPages/S0" not in expected["StockPage"]
    for view, collection in TABLES.items():
        assert parquet_table(tmp_path / "tables", collection) == expected[view]


def test_tables_of_the_real_export(real_exports, real_market, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("backfill", "--source", str(real_exports / "stocks"), "--sink", f"parquet:{tmp_path / 'tables'}") == 0
    expected = expected_tables(real_market)
    assert (len(expected["StockPage"]), len(expected["SectorPage"])) == (99, 11)
    for view, collection in TABLES.items():
        assert parquet_table(tmp_path / "tables", collection) == expected[view]


def test_a_feed_after_a_small_export(small_export, tmp_path):
    expected, now = check_feed(small_export, market(), tmp_path, 500)
    assert same(recompute(plan_views(StockPage, SectorPage), now), expected)


def test_a_feed_after_some_real_stocks(real_market, tmp_path, monkeypatch):
    """Few enough that the oracle, which compares every stock with every day, is done in a moment."""
    monkeypatch.chdir(tmp_path)
    symbols = sorted({path.split("/")[1] for path in real_market})[::12]
    some = {path: fields for path, fields in real_market.items() if path.split("/")[1] in symbols}
    write_export(tmp_path / "export", some.items())
    expected, now = check_feed(tmp_path / "export", some, tmp_path, 500)
    assert same(recompute(plan_views(StockPage, SectorPage), now), expected)


@pytest.mark.long
def test_a_feed_after_the_whole_real_export(real_exports, real_market, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected, now = check_feed(real_exports / "stocks", real_market, tmp_path, 3000)
    assert same(recompute(plan_views(StockPage, SectorPage), now), expected)


class Dated(DomainModel):
    class Meta:
        path = "prices/{symbol}/daily/{date}"


class Listed(DomainModel):
    class Meta:
        collection_name = "stocks"


class ListedStore(Store):
    stock = root(Listed)
    days = many(Dated, on=(Listed.doc_id, Dated.symbol))


class DayCount(ViewModel):
    class Meta:
        collection_name = "dayCounts"

    store: ListedStore

    @computed
    def days(self) -> int:
        return len(self.store.days)


def test_documents_of_which_no_field_is_read_are_there_all_the_same(small_export):
    """A projection to no field, pushed down to the export, is not one to no document."""
    expected = {f"dayCounts/S{n}": {"days": 45 if n > 1 else 0} for n in range(1, 6)}
    assert DayCount.backfill(source=str(small_export)).documents() == expected


def test_a_backfill_evaluates_each_stock_once_however_many_days_it_has(monkeypatch):
    evaluated = []
    evaluate = DrainedAssemble._evaluate

    def counting(self, found):
        evaluated.append(next(iter(found[0])))
        return evaluate(self, found)

    monkeypatch.setattr(DrainedAssemble, "_evaluate", counting)
    flow = LocalFlow(plan_views(StockPage))
    flow.process((path, Event(BELOW_EVENTS, fields)) for path, fields in market(days=500).items())
    assert sorted(evaluated) == [f"stocks/S{n}" for n in range(1, 6)]
