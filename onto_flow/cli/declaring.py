"""Options about declared time and failing code, which `backfill` and `run` share."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .command import time_of


def declaring_arguments(command: argparse.ArgumentParser) -> None:
    """Adds the options."""
    command.add_argument("--now", metavar="TIME", help="declared time stands still there (docs/time.md)")
    command.add_argument("--clock", metavar="FILE", help="declared time as it was recorded")
    command.add_argument("--record-clock", metavar="FILE", help="write declared time down there")
    command.add_argument(
        "--breaker",
        metavar="LIMITS",
        default="",
        help="stop when so much code fails: share=0.05,least=500,window=10000,per_minute=1000, or off",
    )


@contextmanager
def declaring(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What the options say, as options of `run.start`."""
    from ..engines.breaker import Limits
    from ..engines.declared import RecordingTime, declared_time

    now = time_of(arguments.now) if arguments.now else None
    limits = Limits.of(arguments.breaker)
    declared = declared_time(now, arguments.clock, arguments.record_clock)
    try:
        yield {"declared": declared, "limits": limits}
    finally:
        if isinstance(declared, RecordingTime):
            declared.close()
