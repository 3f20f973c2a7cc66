"""The embedded engine: says what it cannot run, and runs the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...core.errors import EngineError, UsageError, did_you_mean
from ..base import EngineCapabilities, Job, Report
from .giving import now
from .options import NAMES, Options
from .run import Run


class LocalEngine:
    """The embedded engine.

    Args:
        connect: Opens the file of a checkpoint, as `sqlite3.connect` does (the default); a test gives one that fails.
    """

    name = "local"
    capabilities = EngineCapabilities(
        drained=True,
        keeps_order=True,
        exactly_once_between_stages=True,
        restores_by="outbox",
        unbounded=True,
        publishes_meanwhile=True,
    )

    def __init__(self, connect: Callable[..., Any] | None = None) -> None:
        self._connect = connect

    def check(self, job: Job) -> Sequence[str]:
        """Why the job cannot run here."""
        unknown = [name for name in job.options if name not in NAMES]
        reasons = [f"engine local has no option {name!r} ({did_you_mean(name, NAMES)})" for name in unknown]
        try:
            options = Options.of(job.options)
            if job.feed is not None and job.feed.info().keeps_unacknowledged and options.checkpoint is None:
                what = "is acknowledged from a checkpoint alone: give the job one (--checkpoint DIR)"
                reasons.append(f"a feed of {job.feed.info().kind} {what}")
        except UsageError as error:
            reasons.append(f"{error.what}. {error.fix}".strip())
        return reasons

    def run(self, job: Job) -> Report:
        """Runs the job; see `Engine.run`."""
        reasons = self.check(job)
        if reasons:
            raise EngineError("engine-refused", "; ".join(reasons))
        options = Options.of(job.options)
        return Run(job).run() if options.checkpoint is None else self._durable(job, options.checkpoint, options)

    def _durable(self, job: Job, directory: Path, options: Options) -> Report:
        import sqlite3

        from .checkpoint import Checkpoint
        from .durable import DurableRun

        kept = Checkpoint(
            directory,
            job.plan,
            job.fingerprints,
            began=now(),
            generation=job.generation,
            snapshot=job.snapshot,
            sink=job.sink_name,
            connect=self._connect or sqlite3.connect,
        )
        try:
            return DurableRun(job, kept, options).run()
        finally:
            kept.close()
