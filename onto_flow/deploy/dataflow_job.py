"""A job for Dataflow as it is asked for, by the tool and by Python: one way, with the same refusals.

Options are Beam's own; these are ours beside them:

| option | |
|---|---|
| `compile=DIR` | the job and what it needs are written to a new folder; nobody is contacted |
| `template=DIR` | the same of a backfill, as a classic template |
| `wait=False` | a backfill is not waited for |
| `against=FILE` | with `update` or `compile`: what `explain --format json` said of the running version |
| `generation=N` | of a running stream in whose place a flex template's launch puts it: its label `onto_flow_generation` |
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ..connect import is_here, shown, split
from ..core.errors import UsageError
from ..core.values import from_micros
from ..engines.beam.dataflow.names import mapping
from ..engines.beam.dataflow.places import is_local
from ..engines.beam.dataflow.submitting import Submitted
from ..engines.beam.seeds import SEEDS
from ..engines.beam.stream_job import stream_pipeline
from ..engines.breaker import DEFAULT_LIMITS, Limits
from ..model.compile import plan_views
from ..sources.base import Source, Subscribed
from ..streams import as_of, check_backfill_time, stream_job
from .backfill_job import BackfillJob
from .launch import Launch, Version, in_place
from .template_options import metadata
from .versions import differences

OWN = ("compile", "template", "wait", "against", "generation")
TRANSFORMS = "transform_names.json"
"""What of a compiled job is given as the mapping of transforms, where it is to go on in the place of a running one."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class DataflowJob:
    """What is asked for.

    Attributes:
        views: View models.
        source, sink: URIs, which workers open.
        feed: The feed of a subscription; `None`: a backfill.
        dead_letters: A folder of a bucket, of a stream also `pubsub://PROJECT/TOPIC`; empty: below the temporary files.
        snapshot_time: When the documents were taken.
        publish_every: Refused of a stream.
        sink_options: Options of the sink beside those of its URI.
        limits: When so many failures of user code fail a backfill; of a stream nobody counts them: others are refused.
        options: Beam's, and `OWN`.
    """

    views: Sequence[type]
    source: str
    sink: str
    feed: Source | None = None
    dead_letters: str = ""
    snapshot_time: datetime | None = None
    publish_every: float | None = None
    sink_options: Mapping[str, str] = field(default_factory=dict)
    limits: Limits | None = DEFAULT_LIMITS
    options: Mapping[str, Any] = field(default_factory=dict)

    def give(self, say: Say, submitted: Callable[[Submitted], None]) -> Submitted | None:
        """Compiles the job, or gives it to Dataflow; a backfill is waited for.

        Args:
            say: Is told what a person should know.
            submitted: Is told the job when Dataflow has it.

        Returns:
            The job; `None` where it was compiled.

        Raises:
            UsageError, EngineError: What cannot be asked for, or would not run, with why; what Dataflow says.
        """
        with self._launched() as launch:
            say(launch.shipment.text())
            if place := self._own("compile") or self._own("template"):
                self._compile(launch, Path(str(place)))
                say(f"{place}: job.json, and the files of each bucket as they must lie there; nothing was contacted")
                return None
            # The launcher of a flex template asks for the description alone: the service puts it in the place of the other.
            updates = launch.options.get("update") and not launch.options.get("template_location")
            job = launch.updated(self._differences()) if updates else launch.submitted()
        submitted(job)
        say(job.console)
        if self.feed is None and self._own("wait") is not False and job.id:
            try:
                job.wait()
            except KeyboardInterrupt:
                say(f"the job goes on: gcloud dataflow jobs cancel {job.id}")
                raise
        return job

    @contextmanager
    def _launched(self) -> Iterator[Launch]:
        """The job with its options and its code checked; packages are there until the block ends."""
        self._check()
        begin = self._backfill() if self.feed is None else self._stream(self.feed)
        uris = self._opened()
        options = {name: value for name, value in self.options.items() if name not in OWN}
        with tempfile.TemporaryDirectory(prefix="onto_flow_") as folder:
            yield Launch.of(plan_views(*self.views), begin, uris, options, Path(folder))

    def _check(self) -> None:
        if not str(self.options.get("template_location", "gs://")).startswith("gs://"):
            what, fix = "a template is written to a folder of this machine", "Say --template DIR."
            raise UsageError("wrong-usage", what, fix=fix)
        launched = self.options.get("template_location") and self.options.get("update")
        if (launched and self._generation() is None) or (self._own("generation") and not self._generation()):
            what = "a launch that updates a running stream must say the generation of its views"
            raise UsageError(
                "wrong-usage", what, fix="Give --generation N: the label onto_flow_generation of that job."
            )
        here = is_local(str(self.options.get("dataflow_endpoint", "")))
        is_topic = self.feed is not None and split(self.dead_letters)[0] == "pubsub"
        is_folder_here = here and self.dead_letters.startswith("/")
        if self.dead_letters and not (is_folder_here or is_topic or self.dead_letters.startswith("gs://")):
            what = f"workers cannot write dead letters to {self.dead_letters!r:.80}"
            topic = "pubsub://PROJECT/TOPIC, or " if self.feed is not None else ""
            raise UsageError("wrong-usage", what, fix=f"Give {topic}a folder of a bucket: gs://my-bucket/letters")

        for uri in () if here else self._opened():
            if is_here(uri):
                what = f"{shown(uri)} is on this machine, where workers of Dataflow see nothing"
                raise UsageError("wrong-usage", what, fix="Name a place in a bucket (gs://...), or a service.")

    def _opened(self) -> tuple[str, ...]:
        """The URIs that workers open."""
        return self.source, self.sink, *(self.feed.opened if isinstance(self.feed, Subscribed) else ())

    def _own(self, name: str) -> Any:
        return self.options.get(name)

    def _generation(self) -> int | None:
        """Of the running stream, where the job is told it."""
        given = str(self._own("generation") or "")
        return int(given) if given.isascii() and given.isdigit() else None

    def _compile(self, launch: Launch, folder: Path) -> None:
        found = None if self._own("against") is None else in_place(self._differences())
        compiled = launch.compiled()
        compiled.write(folder)
        if found is not None:
            renamed = mapping(compiled.pipeline(), found.names)
            (folder / TRANSFORMS).write_text(json.dumps(renamed, indent=2) + "\n")
        if self._own("template"):
            names = ", ".join(f"{view.__module__}:{view.__name__}" for view in self.views)
            said = metadata(str(launch.options.get("job_name") or "onto_flow views"), names)
            (folder / "job.json_metadata").write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n")

    def _differences(self) -> Any:
        """How the running version of the views differs from these."""
        if self._own("against") is None:
            fix = "Give --against OLD.json: what explain --format json said when the running job was started."
            raise UsageError("wrong-usage", "an update must know which version of the views runs", fix=fix)
        return differences(Path(str(self._own("against"))), self.views)

    def _seeds(self) -> str:
        """The folder of a backfill's seeds; empty where it writes none."""
        seeds = str(self.options.get(SEEDS) or "")
        check_backfill_time(self.snapshot_time, seeds)
        if seeds and not seeds.startswith("gs://"):
            what = f"{seeds!r} cannot be --seeds: workers write them, and another job reads them"
            raise UsageError("wrong-usage", what, fix="Give a folder of a bucket: gs://my-bucket/seeds/1")
        if seeds and self._own("template"):
            fix = "Say --compile DIR, or take the flex template: it makes the graph when it is started."
            raise UsageError("wrong-usage", "seeds are of one time, and a template is for any", fix=fix)
        return seeds

    def _backfill(self) -> Any:
        seeds = self._seeds()
        source, snapshot = as_of(self.source, self.snapshot_time) if seeds else (self.source, None)
        is_compiled = bool(self._own("template") or self._own("compile"))

        def begin(_: Version | None) -> Any:
            version = Version(time.time_ns() // 1000)
            job = BackfillJob(
                tuple(self.views),
                source,
                self.sink,
                self.dead_letters,
                None if is_compiled else version.generation,
                self.sink_options,
                template=bool(self._own("template")),
                seeds=seeds,
                snapshot=snapshot,
                limits=self.limits,
            )
            return version, job.pipeline

        return begin

    def _stream(self, feed: Source) -> Any:
        if self._own("template"):
            what = "a stream is no classic template: the time of its documents is part of the graph"
            raise UsageError(
                "wrong-usage", what, fix="Take the flex template, which makes the graph when it is started."
            )
        if self.limits not in (None, DEFAULT_LIMITS):
            what = "nobody counts the failures of a stream on Dataflow, so no breaker stops it"
            raise UsageError("wrong-usage", what, fix="Leave out --breaker, and watch its dead letters.")

        def begin(goes_on: Version | None) -> Any:
            moment = self.snapshot_time
            if goes_on is not None and goes_on.snapshot is not None:
                moment = from_micros(goes_on.snapshot)
            temp = str(self.options.get("temp_location", "")).rstrip("/")
            job = stream_job(
                self.views,
                source=self.source,
                feed=feed,
                sink=self.sink,
                dead_letters=self.dead_letters or f"{temp}/letters",
                snapshot_time=moment,
                generation=self._generation() if goes_on is None else goes_on.generation,
                publish_every=self.publish_every,
                sink_options=self.sink_options,
            )
            version = Version(job.generation, job.snapshot)
            return version, lambda options: stream_pipeline(replace(job, options=options))[0]

        return begin
