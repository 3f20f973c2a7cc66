"""`backfill` and `run` with `--engine beam --runner DataflowRunner`: a job is compiled, submitted, or updated."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import UsageError
from .command import DONE, say, time_of
from .explain import against, explained

if TYPE_CHECKING:
    from datetime import datetime

    from ..deploy.launch import Begin, Launch, Version

_ELSEWHERE = ("now", "clock", "record_clock", "metrics", "dashboard")
"""What a process tells or is told that runs the job itself."""


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
            help="with --update: what explain --format json said of the running version",
        )
    else:
        group.add_argument(
            "--template", metavar="DIR", help="as --compile, as a classic template: source and sink may be given anew"
        )
        group.add_argument("--no-wait", action="store_true", help="do not wait until the job has ended")


def is_for_dataflow(arguments: argparse.Namespace) -> bool:
    """Whether a job goes to Dataflow."""
    runner = str(arguments.engine_options.get("runner", ""))
    return arguments.engine == "beam" and runner.rpartition(".")[2].lower() in ("dataflow", "dataflowrunner")


def to_dataflow(arguments: argparse.Namespace, *, stream: bool) -> int:
    """Compiles, submits or updates the job."""
    from ..deploy.launch import Launch
    from ..model.compile import plan_views
    from ..views import load_views

    for name in _ELSEWHERE:
        if getattr(arguments, name, None):
            raise UsageError("wrong-usage", f"--{name.replace('_', '-')} is for a job that runs in this process")
    if not str(arguments.engine_options.get("template_location", "gs://")).startswith("gs://"):
        raise UsageError("wrong-usage", "a template is written to a folder of this machine", fix="Say --template DIR.")
    views = load_views(arguments.views)
    plan = plan_views(*views)
    begin = _stream(arguments, views) if stream else _backfill(arguments, views)
    uris = (arguments.source, arguments.sink, *([arguments.feed] if stream else []))
    with tempfile.TemporaryDirectory(prefix="onto_flow_") as folder:
        launch = Launch.of(plan, begin, uris, arguments.engine_options, Path(folder))
        say(launch.shipment.text(), arguments.quiet)
        if place := arguments.compile or getattr(arguments, "template", None):
            return _compiled(arguments, launch, Path(place))
        return _submitted(arguments, launch, stream=stream)


def _compiled(arguments: argparse.Namespace, launch: Launch, folder: Path) -> int:
    launch.compiled().write(folder)
    if getattr(arguments, "template", None):
        from ..deploy.template_options import metadata

        said = metadata(str(launch.options.get("job_name") or "onto_flow views"), arguments.views)
        (folder / "job.json_metadata").write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n")
    say(
        f"{folder}: job.json, and the files of each bucket as they must lie there; nothing was contacted",
        arguments.quiet,
    )
    return DONE


def _submitted(arguments: argparse.Namespace, launch: Launch, *, stream: bool) -> int:
    job = launch.updated(_differences(arguments)) if launch.options.get("update") else launch.submitted()
    print(f"{job.name} {job.id}")
    say(job.console, arguments.quiet)
    if not stream and not arguments.no_wait:
        try:
            job.wait()
        except KeyboardInterrupt:
            say(f"the job goes on: gcloud dataflow jobs cancel {job.id}", quiet=False)
            raise
    return DONE


def _differences(arguments: argparse.Namespace) -> Any:
    """How the running version of the views differs from these."""
    old = getattr(arguments, "against", None)
    if old is None:
        fix = "Give --against OLD.json: what explain --format json said when the running job was started."
        raise UsageError("wrong-usage", "an update must know which version of the views runs", fix=fix)
    return against(Path(old), explained(arguments.views))


def snapshot_of_backfill(arguments: argparse.Namespace) -> datetime | None:
    """The time of the documents that a backfill is told.

    Raises:
        UsageError: It writes no seeds: a table alone does not depend on the time.
    """
    if arguments.snapshot_time is None:
        return None
    if not arguments.engine_options.get("seeds"):
        fix = "Give --engine beam --seeds URI too, or leave it out."
        raise UsageError("wrong-usage", "--snapshot-time of a backfill is what its seeds say", fix=fix)
    return time_of(arguments.snapshot_time)


def _seeds(arguments: argparse.Namespace) -> str:
    """The folder of a backfill's seeds; empty where it writes none."""
    seeds = str(arguments.engine_options.get("seeds") or "")
    if seeds and not seeds.startswith("gs://"):
        what = f"{seeds!r} cannot be --seeds: workers write them, and another job reads them"
        raise UsageError("wrong-usage", what, fix="Give a folder of a bucket: gs://my-bucket/seeds/1")
    if seeds and arguments.template:
        fix = "Say --compile DIR, or take the flex template: it makes the graph when it is started."
        raise UsageError("wrong-usage", "seeds are of one time, and a template is for any", fix=fix)
    return seeds


def _backfill(arguments: argparse.Namespace, views: list[Any]) -> Begin:
    from ..deploy.backfill_job import BackfillJob
    from ..deploy.launch import Version
    from ..streams import as_of

    moment, seeds = snapshot_of_backfill(arguments), _seeds(arguments)
    source, snapshot = as_of(arguments.source, moment) if seeds else (arguments.source, None)

    def begin(_: Version | None) -> Any:
        version = Version(time.time_ns() // 1000)
        generation = None if arguments.template or arguments.compile else version.generation
        job = BackfillJob(
            tuple(views),
            source,
            _sink(arguments),
            arguments.dead_letters or "",
            generation,
            _sink_options(arguments),
            template=bool(arguments.template),
            seeds=seeds,
            snapshot=snapshot,
        )
        return version, job.pipeline

    return begin


def _stream(arguments: argparse.Namespace, views: list[Any]) -> Begin:
    import dataclasses

    from ..connect import open_feed
    from ..core.values import from_micros
    from ..deploy.launch import Version
    from ..engines.beam.stream_job import stream_pipeline
    from ..streams import stream_job

    if arguments.inconsistent_export:
        raise UsageError("wrong-usage", "a stream on Beam begins with an export whose time is known")
    said = {"format": arguments.format, "mapping": arguments.mapping, "database": arguments.database}
    feed = open_feed(arguments.feed, **{k: v for k, v in said.items() if v})

    def begin(goes_on: Version | None) -> Any:
        moment = time_of(arguments.snapshot_time) if arguments.snapshot_time else None
        if goes_on is not None and goes_on.snapshot is not None:
            moment = from_micros(goes_on.snapshot)
        temp = str(arguments.engine_options.get("temp_location", "")).rstrip("/")
        job = stream_job(
            views,
            source=arguments.source,
            feed=feed,
            sink=_sink(arguments),
            dead_letters=arguments.dead_letters or f"{temp}/letters",
            snapshot_time=moment,
            generation=None if goes_on is None else goes_on.generation,
            publish_every=arguments.publish_every,
            sink_options=_sink_options(arguments),
        )
        version = Version(job.generation, job.snapshot)
        return version, lambda options: stream_pipeline(dataclasses.replace(job, options=options))[0]

    return begin


def _sink(arguments: argparse.Namespace) -> str:
    from ..connect import with_option

    uri: str = arguments.sink
    return with_option(uri, "dry_run", "true") if arguments.dry_run else uri


def _sink_options(arguments: argparse.Namespace) -> dict[str, str]:
    names = ("max_writes_per_second", "write_budget_per_day")
    return {name: value for name in names if (value := getattr(arguments, name)) is not None}
