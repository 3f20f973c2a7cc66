"""A board of a running job in the terminal: rates, lag, writes, dead letters, gaps (needs the extra `dashboard`)."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.table import Table

from ..engines.base import Progress
from ..engines.metrics import Metrics
from .watching import Watcher

REFRESH_SECONDS = 0.25
WINDOW_SECONDS = 5.0


class Dashboard(Watcher):
    """The numbers of a job, drawn again four times a second.

    Args:
        metrics: Of the job.
        console: Where it is drawn; standard error when left out.
        clock: Seconds that only grow.
    """

    def __init__(
        self, metrics: Metrics, console: Console | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._metrics, self._clock = metrics, clock
        self._samples = [(clock(), 0, 0, 0)]
        self._live = Live(console=console or Console(stderr=True), auto_refresh=False, transient=False)
        self._live.start()

    def progress(self, progress: Progress) -> None:
        """Draws it, when the last time is a quarter of a second ago."""
        now = self._clock()
        if now - self._samples[-1][0] >= REFRESH_SECONDS:
            self._sample(now)
            self._live.update(self.table(progress), refresh=True)

    def close(self) -> None:
        """Leaves the last board as it is."""
        self._live.stop()

    def _sample(self, now: float) -> None:
        m = self._metrics
        self._samples.append((now, m.documents, m.changes, sum(m.written().values())))
        while len(self._samples) > 2 and now - self._samples[1][0] >= WINDOW_SECONDS:
            self._samples.pop(0)

    def _rate(self, index: int) -> str:
        first, last = self._samples[0], self._samples[-1]
        seconds = max(last[0] - first[0], 0.001)
        return f"{(last[index] - first[index]) / seconds:,.0f}/s"

    def table(self, progress: Progress) -> Table:
        """The board as it is now."""
        m = self._metrics
        table = Table(title=f"onto-flow: {progress.stage}{', ready' if m.ready else ''}", show_header=False)
        table.add_column("what")
        table.add_column("how much", justify="right")
        table.add_column("rate", justify="right")
        of = f" of {progress.expected:,}" if progress.expected else ""
        table.add_row("documents", f"{m.documents:,}{of}", self._rate(1))
        table.add_row("changes", f"{m.changes:,}", self._rate(2))
        for (view, kind), count in sorted(m.written().items()):
            table.add_row(f"{view}: {kind}", f"{count:,}", "")
        table.add_row("all writes", f"{sum(m.written().values()):,}", self._rate(3))
        table.add_row("freshness, median", _at_most(m.freshness.quantile(0.5)), "")
        table.add_row("freshness, 99 %", _at_most(m.freshness.quantile(0.99)), "")
        table.add_row("feed silent for", f"{m.feed_silent_seconds:,.0f} s", "")
        table.add_row("dead letters", f"{m.dead_letters:,}", "")
        table.add_row("gaps open", f"{m.gaps_open:,}", "")
        if m.checkpoints:
            table.add_row("checkpoints", f"{m.checkpoints:,}", f"{m.state_bytes / 1e6:,.1f} MB")
        return table


def _at_most(bound: float | None) -> str:
    return "-" if bound is None else f"at most {bound:g} s"
