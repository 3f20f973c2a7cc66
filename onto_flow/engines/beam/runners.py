"""What each runner can do, as records; what a pipeline needs and its runner cannot do is refused before anything starts.

Measured on Beam 2.77, the runners in this machine by running them; what Dataflow can do was read, and what it refuses was
seen when jobs were compiled.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from apache_beam.options.pipeline_options import DebugOptions, GoogleCloudOptions, PipelineOptions

NO_END = "the views change by time alone (a clock or `until`), and a stream on Beam has no declared time"
"""Why some views cannot be kept right by a stream."""

BY_URIS = (
    "workers on Dataflow open all ends themselves, and their code is looked at first: give the job by its URIs to "
    "`View.backfill`, `run.start` or the tool, not to the engine"
)
"""Why the engine, built by hand, gives nothing to Dataflow."""

BOUNDED = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
STREAM = "BundleBasedDirectRunner"
DATAFLOW = "DataflowRunner"

UNSPLIT = "prism_disable_sdf_split"
"""What Prism needs to be told."""

_AT_LEAST_ONCE = "streaming_mode_at_least_once"
_CHOOSES = ("direct", "directrunner", "switchingdirectrunner")


class Need(Enum):
    """Something that a pipeline needs of its runner."""

    STATE = "state and event-time timers"
    ORDERED_STATE = "ordered list state"
    TIMERS_AT_END = "processing-time timers on a bounded input"
    GROUPED_TIMERS = "grouping what event-time timers gave, on a bounded input"
    TIMERS = "processing-time timers in a stream"
    STREAM = "a stream"
    PUBSUB = "Pub/Sub as a source"
    SPLITTABLE = "splittable DoFns"
    ENDLESS_SPLITTABLE = "splittable DoFns that do not end"
    BATCHES = "DoFns that take batches"
    TEST_STREAM = "TestStream"
    DRAIN = "a drain"


@dataclass(frozen=True)
class Runner:
    """What a runner can do.

    Attributes:
        name: Of its class.
        lacks: Need -> what it does instead.
        notes: Need -> what it does otherwise than one may expect.
        is_local: Whether all of its workers are in this process or this machine.
        instead: The runner to name where it lacks something.
        stops: Whether a stream ends when a step of it fails, or who runs it may end it.
        experiment: Without it state is lost; see `keep_keys_whole`.
    """

    name: str
    lacks: Mapping[Need, str]
    notes: Mapping[Need, str] = field(default_factory=dict)
    is_local: bool = True
    instead: str = ""
    stops: bool = True
    experiment: str = ""


RUNNERS = (
    Runner(
        "FnApiRunner",
        {
            Need.STREAM: "it never returns",
            Need.PUBSUB: "it never returns",
            Need.TIMERS: "it runs no streams",
            Need.TEST_STREAM: "it refuses it",
            Need.ENDLESS_SPLITTABLE: "it never returns",
            Need.DRAIN: "it runs no streams",
        },
        {Need.TIMERS_AT_END: "they come at once, at the end"},
        instead=STREAM,
    ),
    Runner(
        "BundleBasedDirectRunner",
        {
            Need.ORDERED_STATE: "it refuses it",
            Need.TIMERS_AT_END: "it loses them in silence",
            Need.GROUPED_TIMERS: "it groups before they fire, and fails",
            Need.SPLITTABLE: "it fails",
            Need.ENDLESS_SPLITTABLE: "it fails",
            Need.BATCHES: "it fails",
            Need.DRAIN: "it has none",
        },
        {
            Need.TIMERS: "they come when the next pull is over, seconds late while nothing comes",
            Need.PUBSUB: "state is in memory; Beam's own read acknowledges messages before they are worked on",
        },
        instead="FnApiRunner for what ends",
    ),
    Runner(
        "PrismRunner",
        {
            Need.ORDERED_STATE: "it hangs",
            Need.PUBSUB: "it does not know it",
            Need.DRAIN: "it has none",
        },
        {
            Need.STATE: f"with the experiment `{UNSPLIT}`, which is set: it loses state when it splits a slow bundle",
            Need.TEST_STREAM: "with a coder of pairs, and wrong with `advance_processing_time`",
        },
        instead=STREAM,
        experiment=UNSPLIT,
    ),
    Runner(
        DATAFLOW,
        {Need.TEST_STREAM: "it is for tests on this machine", Need.ORDERED_STATE: "nobody has seen it there"},
        is_local=False,
        instead=STREAM,
        stops=False,
    ),
)
"""All that are known; of another one nothing is refused."""

_UNKNOWN = Runner("", {}, is_local=False)
_CHOOSING = Runner("DirectRunner", {}, experiment=UNSPLIT)
"""Prism may be what it chooses."""


def named(runner: str, *, unbounded: bool) -> str:
    """The runner in full: `direct`, and Beam's own `DirectRunner`, which chooses by what it finds, are told apart.

    Example:
        >>> named("direct", unbounded=True), named("PrismRunner", unbounded=True)
        ('BundleBasedDirectRunner', 'PrismRunner')
    """
    if runner.lower() not in _CHOOSES:
        return runner
    return STREAM if unbounded else BOUNDED


def known(runner: str) -> Runner:
    """The record of a runner, by the name of its class, whole or the last of it.

    Example:
        >>> known(BOUNDED).name, known("TestDataflowRunner").name, known("SparkRunner").name
        ('FnApiRunner', 'DataflowRunner', '')
    """
    last = runner.rpartition(".")[2].lower()
    if last in _CHOOSES:
        return _CHOOSING
    found = (r for r in RUNNERS if last in (r.name.lower(), f"test{r.name}".lower()))
    return next(found, _UNKNOWN)


def is_dataflow(options: Mapping[str, Any]) -> bool:
    """Whether the options of a job name Dataflow."""
    return known(str(options.get("runner", "direct"))).name == DATAFLOW


def runner_of(pipeline: Any) -> Runner:
    """The record of a pipeline's runner."""
    return known(type(pipeline.runner).__name__)


