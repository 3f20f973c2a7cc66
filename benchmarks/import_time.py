"""How long `import onto_flow` takes, beside `import asyncio`, each in a fresh process: medians.

.venv/bin/python benchmarks/import_time.py [RUNS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

MODELS = "from onto_flow import ViewModel"
STATEMENTS = ("pass", "import asyncio", "import onto_flow", MODELS)
LIMIT_SECONDS = 0.2


def seconds(statement: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - began


def main(runs: int) -> int:
    taken: dict[str, list[float]] = {s: [] for s in STATEMENTS}
    for statement in STATEMENTS:
        seconds(statement)
    for _ in range(runs):
        for statement in STATEMENTS:
            taken[statement].append(seconds(statement))
    medians = {s: statistics.median(t) for s, t in taken.items()}
    for statement, median in medians.items():
        print(
            f"{statement:<34} {1000 * median:7.1f} ms   without the interpreter {1000 * (median - medians['pass']):7.1f} ms"
        )
    return medians[MODELS] - medians["pass"] > LIMIT_SECONDS


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
