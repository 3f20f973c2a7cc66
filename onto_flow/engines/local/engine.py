"""The embedded engine: says what it cannot run, and runs the rest."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.errors import EngineError
from ..base import EngineCapabilities, Job, Report
from .run import Run


class LocalEngine:
    """The embedded engine."""

    name = "local"
    capabilities = EngineCapabilities(
        drained=True, keeps_order=True, exactly_once_between_stages=True, restores_by="nothing", unbounded=True
    )

    def check(self, job: Job) -> Sequence[str]:
        """Why the job cannot run here."""
        reasons = []
        for name in job.options:
            if name == "checkpoint":
                reasons.append("engine local keeps its state in memory: --checkpoint is not there yet, run without it")
            else:
                reasons.append(f"engine local has no option {name!r}")
        return reasons

    def run(self, job: Job) -> Report:
        """Runs the job; see `Engine.run`."""
        reasons = self.check(job)
        if reasons:
            raise EngineError("engine-refused", "; ".join(reasons))
        return Run(job).run()
