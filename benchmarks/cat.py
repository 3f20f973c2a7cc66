"""`onto-flow cat` beside a hand-written upb decoder that writes the same lines with orjson: whole processes.

.venv/bin/python benchmarks/cat.py [MEGABYTES] [ROUNDS]

One core; the two run by turns; seconds are those of the CPU, of user and system; checksums are compared by both.
Processes are measured from the start of Python on, with compiled modules as an installed package has them; *without the
start* is the same in one process. First all lines are compared, but for white space and the order of fields. Prints a
table of medians; a ratio is the median of the ratios of the rounds.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cat_peer
import orjson
import upb_peer
from export_reading import Task, files_of, on_one_core, ratio, real_exports, rounds
from orders_export import cached, orders_export, small_files

from onto_flow.sources.document_lines import DocumentLines
from onto_flow.sources.firestore_export import FirestoreExport

PEER = Path(__file__).with_name("cat_peer.py")
ASKED = {
    "two fields": ["--fields", "status,total"],
    "a condition": ["--where", "total > 290"],
    "sorted": ["--sort"],
    "the first 10": ["--limit", "10"],
}


def mine(place: Path, *options: str) -> list[str]:
    """The command of the tool."""
    return [sys.executable, "-m", "onto_flow.cli", "cat", str(place), *options]


def theirs(place: Path) -> list[str]:
    """The command of the peer."""
    return [sys.executable, str(PEER), *map(str, files_of(place))]


def environment() -> dict[str, str]:
    """Ours, with a place for compiled modules."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(cached("compiled"))}


def seconds(command: list[str]) -> float:
    """What a process takes."""
    with open(os.devnull, "wb") as nowhere, subprocess.Popen(command, stdout=nowhere, env=environment()) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    return usage.ru_utime + usage.ru_stime


def check(place: Path) -> None:
    """Both print the same."""
    with tempfile.TemporaryFile() as one, tempfile.TemporaryFile() as other:
        for command, file in ((mine(place), one), (theirs(place), other)):
            subprocess.run(command, stdout=file, check=True)
            file.seek(0)
        for a, b in zip(canonical(one), canonical(other), strict=True):
            assert a == b, (a, b)


def canonical(lines: Iterator[bytes]) -> Iterator[bytes]:
    return (orjson.dumps(orjson.loads(line), option=orjson.OPT_SORT_KEYS) for line in lines)


def row(name: str, what: str, place: Path, used: list[float], beside: str, other: list[float], goal: str = "") -> None:
    """Prints a row of the table."""
    size = sum(f.stat().st_size for f in files_of(place)) / 1e6
    median, peer = statistics.median(used), statistics.median(other)
    figures = f"{median:.2f} s, {size / median:.1f} MB/s | {beside}: {peer:.2f} s | {ratio(other, used):.2f}"
    print(f"| {name} | {what} | {figures} | {goal} |", flush=True)


def processes(place: Path, name: str, number: int, asked: dict[str, list[str]]) -> None:
    """Everything beside the peer, and the questions beside everything."""
    check(place)
    commands = {"everything": mine(place), "upb": theirs(place)}
    commands |= {what: mine(place, *options) for what, options in asked.items()}
    taken: dict[str, list[float]] = {what: [] for what in commands}
    for n in range(number + 1):
        for what, command in commands.items():
            used = seconds(command)
            if n:
                taken[what].append(used)
    row(name, "everything", place, taken["everything"], "upb", taken["upb"], "1.5")
    for what in asked:
        row(name, what, place, taken[what], "everything", taken["everything"])


def without_start(place: Path, name: str, number: int) -> None:
    """The work alone."""
    tasks: dict[str, Task] = {
        "mine": lambda: sum(map(len, DocumentLines(FirestoreExport(place)).batches())),
        "upb": lambda: sum(1 for f in files_of(place) for r in upb_peer.records(f.read_bytes()) if cat_peer.line_of(r)),
    }
    taken = rounds(tasks, number, time.process_time)
    row(name, "without the start", place, taken["mine"], "upb", taken["upb"], "1.5")


def main(megabytes: int, number: int) -> None:
    everything = orders_export(megabytes)
    on_one_core()
    print("| export | what | CPU | beside | times | goal |\n|---|---|---|---|---|---|")
    processes(everything, f"orders, {megabytes} MB", number, ASKED)
    small = [(f"orders, {n} files of 70 kB", small_files(everything, n)) for n in (1, 100)]
    for name, place in [*small, *real_exports()]:
        processes(place, name, 3 * number, {})
        without_start(place, name, 3 * number)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
