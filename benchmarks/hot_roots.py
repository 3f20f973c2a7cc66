"""A view document that many documents meet in: what a backfill costs, and a change after it, by the size of the slot.

The same 20,000 days of prices are those of 100 stocks, of 10, and of one, so the load is the same and its roots differ. CPU
time of the local flow; a batch is drained and each stock in it is evaluated once.

    .venv/bin/python -m benchmarks.hot_roots
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

from onto_flow.core.change import BELOW_EVENTS
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.messages import Event
from udfs.stocks import StockPage

DAYS = 20_000
REPEATED = 20


def day(stock: int, number: int, version: int = 0) -> tuple[str, dict[str, Any]]:
    close = float(number % 97 + version + 1)
    fields = {"c": close, "h": close + 1, "l": close - 0.5}
    return f"prices/S{stock}/daily/{date(1900, 1, 1) + timedelta(days=number)}", fields


def documents(stocks: int) -> Iterable[tuple[str, Event]]:
    for stock in range(stocks):
        yield f"stocks/S{stock}", Event(BELOW_EVENTS, {"sector": "x"})
        for number in range(DAYS // stocks):
            path, fields = day(stock, number)
            yield path, Event(BELOW_EVENTS, fields)


def take(flow: LocalFlow, numbers: Iterable[int], version: int) -> None:
    """Days of the first stock, in one batch."""
    flow.process([(path, Event((version, 0), fields)) for path, fields in (day(0, n, version) for n in numbers)])


def milliseconds(work: Callable[[int], object], repeated: int = REPEATED) -> float:
    """CPU time of one call."""
    start = time.process_time()
    for number in range(1, repeated + 1):
        work(number)
    return (time.process_time() - start) / repeated * 1000


def measured(stocks: int) -> tuple[float, ...]:
    each = DAYS // stocks
    flow = LocalFlow(StockPage.plan())
    load = list(documents(stocks))
    return (
        milliseconds(lambda _: flow.process(load), 1) / 1000,
        milliseconds(lambda n: take(flow, [each - 1], n)),
        milliseconds(lambda n: take(flow, [each + n], 1)),
        milliseconds(lambda n: take(flow, range(each + 100 * n, each + 100 * n + 100), 1)) / 100,
    )


def main() -> None:
    print("stocks  days each  backfill, s  update, ms  insert, ms  insert in a batch of 100, ms")
    for stocks in (100, 10, 1):
        backfill, update, insert, batch = measured(stocks)
        print(f"{stocks:6}{DAYS // stocks:11}{backfill:13.2f}{update:12.2f}{insert:12.2f}{batch:30.2f}")


if __name__ == "__main__":
    main()
