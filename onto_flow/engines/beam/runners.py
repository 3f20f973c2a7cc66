"""What a runner cannot do with a stream, said before anything starts; and which local runner is taken.

| | FnApiRunner | BundleBasedDirectRunner | Prism | Dataflow |
|---|---|---|---|---|
| bounded, with state | yes | event-time timers late | yes | yes |
| a stream | no: it never returns, and refuses `TestStream` | yes | no Pub/Sub | yes, exactly once |

Measured on Beam 2.77.
"""

from __future__ import annotations

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

BOUNDED = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
STREAM = "BundleBasedDirectRunner"

_AT_LEAST_ONCE = "streaming_mode_at_least_once"
_CHOOSES = ("direct", "directrunner")


def named(runner: str, *, unbounded: bool) -> str:
    """The runner in full: `direct`, and Beam's own `DirectRunner`, which chooses by what it finds, are told apart.

    Example:
        >>> named("direct", unbounded=True), named("PrismRunner", unbounded=True)
        ('BundleBasedDirectRunner', 'PrismRunner')
    """
    if runner.lower() not in _CHOOSES:
        return runner
    return STREAM if unbounded else BOUNDED


def refusals(runner: str, options: PipelineOptions, *, unbounded: bool) -> list[str]:
    """Why a runner cannot keep views right, one sentence each.

    Args:
        runner: The name of its class.
        options: The options of the pipeline.
        unbounded: Whether the pipeline is a stream.
    """
    reasons = []
    if unbounded and runner == "FnApiRunner":
        reasons.append(f"FnApiRunner runs no streams: name the runner {STREAM}")
    asked = options.view_as(GoogleCloudOptions).dataflow_service_options or []
    if any(_AT_LEAST_ONCE in option for option in asked):
        what = "Dataflow's at-least-once mode repeats steps, and the state of views needs each message once"
        reasons.append(f"{what}: leave out --dataflow_service_options={_AT_LEAST_ONCE}")
    return reasons
