"""How a job is watched: its progress on a line, as a board, or as lines of JSON; its health by HTTP."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TextIO

from ..core.registry import Entry, load
from .command import Shown

if TYPE_CHECKING:
    from ..core.change import DeadLetter
    from ..engines.base import Progress
    from ..engines.metrics import Metrics

HEARTBEAT_SECONDS = 10.0
_PARTS = {
    "metrics": Entry("onto_flow.serve.prometheus:Exposition", "metrics"),
    "dashboard": Entry("onto_flow.cli.dashboard:Dashboard", "dashboard"),
}


class Watcher:
    """What is told of a job while it runs."""

    def listening(self, port: int) -> None:
        """Its health is served at this port."""
        print(f"onto-flow: /metrics, /healthz and /readyz at port {port}", file=sys.stderr)

    def progress(self, progress: Progress) -> None:
        """How far it is; called often."""

    def letter(self, letter: DeadLetter) -> None:
        """Something failed, or is well again."""

    def close(self) -> None:
        """The job has ended."""


class OneLine(Watcher):
    """Progress on one line of a terminal."""

    def __init__(self, quiet: bool) -> None:
        self._shown = Shown(quiet)

    def progress(self, progress: Progress) -> None:
        """Shows it, a few times a second."""
        self._shown(progress)


class JsonLines(Watcher):
    """A line of JSON for each stage, each failure, and every ten seconds; no path or value of a document is in it."""

    def __init__(self, metrics: Metrics, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics, self._out, self._clock = metrics, out, clock
        self._stage = ""
        self._last = clock()

    def listening(self, port: int) -> None:
        """Tells the port."""
        self._say("listening", port=port)

    def progress(self, progress: Progress) -> None:
        """Tells of a new stage, and that the job goes on."""
        now = self._clock()
        if progress.stage != self._stage:
            self._stage = progress.stage
            self._say("stage", stage=progress.stage, **self._numbers())
        elif now - self._last >= HEARTBEAT_SECONDS:
            self._say("heartbeat", stage=progress.stage, **self._numbers())

    def letter(self, letter: DeadLetter) -> None:
        """Tells the kind and the code of a failure; what failed is in the dead letters."""
        kind, _, name = letter.key.partition(":")
        more = {"view": name.partition(":")[0]} if kind == "view" else {}
        if not letter.cleared:
            more["code"] = letter.reason.partition(":")[0]
        self._say("dead-letter-cleared" if letter.cleared else "dead-letter", level="WARNING", kind=kind, **more)

    def close(self) -> None:
        """Tells the numbers at the end."""
        self._say("end", **self._numbers())

    def _numbers(self) -> dict[str, Any]:
        m = self._metrics
        names = ("documents", "changes", "dead_letters", "gaps_open", "publications", "checkpoints")
        return {**{n: getattr(m, n) for n in names}, "writes": sum(m.written().values()), "ready": m.ready}

    def _say(self, event: str, level: str = "INFO", **more: Any) -> None:
        self._last = self._clock()
        time_ = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": time_, "level": level, "logger": "onto_flow", "event": event, **more}
        print(json.dumps(line), file=self._out, flush=True)


def watching_arguments(command: argparse.ArgumentParser) -> None:
    """The options of a long run."""
    command.add_argument(
        "--metrics", metavar="HOST:PORT", help="serve /metrics (Prometheus), /healthz and /readyz there while it runs"
    )
    command.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="json: a line per event on standard error"
    )
    command.add_argument(
        "--dashboard", action="store_true", help="show rates, lag, dead letters and gaps in the terminal"
    )


@contextmanager
def watching(arguments: argparse.Namespace, metrics: Metrics) -> Iterator[Watcher]:
    """Watches a job while the context is open, as the arguments say.

    Raises:
        UsageError: `wrong-usage` for a place that cannot be listened on.
        EngineError: `missing-extra` for a package that is not installed.
    """
    from ..serve.health import health_server

    with ExitStack() as stack:
        if arguments.metrics:
            exposition = load("option", "metrics", _PARTS)(metrics)
            port = stack.enter_context(health_server(arguments.metrics, metrics, exposition))
        watcher = _watcher(arguments, metrics)
        stack.callback(watcher.close)
        if arguments.metrics:
            watcher.listening(port)
        yield watcher


def _watcher(arguments: argparse.Namespace, metrics: Metrics) -> Watcher:
    if arguments.log_format == "json":
        return JsonLines(metrics, sys.stderr)
    if arguments.dashboard:
        board: Watcher = load("option", "dashboard", _PARTS)(metrics)
        return board
    return OneLine(arguments.quiet)
