"""Nexmark with mutations as maintained views: events per second, writes per event, equality with DuckDB.

    .venv/bin/python -m benchmarks.nexmark [--events 20000] [--batches 1 1000] [--rounds 3] [--save]

Each view is a flow of its own in this process, by turns; then all views in one flow. Seconds are those of the CPU;
medians. The tables at the end must be DuckDB's over the documents that are there then.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from typing import Any

from benchmarks.charts import RESULTS, bars, markdown, shown
from benchmarks.nexmark_events import events, final
from benchmarks.nexmark_oracle import tables
from benchmarks.nexmark_views import RUNS, VIEWS
from onto_flow import plan_views
from onto_flow.core.change import Change, ViewChange
from onto_flow.engines.base import event
from onto_flow.engines.local.flow import LocalFlow


def follow(views: tuple[type, ...], changes: list[Change], size: int) -> tuple[float, list[list[Any]]]:
    """CPU-seconds, and what each batch gave."""
    flow = LocalFlow(plan_views(*views))
    given = [[event(c) for c in changes[at : at + size]] for at in range(0, len(changes), size)]
    began = time.process_time()
    outputs = [flow.process(batch) for batch in given]
    return time.process_time() - began, outputs


def tables_of(outputs: list[list[Any]]) -> dict[str, dict[str, Any]]:
    """View -> id -> the view document at the end."""
    found: dict[str, dict[str, Any]] = {}
    for output in (o for batch in outputs for o in batch):
        if not isinstance(output, ViewChange):
            raise SystemExit(f"not a view change: {output}")
        table = found.setdefault(output.view, {})
        key = output.path.partition("/")[2]
        if output.new is None:
            del table[key]
        else:
            table[key] = output.new
    return found


def differences(found: dict[str, dict[str, Any]], right: dict[str, dict[str, Any]]) -> list[str]:
    """What of our tables is not as DuckDB has it."""
    return [
        f"{view} {key}: {table.get(key)} is {right[view].get(key)} there"
        for view, table in found.items()
        for key in sorted(table.keys() | right[view].keys())
        if table.get(key) != right[view].get(key)
    ]


def summary(count: int, sizes: list[int], rounds: int) -> list[dict[str, Any]]:
    changes = list(events(count))
    right = tables(final(changes))
    lines = []
    runs = [(" and ".join(v.__name__ for v in views), views) for views in RUNS] + [("all in one flow", VIEWS)]
    for size in sizes:
        for name, views in runs:
            seconds = []
            for _ in range(rounds):
                taken, outputs = follow(views, changes, size)
                seconds.append(taken)
            found = tables_of(outputs)
            wrong = differences(found, right)
            if wrong:
                raise SystemExit(f"{len(wrong)} documents differ:\n" + "\n".join(wrong[:5]))
            writes = sum(map(len, outputs))
            rate, rows = count / statistics.median(seconds), sum(map(len, found.values()))
            lines.append({"name": name, "batch": size, "rate": rate, "writes": writes / count, "rows": rows})
            print(lines[-1], file=sys.stderr)
    return lines


def main(given: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 1000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args(given)
    lines = summary(options.events, options.batches, options.rounds)
    head = ("view", "a batch", "events per CPU-second", "writes per event", "view documents, all as DuckDB has them")
    rows = [
        [one["name"], f"{one['batch']:,}", shown(one["rate"]), shown(one["writes"]), f"{one['rows']:,}"]
        for one in lines
    ]
    print(markdown(head, rows))
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        kept = {"events": options.events, "rounds": options.rounds, "lines": lines}
        (RESULTS / "nexmark.json").write_text(json.dumps(kept, indent=1) + "\n")
        bars_of = [(f"onto_flow: {one['name']}, {one['batch']:,} a batch", one["rate"]) for one in lines]
        title = f"Nexmark with mutations, {options.events:,} events"
        (RESULTS / "nexmark.svg").write_text(bars(title, "events per CPU-second", bars_of))


if __name__ == "__main__":
    main(sys.argv[1:])
