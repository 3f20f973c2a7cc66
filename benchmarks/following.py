"""Changes followed one by one and in micro-batches, beside what people would otherwise write.

    .venv/bin/python -m benchmarks.following --peers PEERS/bin/python [--rounds 3] [--times 1] [--changes 100000]
        [--batches 1 1000] [--only NAME ...] [--save]

`PEERS` is made as `benchmarks/backfill.py` says. Each is a process of its own, by turns: it loads the export, which is
not measured, then takes the changes, which are decoded already, and counts the view documents that it writes. CPU-seconds
are those of the process, all its threads; medians, and ratios inside one round; times of one change or batch are by the
clock of a machine that other work shares. All tables must end the same. *Fewest* is how many view documents differ
between the ends of the batches: nobody can write less.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from typing import Any

from benchmarks.charts import RESULTS, bars, markdown, shown
from benchmarks.processes import measure
from benchmarks.workload import CHANGES, changes_file, export

OWN, DICTS = "onto_flow", "dicts by hand"
JOB, CHECKPOINT = "onto_flow, a whole job", "onto_flow, a whole job, checkpoint every second"
NAMES = (OWN, JOB, CHECKPOINT, DICTS, "two keyed stages by hand", "bytewax", "Pathway")
_KINDS = {OWN: "own", JOB: "job", CHECKPOINT: "checkpoint", DICTS: "dicts", "two keyed stages by hand": "stages"}


def command(name: str, times: float, count: int, size: int, peers: str) -> list[str]:
    given = [str(times), str(count), str(size)]
    if name in ("bytewax", "Pathway"):
        module = {"bytewax": "bytewax_flow", "Pathway": "pathway_follow"}[name]
        return [peers, "-m", f"benchmarks.peers.{module}", *given]
    return [sys.executable, "-m", "benchmarks.peers.follow", _KINDS[name], *given]


def run(names: list[str], times: float, count: int, size: int, rounds: int, peers: str) -> dict[str, list[Any]]:
    """Rounds of all processes by turns."""
    export(times), changes_file(times, count)
    found: dict[str, list[Any]] = {name: [] for name in names}
    tables = {}
    for _ in range(rounds):
        for name in names:
            found[name].append(measure(command(name, times, count, size, peers)))
            tables[name] = found[name][-1]["table"]
            print(f"{name}, {size} a batch: {found[name][-1]}", file=sys.stderr)
    if len(set(tables.values())) != 1:
        raise SystemExit(f"the tables differ: {tables}")
    return found


def summary(found: dict[str, list[Any]], size: int) -> list[dict[str, Any]]:
    """Medians; `times`: how many of the dicts' changes per CPU-second, in the same round."""
    fewest = found[DICTS][0]["writes"] if DICTS in found else None
    lines = []
    for name, runs in found.items():
        line: dict[str, Any] = {"name": name, "batch": size, "fewest": fewest}
        line["rate"] = statistics.median(r["changes"] / r["seconds"] for r in runs)
        line["writes"] = statistics.median(r["writes"] / r["changes"] for r in runs)
        line["over"] = None if fewest is None else statistics.median(r["writes"] / fewest for r in runs)
        line["peak_bytes"] = max(r["peak_bytes"] for r in runs)
        for late in ("p50", "p99"):
            line[late] = statistics.median(r[late] for r in runs) if late in runs[0] else None
        if DICTS in found:
            ratios = [d["seconds"] / r["seconds"] for r, d in zip(runs, found[DICTS])]
            line["times"] = statistics.median(ratios)
        lines.append(line)
    return lines


def table(lines: list[dict[str, Any]]) -> str:
    head = (
        "",
        "a batch",
        "changes per CPU-second",
        "times dicts",
        "p50",
        "p99",
        "writes per change",
        "times the fewest",
    )
    rows = []
    for line in lines:
        late = ["" if line[p] is None else f"{line[p] * 1e3:.2f} ms" for p in ("p50", "p99")]
        over = "" if line["over"] is None else f"{line['over']:.3f}"
        figures = [f"{line['batch']:,}", shown(line["rate"]), shown(line.get("times", 1.0)), *late]
        rows.append([line["name"], *figures, shown(line["writes"]), over, f"{line['peak_bytes'] / 1e6:,.0f}"])
    return markdown((*head, "peak, MB"), rows)


def main(given: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=os.environ.get("ONTO_FLOW_PEERS", sys.executable))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=float, default=1)
    parser.add_argument("--changes", type=int, default=CHANGES)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 1000])
    parser.add_argument("--only", nargs="*", choices=NAMES, default=list(NAMES))
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args(given)
    lines = []
    for size in options.batches:
        found = run(options.only, options.times, options.changes, size, options.rounds, options.peers)
        lines += summary(found, size)
    print(table(lines))
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        name = "following" if options.times == 1 else f"following-{options.times:g}"
        kept = {"times": options.times, "changes": options.changes, "rounds": options.rounds, "lines": lines}
        (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
        rows = [(f"{one['name']}, {one['batch']:,} a batch", one["rate"]) for one in lines]
        title = f"{options.changes:,} changes followed"
        (RESULTS / f"{name}.svg").write_text(bars(title, "changes per CPU-second", rows))


if __name__ == "__main__":
    main(sys.argv[1:])
