"""Reading exports: Arrow and documents beside a hand-written upb decoder; projection; two processes; memory; small files.

.venv/bin/python benchmarks/export_reading.py [MEGABYTES] [ROUNDS] [large] [small] [real] [memory] [processes]

One core, unless a row says otherwise; what is compared runs by turns in one process; seconds are those of the CPU, except
where two processes work. Prints a table of medians; a ratio is the median of the ratios of the rounds.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import upb_peer
from orders_export import FIELDS, TWO, one_file, orders_export, several_times, small_files

from onto_flow.formats.native import extension
from onto_flow.sources.arrow_export import ArrowExport
from onto_flow.sources.firestore_export import FirestoreExport

REAL = ("movielens", "stocks", "swapi")
SAMPLE = 3000
SMALL_FILES = 100
MEMORY_LIMIT = 200_000_000
COMPILED, NUMPY = "compiled", "numpy"
WAYS = [COMPILED, NUMPY] if extension() is not None else [NUMPY]
TIMES = 4
_READ_BY_BATCHES = """
import sys
from onto_flow.sources.arrow_export import ArrowExport
from onto_flow.sources.firestore_export import FirestoreExport
def status(what):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(what)) * 1024
import numpy, pyarrow
began = status("VmRSS")
if sys.argv[1] == "arrow":
    count = sum(batch.num_rows for batch in ArrowExport(sys.argv[2]).batches())
else:
    export, count = FirestoreExport(sys.argv[2]), 0
    for part in export.partitions():
        reader = export.open(part)
        while (batch := reader.next_batch()) is not None:
            count += len(batch)