def refusals(runner: Runner, options: PipelineOptions, needs: Collection[Need]) -> list[str]:
    """Why a runner cannot keep views right, one sentence each.

    Args:
        runner: It.
        options: The options of the pipeline.
        needs: What the pipeline needs.
    """
    reasons = [
        f"{runner.name} lacks {need.value}: {runner.lacks[need]}" for need in Need if need in _lacking(runner, needs)
    ]
    if reasons:
        reasons[-1] += f"; name the runner {runner.instead}"
    asked = options.view_as(GoogleCloudOptions).dataflow_service_options or []
    if any(_AT_LEAST_ONCE in option for option in asked):
        what = "Dataflow's at-least-once mode repeats steps, and the state of views needs each message once"
        reasons.append(f"{what}: leave out --dataflow_service_options={_AT_LEAST_ONCE}")
    return reasons


def keep_keys_whole(runner: Runner, options: PipelineOptions) -> None:
    """Tells Prism, in the options of a pipeline with state, that it must not split bundles.

    Of a bundle that is slow it gives the second half to another one, and lets go of the keys of that half, also of those
    that the first half has too (2.77, `splitBundle` of its element manager; apache/beam issue 35771 is about the timers of
    such bundles). Then two bundles work on a key at once, and what one of them writes is lost.
    """
    if runner.experiment:
        options.view_as(DebugOptions).add_experiment(runner.experiment)


def goes_on(runner: Runner, views: Collection[str]) -> list[str]:
    """Why a runner cannot keep views right that say `on_error = "fail"`: their stream would go on.

    Example:
        >>> goes_on(known("DataflowRunner"), ["Price"])[0].partition(",")[0], goes_on(known(STREAM), ["Price"])
        ("Price says on_error = 'fail'", [])
    """
    if runner.stops:
        return []
    why = f"and a stream on {runner.name} cannot end itself: what fails there is tried again for ever"
    return [
        f"{name} says on_error = 'fail', {why}; say 'keep' or 'delete', and watch the dead letters" for name in views
    ]


def _lacking(runner: Runner, needs: Collection[Need]) -> list[Need]:
    return [need for need in needs if need in runner.lacks]


def table(needs: Collection[Need] = tuple(Need)) -> str:
    """What each runner can do of some needs, as a table of Markdown."""
    head = ["", *(r.name for r in RUNNERS)]
    rows = [[need.value, *(_can(r, need) for r in RUNNERS)] for need in Need if need in needs]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _can(runner: Runner, need: Need) -> str:
    if need in runner.lacks:
        return f"**no**: {runner.lacks[need]}"
    note = runner.notes.get(need)
    return f"yes; {note}" if note else "yes"
