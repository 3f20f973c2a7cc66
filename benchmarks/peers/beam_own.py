"""Ours on Beam: the public transforms, on the same runner as `beam_pipeline`; the third argument is the number of shards."""

from __future__ import annotations

import sys
from pathlib import Path

import apache_beam as beam

from benchmarks.meeting_view import MeetingSession
from benchmarks.peers.beam_pipeline import RUNNER
from benchmarks.peers.measured import tell
from onto_flow.beam import Backfill, ReadExport, WriteViewTable


def main(place: str, target: str, shards: int) -> None:
    with beam.Pipeline(runner=RUNNER) as pipeline:
        sessions = pipeline | ReadExport(place, views=[MeetingSession]) | Backfill(MeetingSession, shards=shards)
        _ = sessions | WriteViewTable(f"parquet:{target}", MeetingSession)
    tell(phases={})


if __name__ == "__main__":
    main(sys.argv[1], str(Path(sys.argv[2])), int(sys.argv[3]))
