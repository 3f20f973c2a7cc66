"""The set-up of a job on Dataflow, as text that people read: commands with what they are for, or Terraform's JSON."""

from __future__ import annotations

import json
from pathlib import Path
from shlex import quote
from typing import Any

from .resources import SERVICE, Resource, resources
from .target import CANARIES, Target

PUBLISHER = Path(__file__).parent / "publisher"
"""The folder of the publisher's code."""


def terraform(target: Target) -> str:
    """Terraform's JSON: everything but the export and the job, which are done once and in order (`commands`)."""
    made: dict[str, dict[str, Any]] = {}
    services = [f"{SERVICE}.{r.label}" for r in resources(target) if r.kind == SERVICE]
    for resource in resources(target):
        body = resource.body if resource.kind == SERVICE else {**resource.body, "depends_on": services}
        made.setdefault(resource.kind, {})[resource.label] = {"//": resource.why, **body}
    document = {
        "//": f"Around the job {target.name} of {target.views}. publisher.zip is made by the commands beside this file.",
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
        "# 4. The views, from the export and then from the changes.",
        *_job(target),
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


def _job(target: Target) -> list[str]:
    feed = f"pubsub://{target.project}/{target.name}-views"
    views, sink = quote(target.views), quote(target.sink)
    bucket = f"gs://{target.bucket}"
    return [
        "# On Dataflow: the command submits the job and ends. IMAGE has onto_flow and the views (docs/deploying.md).",
        "# What explain says is kept for the next version: run ... --update --against running.json",
        f"onto-flow explain {views} --format json > running.json",
        f'onto-flow run {views} --source "$EXPORT" --snapshot-time "$SNAPSHOT" --feed {feed} --sink {sink}'
        f" --dead-letters {bucket}/letters --receipts {bucket}/receipts --engine beam --runner DataflowRunner"
        f" --project {target.project} --region {target.region} --job_name {target.name} --temp_location {bucket}/temp"
        f' --service_account_email {target.account("worker")} --sdk_container_image "$IMAGE"',
        "# Or, in its place, the embedded engine, as a small service that goes on after a kill:",
        f'onto-flow run {views} --source "$EXPORT" --feed {feed} --sink {sink} --checkpoint state --metrics 9090',
    ]
