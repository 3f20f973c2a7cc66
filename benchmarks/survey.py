"""A survey of an export beside reading its documents; and the memory that it takes.

.venv/bin/python benchmarks/survey.py [MEGABYTES] [ROUNDS]

One core; both run by turns in one process, seconds are those of the CPU; medians. Memory is that of a process of its own.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from orders_export import orders_export

from onto_flow.sources.firestore_export import FirestoreExport
from onto_flow.survey import survey_of

_ALONE = """
import resource, sys
from onto_flow.sources.firestore_export import FirestoreExport
from onto_flow.survey import survey_of
survey_of(FirestoreExport(sys.argv[1]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10)
"""


def read(place: Path) -> int:
    """Reads all documents, and does nothing with them."""
    export, count = FirestoreExport(place), 0
    for part in export.partitions():
        reader = export.open(part)
        while (batch := reader.next_batch()) is not None:
            count += len(batch)
    return count


def survey(place: Path) -> int:
    """Takes a survey."""
    return survey_of(FirestoreExport(place)).documents


def main(megabytes: int, rounds: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    place = orders_export(megabytes)
    size = sum(p.stat().st_size for p in place.rglob("output-*")) / 1e6
    seconds: dict[str, list[float]] = {"read": [], "survey": []}
    for _ in range(rounds):
        for name, task in (("read", read), ("survey", survey)):
            began = time.process_time()
            count = task(place)
            seconds[name].append(time.process_time() - began)
    for name, all_ in seconds.items():
        middle = statistics.median(all_)
        print(f"{name}: {middle:.1f} s, {size / middle:.1f} MB/s, {count / middle:,.0f} documents/s")
    print(f"survey / read: {statistics.median(b / a for a, b in zip(seconds['read'], seconds['survey'])):.2f}")
    alone = subprocess.run([sys.executable, "-c", _ALONE, str(place)], capture_output=True, text=True, check=True)
    print(f"memory of a survey, Python and all: {int(alone.stdout) / 2**20:.0f} MiB")


if __name__ == "__main__":
    given = [int(a) for a in sys.argv[1:]]
    main(*(given + [200, 3][len(given) :]))
