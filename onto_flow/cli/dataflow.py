"""`backfill` and `run` with `--engine beam --runner DataflowRunner`: a job is compiled, submitted, or updated."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..core.errors import UsageError
from .command import DONE, say, time_of

if TYPE_CHECKING:
    from ..run import Run
    from ..sources.base import Source

_ELSEWHERE = ("now", "clock", "record_clock", "metrics", "dashboard")
"""What a process tells or is told that runs the job itself."""

_OWN = ("compile", "template", "against", "generation")
"""What a job elsewhere than on Dataflow cannot be told; `--no-wait` changes nothing there."""


def dataflow_arguments(command: argparse.ArgumentParser, *, stream: bool) -> None:
    """Adds what is for Dataflow alone."""
    group = command.add_argument_group("with --engine beam --runner DataflowRunner")
    group.add_argument(
        "--compile", metavar="DIR", help="write the job and what it needs to a new folder; contact nobody"
    )
    if stream:
        group.add_argument(
            "--against",
            metavar="OLD.json",
            help="with --update or --compile: what explain --format json said of the running version",
        )
        group.add_argument(
            "--generation", metavar="N", help="of the running job that a flex template's launch updates: its label"
        )
    else:
        group.add_argument(
            "--template", metavar="DIR", help="as --compile, as a classic template: source and sink may be given anew"
        )
        group.add_argument("--no-wait", action="store_true", help="do not wait until the job has ended")


def goes_to_dataflow(arguments: argparse.Namespace) -> bool:
    """Whether a job goes to Dataflow.

    Raises:
        UsageError: It does not, and is told what is for Dataflow alone.
    """
    from ..streams import is_for_dataflow

    if is_for_dataflow(arguments.engine, arguments.engine_options):
        return True
    for name in _OWN:
        if getattr(arguments, name, None):
            what = f"--{name.replace('_', '-')} is for jobs on Dataflow"
            raise UsageError("wrong-usage", what, fix="Say --engine beam --runner DataflowRunner, or leave it out.")
    return False


def to_dataflow(arguments: argparse.Namespace, feed: Source | None) -> int:
    """Compiles, submits or updates the job."""
    from ..connect import with_option
    from ..engines.breaker import Limits
    from ..run import start
    from ..views import load_views

    for name in _ELSEWHERE:
        if getattr(arguments, name, None):
            raise UsageError("wrong-usage", f"--{name.replace('_', '-')} is for a job that runs in this process")
    own = {name: given for name in _OWN if (given := getattr(arguments, name, None))}
    start(
        load_views(arguments.views),
        source=arguments.source,
        feed=feed,
        sink=with_option(arguments.sink, "dry_run", "true") if arguments.dry_run else arguments.sink,
        sink_options=given_options(arguments, "max_writes_per_second", "write_budget_per_day"),
        engine="beam",
        dead_letters=arguments.dead_letters,
        snapshot_time=time_of(arguments.snapshot_time) if arguments.snapshot_time else None,
        inconsistent_export=getattr(arguments, "inconsistent_export", False),
        publish_every=getattr(arguments, "publish_every", None),
        limits=Limits.of(arguments.breaker),
        on_sink=_say_which,
        on_note=lambda text: say(text, arguments.quiet),
        options={**arguments.engine_options, **own, "wait": not getattr(arguments, "no_wait", False)},
    )
    return DONE


def given_options(arguments: argparse.Namespace, *names: str) -> dict[str, str]:
    """Those of some options that are given."""
    return {name: value for name in names if (value := getattr(arguments, name)) is not None}


def _say_which(run: Run) -> None:
    """Name and id of a job that Dataflow has, before it is waited for."""
    assert run.report is not None
    print(run.report.submitted, flush=True)
