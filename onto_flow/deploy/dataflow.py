"""The set-up of a job on Dataflow, as text that people read: commands with what they are for, or Terraform's JSON."""

from __future__ import annotations

import json
from pathlib import Path
from shlex import quote
from typing import Any

from .resource import Resource
from .resources import SERVICE, resources
from .target import CANARIES, Target

PUBLISHER = Path(__file__).parent / "publisher"
"""The folder of the publisher's code."""

_BEGUN = {
    2: "export, run the backfill that writes tables and seeds, and start the stream from these seeds",
    1: "export, and start the stream that reads the export first",
    0: "export, and start the embedded engine: the views change by time alone",
}
"""What the commands do when all of Terraform's is there, by the number of jobs on Dataflow."""


def terraform(target: Target) -> str:
    """Terraform's JSON: everything but the export and the jobs, which are done once and in order (`commands`)."""
    made: dict[str, dict[str, Any]] = {}
    services = [f"{SERVICE}.{r.label}" for r in resources(target) if r.kind == SERVICE]
    for resource in resources(target):
        body = resource.body if resource.kind == SERVICE else {**resource.body, "depends_on": services}
        made.setdefault(resource.kind, {})[resource.label] = {"//": resource.why, **body}
    commands_do = f"make publisher.zip, {_BEGUN[target.jobs]}"
    document = {
        "//": f"Around the job {target.name} of {target.views}. The commands beside this file {commands_do}.",
        "terraform": {"required_providers": {"google": {"source": "hashicorp/google", "version": ">= 6.0"}}},
        "provider": {"google": {"project": target.project, "region": target.region}},
        "resource": made,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def commands(target: Target) -> str:
    """A script of commands, each with what it is for; people carry it out piece by piece."""
    parts = [
        f"# Around the job {target.name} of {target.views}. Read it, then carry it out piece by piece, in this order.",
        "set -euo pipefail",
        "# 1. What stands around the job (or: terraform apply, with the JSON of --format terraform)",
        *(line for resource in resources(target) for line in _lines(resource)),
        "# 2. Is the trigger at work? A new one may need ten minutes. Repeat until the message comes.",
        *_canary(target),
        "# 3. An export, at a whole minute after the first canary came; it must be over before it can be exported.",
        *_export(target),
        "# 4. The views, from the export and then from the changes: the subscription of 1 is older than the export.",
        *_jobs(target),
    ]
    return "\n".join(parts) + "\n"


def _lines(resource: Resource) -> tuple[str, str]:
    return f"# {resource.why}", resource.command


def _canary(target: Target) -> list[str]:
    documents = f"https://firestore.googleapis.com/v1/projects/{target.project}/databases/{target.database}/documents"
    return [
        'curl -fsS -X PATCH -H "Authorization: Bearer $(gcloud auth print-access-token)"'
        f" -H 'Content-Type: application/json' -d '{{\"fields\":{{}}}}' {quote(documents)}/{CANARIES}/$(date +%s)",
        f"gcloud pubsub subscriptions pull {target.name}-canaries --project={target.project} --auto-ack --limit=1",
    ]


def _export(target: Target) -> list[str]:
    return [
        "SNAPSHOT=$(date -u -d '2 minutes' +%Y-%m-%dT%H:%M:00Z); sleep 180",
        f'EXPORT="gs://{target.bucket}/exports/$SNAPSHOT"',
        f'gcloud firestore export "$EXPORT" --project={target.project} --database={quote(target.database)}'
        f' --collection-ids={target.exported()} --snapshot-time="$SNAPSHOT"',
        'printf \'{"snapshot_time": "%s"}\' "$SNAPSHOT" | gcloud storage cp - "$EXPORT/onto_flow.json"',
    ]


def _jobs(target: Target) -> list[str]:
    views, sink = quote(target.views), quote(target.sink)
    service = f'onto-flow run {views} --source "$EXPORT" --feed {_feed(target)} --sink {sink} --checkpoint state'
    if target.jobs == 0:
        return [
            "# These views change by time alone (a clock or `until`): a backfill gives no seeds of them, and no stream on",
            "# Dataflow keeps them right. One job, on the embedded engine, as a small service that goes on after a kill:",
            f"{service} --metrics 9090",
        ]
    return [
        "# On Dataflow. IMAGE has onto_flow and the views (docs/deploying.md).",
        *(_two_jobs(target) if target.jobs == 2 else _one_job(target)),
        "# Or, in place of all of this, the embedded engine, as a small service that goes on after a kill:",
        f"{service} --metrics 9090",
    ]


def _two_jobs(target: Target) -> list[str]:
    return [
        "# 4a. A batch job computes the tables, and writes the state of every key beside them. The command ends with it,",
        "# and the stream must not begin where it failed.",
        f'SEEDS="gs://{target.bucket}/seeds/$SNAPSHOT"',
        f'onto-flow backfill {quote(target.views)} --source "$EXPORT" --snapshot-time "$SNAPSHOT" --seeds "$SEEDS"'
        f" {_place(target, f'{target.name}-backfill')}",
        "# 4b. The stream begins with that state, and reads no document again; the command submits it and ends.",
        *_stream(target, '"seeds:$SEEDS"'),
    ]


def _one_job(target: Target) -> list[str]:
    return [
        "# One job reads the export, then the changes; the command submits it and ends.",
        *_stream(target, '"$EXPORT"'),
    ]


def _stream(target: Target, source: str) -> list[str]:
    views = quote(target.views)
    return [
        "# What explain says is kept for the next version: run ... --update --against running.json",
        f"onto-flow explain {views} --format json > running.json",
        f'onto-flow run {views} --source {source} --snapshot-time "$SNAPSHOT" --feed {_feed(target)}'
        f" --receipts gs://{target.bucket}/receipts {_place(target, target.name)}",
    ]


def _feed(target: Target) -> str:
    return f"pubsub://{target.project}/{target.name}-views"


def _place(target: Target, name: str) -> str:
    """What both jobs are told, but for the name."""
    return (
        f"--sink {quote(target.sink)} --dead-letters gs://{target.bucket}/letters --engine beam --runner DataflowRunner"
        f" --project {target.project} --region {target.region} --job_name {name}"
        f" --temp_location gs://{target.bucket}/temp --service_account_email {target.account('worker')}"
        ' --sdk_container_image "$IMAGE"'
    )
