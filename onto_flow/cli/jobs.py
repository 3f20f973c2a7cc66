"""`backfill` and `run`: view tables, computed once or kept right."""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import UsageError
from ..engines.wrong_types import in_words
from .command import DONE, VIEWS, WITH_DEAD_LETTERS, Command, say, time_of
from .dataflow import dataflow_arguments, given_options, goes_to_dataflow, to_dataflow
from .declaring import declaring, declaring_arguments
from .watching import watching, watching_arguments

if TYPE_CHECKING:
    from ..engines.base import Report
    from ..run import Run

_ENVIRONMENTS = {"beam": ("apache_beam", ".venv"), "flink": ("pyflink", ".venv-flink")}


def _job_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("views", help=VIEWS)
    command.add_argument("--source", required=True, help="an export's folder or URL, parquet:PLACE or jsonl:FILE")
    command.add_argument(
        "--sink",
        required=True,
        help="parquet:DIR, jsonl:FILE, postgresql://USER@HOST/DB, firestore://PROJECT or pubsub://PROJECT/TOPIC",
    )
    command.add_argument("--engine", default="local", help="local (default), beam or flink")
    command.add_argument(
        "--dead-letters",
        metavar="PLACE",
        help="a file (default: .onto-flow/dead-letters.sqlite) or pubsub://PROJECT/TOPIC; of a stream on Beam a folder too",
    )
    command.add_argument("--max-writes-per-second", metavar="N", help="write to the sink's database not faster")
    command.add_argument("--write-budget-per-day", metavar="N", help="stop when so many writes of a day (UTC) are made")
    command.add_argument("--dry-run", action="store_true", help="write nothing to the sink's database: count it")
    declaring_arguments(command)
    watching_arguments(command)


def _backfill_arguments(command: argparse.ArgumentParser) -> None:
    _job_arguments(command)
    dataflow_arguments(command, stream=False)
    command.add_argument(
        "--snapshot-time", metavar="TIME", help="with --engine beam --seeds: when the export was taken (RFC 3339)"
    )


def _run_arguments(command: argparse.ArgumentParser) -> None:
    _job_arguments(command)
    dataflow_arguments(command, stream=True)
    command.add_argument(
        "--feed", required=True, help="a file, - for standard input, jsonl:FILE or pubsub://P/SUBSCRIPTION"
    )
    command.add_argument(
        "--format", help="what its lines are: cloudevents, background, changelog, debezium; default: each tells"
    )
    command.add_argument("--mapping", metavar="FILE", help="how to read messages of another form (docs/feeds.md)")
    command.add_argument("--database", metavar="URI", help="where documents of events without them are read")
    command.add_argument("--snapshot-time", metavar="TIME", help="when the export was taken (RFC 3339)")
    command.add_argument(
        "--inconsistent-export", action="store_true", help="the export is no consistent view at one time"
    )
    command.add_argument(
        "--publish-every",
        metavar="SECONDS",
        type=float,
        help="the tables are published at the latest after so long (default 10), and when the feed is quiet",
    )


def go_to_environment(engine: str, arguments: Sequence[str]) -> None:
    """Runs the command in the environment that has the engine, where setup.sh made one beside this one."""
    package, environment = _ENVIRONMENTS.get(engine, ("onto_flow", ""))
    if importlib.util.find_spec(package) is not None:
        return
    tool = Path(sys.prefix).parent / environment / "bin" / "onto-flow"
    if not tool.exists():
        raise UsageError(
            "missing-extra",
            f"engine {engine!r} needs {package}, which is not installed here",
            fix=f"In the project: ./setup.sh; elsewhere: pip install 'onto-flow[{engine}]'.",
        )
    os.execv(tool, [str(tool), *arguments])  # noqa: S606 - the same command, in the other environment


def _backfill(arguments: argparse.Namespace) -> int:
    if goes_to_dataflow(arguments):
        return to_dataflow(arguments, None)
    moment = arguments.snapshot_time
    return _job(arguments, {"snapshot_time": time_of(moment)} if moment else {})


def _run(arguments: argparse.Namespace) -> int:
    from ..connect import open_feed

    snapshot, every = arguments.snapshot_time, arguments.publish_every
    if every is not None and not 0 <= every < float("inf"):
        raise UsageError("wrong-usage", f"--publish-every {every} is no number of seconds")
    said = given_options(arguments, "format", "mapping", "database")
    feed = open_feed(arguments.feed, **{k: v for k, v in said.items() if v})
    if goes_to_dataflow(arguments):
        return to_dataflow(arguments, feed)
    return _job(
        arguments,
        {
            "feed": feed,
            "snapshot_time": time_of(snapshot) if snapshot else None,
            "inconsistent_export": arguments.inconsistent_export,
            "publish_every": every,
        },
    )


def _job(arguments: argparse.Namespace, more: dict[str, Any]) -> int:
    from ..connect import with_option
    from ..engines.metrics import Metrics
    from ..run import DEAD_LETTERS, start
    from ..views import load_views

    views = load_views(arguments.views)
    letters = arguments.dead_letters or DEAD_LETTERS

    def stop_on_signal(run: Run) -> None:
        signal.signal(signal.SIGTERM, lambda number, frame: run.stop.set())
        signal.signal(signal.SIGINT, lambda number, frame: run.stop.set())

    metrics = Metrics()
    with declaring(arguments) as declared, watching(arguments, metrics) as watcher:
        run = start(
            views,
            source=arguments.source,
            sink=with_option(arguments.sink, "dry_run", "true") if arguments.dry_run else arguments.sink,
            sink_options=given_options(arguments, "max_writes_per_second", "write_budget_per_day"),
            engine=arguments.engine,
            dead_letters=letters,
            on_progress=watcher.progress,
            on_letter=watcher.letter,
            on_sink=stop_on_signal,
            on_note=lambda text: say(text, arguments.quiet),
            options=arguments.engine_options,
            metrics=metrics,
            **declared,
            **more,
        )
    assert run.report is not None
    if run.report.submitted:
        print(run.report.submitted)
        return DONE
    _say_what_it_did(run, run.report, arguments)
    if run.letters:
        print(f"onto-flow: {len(run.letters)} dead letters: {letters}", file=sys.stderr)
        return WITH_DEAD_LETTERS
    return DONE


def _say_what_it_did(run: Run, report: Report, arguments: argparse.Namespace) -> None:
    from ..sinks.base import Counting

    say(
        f"{report.documents} documents, {report.changes} changes -> {report.view_changes} view changes "
        f"in {report.seconds:.1f} s{_gaps(report)}",
        arguments.quiet,
    )
    if isinstance(run.sink, Counting):
        did = ", ".join(f"{count} {kind}" for kind, count in sorted(run.sink.operations.items()))
        say(f"{'a dry run: ' if arguments.dry_run else ''}{did}", arguments.quiet)
    if not report.published:
        print("onto-flow: stopped before the tables were complete: nothing was shown", file=sys.stderr)
    if report.wrong_types:
        words = in_words(report.wrong_types)
        print(f"onto-flow: fields of another type than declared were read: {words}", file=sys.stderr)


def _gaps(report: Report) -> str:
    """What the feed did not give; nothing where it gave all."""
    counts = {"gaps open": report.gaps_open, "gaps given up": report.gaps.lost}
    return "".join(f"; {name}: {count}" for name, count in counts.items() if count)


BACKFILL = Command("backfill", "compute view tables from an export", _backfill_arguments, _backfill, engine=True)
RUN = Command("run", "compute view tables, and keep them right from a feed", _run_arguments, _run, engine=True)
