"""What it costs to publish a table of so many MB, beside a plain file and a rename.

.venv/bin/python benchmarks/publish.py [MEGABYTES] [RUNS]

*plain* is `pq.write_table`, fsync and a rename; *kept* writes the same Arrow row groups and keeps the table before;
*sink* is the whole publication, from documents. The runs take turns, and each publishes a table of new values.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from onto_flow.core.types import Type
from onto_flow.formats.arrow_types import PATH
from onto_flow.formats.table_folder import TableFolder
from onto_flow.sinks.base import Table
from onto_flow.sinks.parquet_file import look_at, write_file
from onto_flow.sinks.table_publisher import TablePublisher

ROWS_A_MEGABYTE = 6_500
ROWS = Table("Row", "rows", (("n", Type("int")), ("x", Type("float")), ("text", Type("str"))))


def documents(rows: int, turn: int) -> list[tuple[str, dict[str, object]]]:
    chance = np.random.default_rng(turn)
    numbers, doubles = chance.integers(0, 1 << 60, rows).tolist(), chance.random(rows).tolist()
    texts = chance.bytes(64 * rows).hex()
    return [
        (f"rows/{i:08d}", {"n": numbers[i], "x": doubles[i], "text": texts[128 * i : 128 * i + 128]})
        for i in range(rows)
    ]


def arrow(rows: list[tuple[str, dict[str, object]]]) -> pa.Table:
    names = [name for name, _ in ROWS.schema]
    return pa.table({PATH: [path for path, _ in rows], **{n: [d[n] for _, d in rows] for n in names}})


def plain(folder: Path, data: pa.Table) -> None:
    new = folder / "new"
    pq.write_table(data, new, row_group_size=1 << 17, write_page_checksum=True)
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.replace(folder / "plain.parquet")


def kept(folder: Path, data: pa.Table) -> None:
    new, file = folder / "new", folder / "kept.parquet"
    before = file.open("rb") if file.exists() else None
    present = look_at(before) if before is not None else None
    ranges = [present.own] if present is not None else []
    guess = present.own.end - present.own.start if present is not None else 0
    groups = [data.slice(at, 1 << 17) for at in range(0, len(data), 1 << 17)]
    write_file(new, before, ranges, data.schema, lambda: groups, guess=guess, limit=1 << 40)
    new.replace(file)
    if before is not None:
        before.close()


def timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main(megabytes: int, runs: int) -> None:
    taken: dict[str, list[float]] = {"plain": [], "kept": [], "sink": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        publisher = TablePublisher(TableFolder(folder / "rows"), ROWS, grace=0.0, clock=time.time)
        publisher.prepare(1, "add")
        for turn in range(runs + 1):
            rows = documents(megabytes * ROWS_A_MEGABYTE, turn)
            data = arrow(rows)
            seconds = {
                "plain": timed(lambda data=data: plain(folder, data)),  # type: ignore[misc]
                "kept": timed(lambda data=data: kept(folder, data)),  # type: ignore[misc]
                "sink": timed(lambda rows=rows: publisher.publish(lambda: iter(rows), 1)),  # type: ignore[misc]
            }
            if turn:  # the first has nothing to keep
                for what, one in seconds.items():
                    taken[what].append(one)
        size = (folder / "plain.parquet").stat().st_size
    floor = statistics.median(taken["plain"])
    for what, all_ in taken.items():
        median = statistics.median(all_)
        print(f"{what:<6} {median:6.2f} s   {size / median / 1e6:6.0f} MB/s   {median / floor:5.1f} times plain")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"a table of {size / 1e6:.0f} MB, medians of {runs}; peak of the process {peak} MB")


if __name__ == "__main__":
    main(*(int(argument) for argument in (sys.argv[1:] + ["100", "3"][len(sys.argv) - 1 :])))
