"""What a job on Beam costs whatever it does, and what each document and each change costs more.

    .venv/bin/python -m benchmarks.beam_costs [--documents 1000 10000 100000 1000000] [--changes 1000 10000] [--save]

Backfills of the workload on `FnApiRunner` (`benchmarks.peers.beam_own`), each a process of its own, one shard for each
270,000 documents; and streams (`benchmarks.peers.beam_follow`), of which the changes alone are counted. The fixed cost is
that of the smallest job; a document costs what a job takes beyond that, by document.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from benchmarks import workload
from benchmarks.backfill import folder
from benchmarks.charts import RESULTS, bars, markdown, shown
from benchmarks.processes import measure

A_SHARD = 270_000
STREAM_TIMES = 0.02


def times_of(documents: int) -> float:
    """At which scale the workload has about so many documents."""
    one = workload.Sizes.of(1)
    return max(documents - one.locations, 1) / (one.documents - one.locations)


def backfill(documents: int) -> dict[str, Any]:
    """One backfill."""
    times = times_of(documents)
    place, found = workload.export(times), workload.Sizes.of(times).documents
    shards = max(found // A_SHARD, 1)
    with folder() as target:
        line = [sys.executable, "-m", "benchmarks.peers.beam_own", str(place), str(target), str(shards)]
        measured = measure(line)
    return {"documents": found, "shards": shards, **measured}


def stream(changes: int) -> dict[str, Any]:
    """One stream."""
    module = [sys.executable, "-m", "benchmarks.peers.beam_follow", "own", str(STREAM_TIMES), str(changes)]
    return measure(module)


def with_costs(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The runs with what a document costs, in microseconds: `None` for the smallest."""
    least = runs[0]
    for run in runs:
        more = run["documents"] - least["documents"]
        run["each"] = (run["cpu"] - least["cpu"]) / more * 1e6 if more else None
    return runs


def table(backfills: list[dict[str, Any]], streams: list[dict[str, Any]]) -> str:
    """Both as Markdown."""
    rows = [
        [
            f"{run['documents']:,} documents",
            str(run["shards"]),
            shown(run["cpu"]),
            "" if run["each"] is None else shown(run["each"]),
            f"{run['peak_bytes'] / 1e6:,.0f}",
        ]
        for run in backfills
    ]
    rows += [
        [
            f"{run['changes']:,} changes",
            "",
            shown(run["seconds"]),
            shown(run["seconds"] / run["changes"] * 1e6),
            f"{run['peak_bytes'] / 1e6:,.0f}",
        ]
        for run in streams
    ]
    return markdown(("", "shards", "CPU s", "microseconds each", "peak, MB"), rows)


def main(given: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, nargs="*", default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--changes", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args(given)
    backfills: list[dict[str, Any]] = []
    for documents in options.documents:
        backfills.append(backfill(documents))
        print(backfills[-1], file=sys.stderr, flush=True)
    streams = [stream(changes) for changes in options.changes]
    print(table(with_costs(backfills), streams))
    if options.save:
        kept = {"backfills": backfills, "streams": streams}
        (RESULTS / "beam_costs.json").write_text(json.dumps(kept, indent=1) + "\n")
        rows = [(f"onto_flow, {run['documents']:,} documents", run["cpu"]) for run in backfills]
        (RESULTS / "beam_costs.svg").write_text(bars("Backfill on Beam", "CPU s", rows))


if __name__ == "__main__":
    main(sys.argv[1:])