print(status("VmHWM") - began, count)
"""

Task = Callable[[], object]


def real_exports() -> Iterator[tuple[str, Path]]:
    """The real exports that are there: name and place."""
    named = os.environ.get("ONTO_FLOW_EXPORTS")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data" / "exports"
    for place in (folder / name for name in REAL):
        if place.is_dir():
            yield place.name, next(p.parent for p in place.rglob("*.overall_export_metadata"))


def files_of(place: Path) -> list[Path]:
    """Its output files."""
    layout = FirestoreExport(place).layout
    return [Path(str(layout.root / file.name)) for file in layout.files]


def upb(place: Path) -> int:
    """All documents, by upb."""
    return sum(1 for file in files_of(place) for _ in upb_peer.documents(file))


def documents(place: Path, **options: Any) -> Iterator[tuple[str, Any]]:
    """All documents, by the reader of exports."""
    export = FirestoreExport(place, **options)
    for part in export.partitions():
        reader = export.open(part)
        while (batch := reader.next_batch()) is not None:
            for change in batch:
                yield change.path, change.after


def count(place: Path) -> int:
    """As `documents`, without looking at them."""
    export, found = FirestoreExport(place), 0
    for part in export.partitions():
        reader = export.open(part)
        while (batch := reader.next_batch()) is not None:
            found += len(batch)
    return found


def check(place: Path) -> None:
    """Both decoders give the same."""
    theirs = (found for file in files_of(place) for found in upb_peer.documents(file))
    for mine, other in zip(islice(documents(place), SAMPLE), theirs):
        assert repr(mine) == repr(other), (mine, other)


def rounds(tasks: dict[str, Task], number: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Seconds of each task in each round, after one that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for n in range(number + 1):
        for name, task in tasks.items():
            began = clock()
            task()
            if n:
                taken[name].append(clock() - began)
    return taken


def ratio(peer: list[float], mine: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(peer, mine))


class Table:
    def __init__(self) -> None:
        print("| export | what | MB/s | beside | times | goal |\n|---|---|---|---|---|---|")

    def row(self, export: str, what: str, figure: str, beside: str = "", times: str = "", goal: str = "") -> None:
        print(f"| {export} | {what} | {figure} | {beside} | {times} | {goal} |", flush=True)


def by(way: str, task: Task) -> Task:
    """The task, with or without the compiled reader."""

    def run() -> object:
        os.environ["ONTO_FLOW_NATIVE"] = "1" if way == COMPILED else "0"
        extension.cache_clear()
        return task()

    return run


def compare(table: Table, place: Path, name: str, number: int) -> None:
    """Arrow, documents and a projection, beside upb and the full read."""
    check(place)
    size = sum(f.stat().st_size for f in files_of(place)) / 1e6
    tasks: dict[str, Task] = {"upb": lambda: upb(place)}
    for way in WAYS:
        tasks[f"{way} arrow"] = by(way, lambda: ArrowExport(place).read_table())
        tasks[f"{way} two"] = by(way, lambda: ArrowExport(place, fields=TWO).read_table())
        tasks[f"{way} documents"] = by(way, lambda: count(place))
    taken = rounds(tasks, number, time.process_time)
    speed = {task: size / statistics.median(seconds) for task, seconds in taken.items()}
    beside = f"upb: {speed['upb']:.1f}"
    for way in WAYS:
        arrow, two, each = (f"{way} {form}" for form in ("arrow", "two", "documents"))
        times = f"{ratio(taken['upb'], taken[arrow]):.2f}"
        table.row(name, f"Arrow, {way}", f"{speed[arrow]:.0f}", beside, times, "4, aim 8")
        times = f"{ratio(taken['upb'], taken[each]):.2f}"
        table.row(name, f"documents, {way}", f"{speed[each]:.0f}", beside, times, "1.25, aim 1.5")
        if "orders" in place.name:
            times = f"{ratio(taken[arrow], taken[two]):.2f}"
            what = f"Arrow, {len(TWO)} fields of {len(FIELDS)}, {way}"
            table.row(name, what, f"{speed[two]:.0f}", f"all fields: {speed[arrow]:.0f}", times, "3")


def two_processes(table: Table, place: Path, name: str, number: int) -> None:
    """By the clock on the wall, and by the CPU that each needs if the work is even; a busy machine falsifies the first."""
    size = sum(f.stat().st_size for f in files_of(place)) / 1e6

    def cpu() -> float:
        return sum(os.times()[:4])

    for way in WAYS:
        tasks = {n: by(way, lambda n=n: ArrowExport(place).read_table(workers=n)) for n in (1, 2)}  # type: ignore[misc]
        wall: dict[int, list[float]] = {1: [], 2: []}
        busy: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(number):
            for workers, task in tasks.items():
                began = time.perf_counter(), cpu()
                task()
                wall[workers].append(time.perf_counter() - began[0])
                busy[workers].append((cpu() - began[1]) / workers)
        figure = f"{size / statistics.median(wall[2]):.0f}"
        beside = f"one: {size / statistics.median(wall[1]):.0f}"
        times = f"{ratio(wall[1], wall[2]):.2f} (by CPU {ratio(busy[1], busy[2]):.2f})"
        table.row(name, f"Arrow, two processes, {way}", figure, beside, times, "1.7")


def memory(table: Table, place: Path, name: str) -> None:
    """The peak above what a process needs that has read nothing."""
    for way in WAYS:
        environment = {**os.environ, "ONTO_FLOW_NATIVE": "1" if way == COMPILED else "0"}
        for form in ("arrow", "documents"):
            command = [sys.executable, "-c", _READ_BY_BATCHES, form, str(place)]
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
            peak = f"{int(done.stdout.split()[0]) / 1e6:.0f} MB at the peak"
            what = f"memory of reading by batches, {form}, {way}"
            table.row(name, what, peak, goal=f"{MEMORY_LIMIT / 1e6:.0f} MB")


def on_one_core() -> set[int]:
    """Keeps this process on one core; gives those it had."""
    pa.set_cpu_count(1)
    if not hasattr(os, "sched_setaffinity"):
        return set()
    had = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(had)})
    return had


def main(megabytes: int, number: int, parts: list[str]) -> None:
    everything = orders_export(megabytes)
    name = f"orders, {megabytes} MB"
    table = Table()
    had = on_one_core()
    if "large" in parts:
        compare(table, everything, name, number)
    if "small" in parts:
        compare(table, small_files(everything, SMALL_FILES), f"orders, {SMALL_FILES} files of 70 kB", number)
    if "real" in parts:
        for real, place in real_exports():
            compare(table, place, real, number)
    if "memory" in parts:
        memory(table, one_file(everything), f"orders, one file of {megabytes} MB")
    if had:
        os.sched_setaffinity(0, had)
    if "processes" in parts:
        two_processes(table, everything, name, number)
        two_processes(table, several_times(everything, TIMES), f"{TIMES} times {name}", number)


if __name__ == "__main__":
    size, repeated = (int(sys.argv[n]) if len(sys.argv) > n else default for n, default in ((1, 200), (2, 3)))
    main(size, repeated, sys.argv[3:] or ["large", "small", "real", "memory", "processes"])
