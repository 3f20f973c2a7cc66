"""Ours, as `onto-flow backfill` runs it; what the job says of its stages tells the phases apart."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.meeting_view import MeetingSession
from benchmarks.peers.measured import tell
from onto_flow.engines.base import Progress
from onto_flow.run import start


def main(place: Path, target: Path) -> None:
    """Backfills; computing ends, and writing begins, with the last progress that is told."""
    at = {"begin": time.process_time()}

    def progressed(progress: Progress) -> None:
        at[progress.stage] = time.process_time()

    start([MeetingSession], source=str(place), sink=f"parquet:{target}", on_progress=progressed)
    end = time.process_time()
    read, computed = at["reading"], at["computing"]
    tell(phases={"read": read - at["begin"], "compute": computed - read, "write": end - computed})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
