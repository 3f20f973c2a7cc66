"""A backfill on Beam as a whole process, beside a hand-written pipeline of joins and the embedded engine.

    .venv/bin/python -m benchmarks.beam_backfill [--rounds 3] [--times 1] [--shards 1 16] [--save]

All on the same workload and, those on Beam, on the same runner (`FnApiRunner`, named in full), by turns in one run, each a
process of its own. Seconds are those of the CPU, Python's start and imports included (importing Beam is 2.5 of them). All
tables must be the same, row by row.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks.backfill import folder, table_hash
from benchmarks.charts import RESULTS, markdown, shown
from benchmarks.processes import measure
from benchmarks.workload import Sizes, export

BY_HAND, EMBEDDED = "Beam by hand", "embedded engine"


def commands(place: Path, target: Path, shards: list[int]) -> dict[str, list[str]]:
    run = [sys.executable, "-m"]
    ours = {
        f"onto_flow on Beam, {n} shard{'s' if n > 1 else ''}": [
            *run,
            "benchmarks.peers.beam_own",
            str(place),
            str(target),
            str(n),
        ]
        for n in shards
    }
    by_hand = [*run, "benchmarks.peers.beam_pipeline", str(place), str(target)]
    return {BY_HAND: by_hand, **ours, EMBEDDED: [*run, "benchmarks.peers.own", str(place), str(target)]}


def rounds_of(place: Path, rounds: int, shards: list[int]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    hashes = {}
    for _ in range(rounds):
        for name in commands(place, place, shards):
            with folder() as target:
                measured = measure(commands(place, target, shards)[name])
                hashes[name] = table_hash(target)
            found.setdefault(name, []).append(measured)
            print(f"{name}: {measured['cpu']:.1f} s, {hashes[name]}", file=sys.stderr)
    if len(set(hashes.values())) != 1:
        raise SystemExit(f"the tables differ: {hashes}")
    return found


def summary(found: dict[str, list[dict[str, Any]]], documents: int) -> list[dict[str, Any]]:
    """Medians, and ratios of the same round."""
    lines = []
    for name, runs in found.items():
        line: dict[str, Any] = {"name": name}
        line |= {key: statistics.median(r[key] for r in runs) for key in ("cpu", "wall", "peak_bytes")}
        line["per_million"] = line["cpu"] / documents * 1e6
        line["faster"] = statistics.median(hand["cpu"] / r["cpu"] for r, hand in zip(runs, found[BY_HAND]))
        lines.append(line)
    return lines


def table(lines: list[dict[str, Any]]) -> str:
    head = (
        "",
        "whole process, CPU s",
        "CPU s per million documents",
        "times as fast as by hand",
        "by the clock, s",
        "peak, MB",
    )
    rows = [
        [
            line["name"],
            *(shown(line[key]) for key in ("cpu", "per_million", "faster", "wall")),
            f"{line['peak_bytes'] / 1e6:,.0f}",
        ]
        for line in lines
    ]
    return markdown(head, rows)


def main(given: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=float, default=1)
    parser.add_argument("--shards", type=int, nargs="*", default=[1, 16])
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args(given)
    documents = Sizes.of(options.times).documents
    lines = summary(rounds_of(export(options.times), options.rounds, options.shards), documents)
    print(table(lines))
    if options.save:
        kept = {"documents": documents, "rounds": options.rounds, "lines": lines}
        (RESULTS / "beam_backfill.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
