"""What should wake somebody: a feed that falls behind, a job that is gone, a publisher that fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .target import Target


@dataclass(frozen=True)
class Alert:
    """One policy of Cloud Monitoring.

    Attributes:
        label: Its name in Terraform.
        title: Its name for people.
        metric: The filter of its time series.
        aligner: How each series is read.
        above: The value that it must not pass.
        minutes: For how long.
        why: What it means, and what to do.
    """

    label: str
    title: str
    metric: str
    aligner: str
    above: float
    minutes: int
    why: str

    def terraform(self) -> dict[str, Any]:
        """The arguments of Terraform's resource."""
        return {
            "display_name": self.title,
            "combiner": "OR",
            "documentation": {"content": self.why, "mime_type": "text/markdown"},
            "conditions": {
                "display_name": self.title,
                "condition_threshold": {
                    "filter": self.metric,
                    "comparison": "COMPARISON_GT",
                    "threshold_value": self.above,
                    "duration": f"{60 * self.minutes}s",
                    "aggregations": {"alignment_period": "60s", "per_series_aligner": self.aligner},
                },
            },
        }

    def as_json(self) -> str:
        """The same as the API has it."""
        return json.dumps(_camel(_listed(self.terraform())), separators=(",", ":"))


def alerts(target: Target) -> Iterator[Alert]:
    """The policies of a job."""
    views = f'resource.type = "pubsub_subscription" AND resource.labels.subscription_id = "{target.name}-views"'
    job = f'resource.type = "dataflow_job" AND resource.labels.job_name = "{target.name}"'
    run = f'resource.type = "cloud_run_revision" AND resource.labels.service_name = "{target.name}-publisher"'
    yield Alert(
        "behind",
        f"{target.name}: changes wait",
        f'{views} AND metric.type = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"',
        "ALIGN_MAX",
        600,
        5,
        "The oldest change is not in the views after ten minutes. Look at the job: it is gone, stuck, or too small.",
    )
    yield Alert(
        "failed",
        f"{target.name}: the job failed",
        f'{job} AND metric.type = "dataflow.googleapis.com/job/is_failed"',
        "ALIGN_MAX",
        0,
        0,
        "Start it again: the subscription keeps changes for seven days.",
    )
    yield Alert(
        "lag",
        f"{target.name}: the job lags",
        f'{job} AND metric.type = "dataflow.googleapis.com/job/system_lag"',
        "ALIGN_MAX",
        300,
        10,
        "An element is five minutes on its way: a hot key, a step that fails and is tried again, or too few workers.",
    )
    yield Alert(
        "publisher",
        f"{target.name}: the publisher fails",
        f'{run} AND metric.type = "run.googleapis.com/request_count" AND metric.labels.response_code_class = "5xx"',
        "ALIGN_RATE",
        0.1,
        5,
        "Changes are tried again for 24 hours, then they are lost: mend it within that time, else run `onto-flow audit`.",
    )


def _listed(policy: dict[str, Any]) -> dict[str, Any]:
    """Terraform writes one block where the API has a list of one."""
    condition = policy["conditions"]
    threshold = condition["condition_threshold"]
    threshold = {**threshold, "aggregations": [threshold["aggregations"]]}
    return {**policy, "conditions": [{**condition, "condition_threshold": threshold}]}


def _camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {_camel_name(k): _camel(v) for k, v in value.items()}
    return [_camel(v) for v in value] if isinstance(value, list) else value


def _camel_name(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.title() for word in tail)
