"""A stream on Beam, beside a hand-written chain of stateful DoFns that is as careful about order.

    .venv/bin/python -m benchmarks.beam_stream [--rounds 3] [--times 0.02] [--changes 5000] [--large 0.2] [--save]

Both follow the changes of the workload after its documents, by turns, each in a process of its own, on a runner of the
benchmarks' that calls the steps of the real pipelines and does what any runner must (`benchmarks.peers.beam_walk`): Beam's
local runners take longer for themselves than the steps do. Both end with the same table. *Bursts* are changes of few
view documents, so many of them in the time for which `coalesce` lets them wait. `--large` adds lines of more documents,
once: more than a worker of ours keeps the objects of.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from typing import Any

from benchmarks.charts import RESULTS, markdown, shown
from benchmarks.processes import measure

OWN, CHAIN = "onto_flow", "stateful DoFns by hand"
WAYS = {OWN: "own", CHAIN: "chain"}
HEAD = ("", "", "changes per CPU-second", "times by hand", "steps per change", "writes per change", "peak, MB")
BURST_TIMES, BURST_WINDOW = 0.005, 1000
"""100 meetings, and how many changes come while they wait."""


def followed(way: str, times: float, changes: int, window: int) -> dict[str, Any]:
    """One process."""
    module = [sys.executable, "-m", "benchmarks.peers.beam_follow", way, str(times), str(changes)]
    return measure([*module, *([str(window)] if window else [])])


def rounds_of(rounds: int, times: float, changes: int, window: int = 0) -> list[dict[str, Any]]:
    """The lines of both: medians, and the median of the ratios of the rounds."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, way in WAYS.items():
            found[name].append(followed(way, times, changes, window))
            print(name, found[name][-1], file=sys.stderr)
    tables = {run["table"] for runs in found.values() for run in runs}
    if len(tables) != 1:
        raise SystemExit(f"the tables differ: {tables}")
    return [_line(name, runs, found[CHAIN], window) for name, runs in found.items()]


def _line(name: str, runs: list[dict[str, Any]], peers: list[dict[str, Any]], window: int) -> dict[str, Any]:
    changes = runs[0]["changes"]
    return {
        "name": name,
        "what": f"bursts of {window:,}" if window else f"one by one, {runs[0]['documents']:,} documents",
        "per_second": statistics.median(changes / run["seconds"] for run in runs),
        "ratio": statistics.median(peer["seconds"] / run["seconds"] for run, peer in zip(runs, peers)),
        "steps": runs[0]["steps"] / changes,
        "writes": runs[0]["written"] / changes,
        "peak_bytes": statistics.median(run["peak_bytes"] for run in runs),
    }


def table(lines: list[dict[str, Any]]) -> str:
    """The lines as Markdown."""
    rows = [
        [
            line["name"],
            line["what"],
            *(shown(line[key]) for key in ("per_second", "ratio", "steps", "writes")),
            f"{line['peak_bytes'] / 1e6:,.0f}",
        ]
        for line in lines
    ]
    return markdown(HEAD, rows)


def main(given: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=float, default=0.02)
    parser.add_argument("--changes", type=int, default=5000)
    parser.add_argument("--large", type=float, default=0.0)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args(given)
    lines = rounds_of(options.rounds, options.times, options.changes)
    lines += rounds_of(options.rounds, BURST_TIMES, options.changes, BURST_WINDOW)
    if options.large:
        lines += rounds_of(1, options.large, options.changes)
    print(table(lines))
    if options.save:
        (RESULTS / "beam_stream.json").write_text(
            json.dumps({"rounds": options.rounds, "lines": lines}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
