"""`onto-flow cat` beside a hand-written upb decoder that writes the same lines with orjson: whole processes.

.venv/bin/python benchmarks/cat.py [MEGABYTES] [ROUNDS]

One core; the two run by turns; seconds are those of the CPU, of user and system, from the start of Python on; checksums are
compared by both. First their lines are compared, all of them, but for white space and the order of fields. Prints a table of
medians; a ratio is the median of the ratios of the rounds.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import orjson
from export_reading import files_of, one_core, ratio, real_exports
from orders_export import orders_export, small_files

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


def seconds(command: list[str]) -> float:
    """What a process takes."""
    with open(os.devnull, "wb") as nowhere, subprocess.Popen(command, stdout=nowhere) as process:
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


def compare(place: Path, name: str, number: int, asked: dict[str, list[str]]) -> None:
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
    size = sum(f.stat().st_size for f in files_of(place)) / 1e6
    for what in ("everything", *asked):
        peer = "upb" if what == "everything" else "everything"
        used, beside = (statistics.median(taken[w]) for w in (what, peer))
        goal = "1.5" if what == "everything" else ""
        rate = f"{size / used:.1f} MB/s"
        times = f"{ratio(taken[peer], taken[what]):.2f}"
        print(f"| {name} | {what} | {used:.2f} s, {rate} | {peer}: {beside:.2f} s | {times} | {goal} |", flush=True)


def main(megabytes: int, number: int) -> None:
    everything = orders_export(megabytes)
    one_core()
    print("| export | what | CPU | beside | times | goal |\n|---|---|---|---|---|---|")
    compare(everything, f"orders, {megabytes} MB", number, ASKED)
    compare(small_files(everything, 1), "orders, one file of 70 kB", 3 * number, {})
    for name, place in real_exports():
        compare(place, name, 3 * number, {})


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
