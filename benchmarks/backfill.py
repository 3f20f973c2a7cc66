"""A backfill to Parquet as a whole process, beside what people would otherwise write; then without reading and writing.

    python3 -m venv PEERS && PEERS/bin/pip install -r benchmarks/requirements.txt
    .venv/bin/python -m benchmarks.backfill --peers PEERS/bin/python [--rounds 3] [--times 1] [--only NAME ...] [--save]

Each is a process of its own, by turns; seconds are those of the CPU, user and system, children included; medians, and
ratios inside one round. All tables must be the same, row by row. `--save` keeps figures and chart in
`benchmarks/results`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.charts import RESULTS, bars, markdown, shown
from benchmarks.peers.files import NAMES
from benchmarks.processes import measure
from benchmarks.workload import Sizes, export

OWN = "onto_flow"
PEERS = {
    "dicts by hand": "dicts",
    "Polars by hand": "polars_joins",
    "Beam on the DirectRunner": "beam_pipeline",
    "Pathway": "pathway_joins",
}
MAIN = {"beam_pipeline", "dicts"}
"""The peers that live in the project's own environment."""


def command(name: str, place: Path, target: Path, peers: str) -> list[str]:
    if name == OWN:
        return [sys.executable, "-m", "benchmarks.peers.own", str(place), str(target)]
    module = PEERS[name]
    python = sys.executable if module in MAIN else peers
    return [python, "-m", f"benchmarks.peers.{module}", str(place), str(target)]


def table_hash(folder: Path) -> str:
    """A hash of the rows of a Parquet table in the order of their paths."""
    import pyarrow.dataset as ds

    files = sorted(p for p in folder.rglob("*") if p.is_file() and ".parquet" in p.name and not p.name.startswith("."))
    table = ds.dataset([str(f) for f in files], format="parquet").to_table(columns=["__path__", *NAMES])
    digest = hashlib.sha256()
    for row in table.sort_by("__path__").to_pylist():
        digest.update(json.dumps(row).encode())
    return f"{table.num_rows} rows {digest.hexdigest()[:16]}"


@contextmanager
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="onto_flow-backfill-"))
    try:
        yield made
    finally:
        shutil.rmtree(made)


def run(names: list[str], times: float, rounds: int, peers: str) -> dict[str, list[dict[str, Any]]]:
    """Rounds of all processes by turns."""
    place = export(times)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    hashes = {}
    for _ in range(rounds):
        for name in names:
            with folder() as target:
                found[name].append(measure(command(name, place, target, peers)))
                hashes[name] = table_hash(target)
            print(f"{name}: {found[name][-1]}", file=sys.stderr)
    if len(set(hashes.values())) != 1:
        raise SystemExit(f"the tables differ: {hashes}")
    return found


def summary(found: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Medians, and ratios to ours of the same round."""
    lines = []
    for name, runs in found.items():
        line: dict[str, Any] = {"name": name}
        line |= {key: statistics.median(r[key] for r in runs) for key in ("cpu", "wall", "peak_bytes")}
        for phase in dict.fromkeys(p for r in runs for p in r["phases"]):
            line[phase] = statistics.median(r["phases"][phase] for r in runs)
        if OWN in found:
            line["times"] = statistics.median(r["cpu"] / own["cpu"] for r, own in zip(runs, found[OWN]))
        lines.append(line)
    return lines


def table(lines: list[dict[str, Any]]) -> str:
    head = ("", "whole process, CPU s", "times ours", "by the clock, s", "read", "compute", "write", "peak, MB")
    rows = []
    for line in lines:
        phases = [shown(line[p]) if p in line else "" for p in ("read", "compute", "write")]
        figures = [shown(line["cpu"]), shown(line.get("times", 1.0)), shown(line["wall"])]
        rows.append([line["name"], *figures, *phases, f"{line['peak_bytes'] / 1e6:,.0f}"])
    return markdown(head, rows)


def main(given: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=os.environ.get("ONTO_FLOW_PEERS", sys.executable))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=float, default=1)
    parser.add_argument("--only", nargs="*", choices=[OWN, *PEERS], default=[OWN, *PEERS])
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args(given)
    lines = summary(run(options.only, options.times, options.rounds, options.peers))
    print(table(lines))
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        name = "backfill" if options.times == 1 else f"backfill-{options.times:g}"
        documents = Sizes.of(options.times).documents
        kept = {"documents": documents, "rounds": options.rounds, "lines": lines}
        (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
        title = f"Backfill of {documents:,} documents to Parquet, whole process"
        (RESULTS / f"{name}.svg").write_text(bars(title, "CPU seconds", [(one["name"], one["cpu"]) for one in lines]))


if __name__ == "__main__":
    main(sys.argv[1:])
