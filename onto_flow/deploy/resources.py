"""Everything that stands around a job on Dataflow: each thing once, with its Terraform and its command.

Sources of what a thing must be: Dataflow reads no subscription with a dead-letter topic, a retry policy or exactly-once
delivery well (its own pages on reading from Pub/Sub); a snapshot time of an export is a whole minute of the last hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from .alerts import alerts
from .resource import Resource
from .rights import rights
from .target import CANARIES, Target

SERVICES = (
    "artifactregistry",
    "cloudbuild",
    "cloudfunctions",
    "dataflow",
    "eventarc",
    "firestore",
    "monitoring",
    "pubsub",
    "run",
    "storage",
)
SERVICE = "google_project_service"
RETENTION = "604800s"
"""Seven days: longer than an export, a backfill and a weekend."""

_WRITTEN = "google.cloud.firestore.document.v1.written"


def resources(target: Target) -> Iterator[Resource]:
    """All of them, in an order in which commands can be carried out."""
    yield from _services(target)
    yield from _accounts(target)
    yield from _messages(target)
    yield from _storage(target)
    yield from _publisher(target)
    yield from rights(target)
    for alert in alerts(target):
        command = f"gcloud monitoring policies create --project={target.project} --policy={quote(alert.as_json())}"
        yield Resource("google_monitoring_alert_policy", alert.label, alert.terraform(), command, alert.why)


def _services(target: Target) -> Iterator[Resource]:
    place = target.sink_place
    for name in (*SERVICES, *(["bigquery"] if place is not None and place.kind == "bigquery" else [])):
        service = f"{name}.googleapis.com"
        command = f"gcloud services enable {service} --project={target.project}"
        yield Resource(SERVICE, name, {"service": service, "disable_on_destroy": False}, command, "used by the rest")


def _accounts(target: Target) -> Iterator[Resource]:
    for role, why in (
        ("publisher", "publishes changes, nothing else"),
        ("trigger", "hands events to the publisher, nothing else"),
        ("worker", "runs the job: reads the subscription and the export, writes view documents"),
    ):
        name = f"{target.name}-{role}"
        yield Resource(
            "google_service_account",
            role,
            {"account_id": name, "display_name": f"onto_flow {target.name}: {why}"},
            f"gcloud iam service-accounts create {name} --project={target.project}",
            why,
        )


def _messages(target: Target) -> Iterator[Resource]:
    topic = f"{target.name}-changes"
    yield Resource(
        "google_pubsub_topic",
        "changes",
        {"name": topic, "message_retention_duration": RETENTION},
        f"gcloud pubsub topics create {topic} --project={target.project} --message-retention-duration=7d",
        "the changes of the source collections",
    )
    yield _subscription(target, "views", None, "what the job reads: made before the export, so that nothing is missed")
    seen = f'hasPrefix(attributes."ce-document", "{CANARIES}/")'
    yield _subscription(target, "canaries", seen, "shows whether the trigger is at work")


def _subscription(target: Target, role: str, only: str | None, why: str) -> Resource:
    name = f"{target.name}-{role}"
    body = {
        "name": name,
        "topic": "${google_pubsub_topic.changes.id}",
        "message_retention_duration": RETENTION,
        "retain_acked_messages": only is None,
        "ack_deadline_seconds": 600,
        "expiration_policy": {"ttl": ""},
        **({} if only is None else {"filter": only}),
    }
    command = (
        f"gcloud pubsub subscriptions create {name} --project={target.project} --topic={target.name}-changes"
        " --message-retention-duration=7d --ack-deadline=600 --expiration-period=never"
        + (" --retain-acked-messages" if only is None else f" --message-filter={quote(only)}")
    )
    return Resource("google_pubsub_subscription", role, body, command, why)


def _storage(target: Target) -> Iterator[Resource]:
    yield Resource(
        "google_storage_bucket",
        "files",
        {
            "name": target.bucket,
            "location": target.region,
            "uniform_bucket_level_access": True,
            "public_access_prevention": "enforced",
            "lifecycle_rule": {"action": {"type": "Delete"}, "condition": {"age": 30, "matches_prefix": ["temp/"]}},
        },
        f"gcloud storage buckets create gs://{target.bucket} --project={target.project} --location={target.region}"
        " --uniform-bucket-level-access --public-access-prevention",
        "exports, seeds, and temporary files of jobs",
    )


def _publisher(target: Target) -> Iterator[Resource]:
    name = f"{target.name}-publisher"
    topic = f"projects/{target.project}/topics/{target.name}-changes"
    yield Resource(
        "google_storage_bucket_object",
        "publisher",
        {"name": "publisher.zip", "bucket": "${google_storage_bucket.files.name}", "source": "publisher.zip"},
        "(cd publisher && python3 -m zipfile -c ../publisher.zip main.py requirements.txt)",
        "the publisher's code, for Terraform",
    )
    yield Resource(
        "google_cloudfunctions2_function",
        "publisher",
        {
            "name": name,
            "location": target.region,
            "build_config": {
                "runtime": "python312",
                "entry_point": "publish",
                "source": {
                    "storage_source": {
                        "bucket": "${google_storage_bucket.files.name}",
                        "object": "${google_storage_bucket_object.publisher.name}",
                    }
                },
            },
            "service_config": {
                "available_memory": "256Mi",
                "timeout_seconds": 60,
                "ingress_settings": "ALLOW_INTERNAL_ONLY",
                "service_account_email": "${google_service_account.publisher.email}",
                "environment_variables": {
                    "ONTO_FLOW_TOPIC": "${google_pubsub_topic.changes.id}",
                    "ONTO_FLOW_COLLECTIONS": target.published(),
                },
            },
        },
        f"gcloud functions deploy {name} --gen2 --project={target.project} --region={target.region}"
        " --runtime=python312 --source=publisher --entry-point=publish --trigger-http --no-allow-unauthenticated"
        f" --ingress-settings=internal-only --memory=256Mi --timeout=60 --service-account={target.account('publisher')}"
        f" --set-env-vars={quote(f'^;^ONTO_FLOW_TOPIC={topic};ONTO_FLOW_COLLECTIONS={target.published()}')}",
        "hands each change to the topic; acknowledges it when the topic has it",
    )
    for slug, documents in target.documents().items():
        yield _trigger(target, slug, documents)


def _trigger(target: Target, slug: str, documents: str) -> Resource:
    name, service = f"{target.name}-{slug}"[:63].rstrip("-"), f"{target.name}-publisher"
    criteria = [
        {"attribute": "type", "value": _WRITTEN},
        {"attribute": "database", "value": target.database},
        {"attribute": "document", "value": documents, "operator": "match-path-pattern"},
    ]
    body = {
        "name": name,
        "location": target.location,
        "matching_criteria": criteria,
        "event_data_content_type": "application/protobuf",
        "service_account": "${google_service_account.trigger.email}",
        "destination": {
            "cloud_run_service": {
                "service": "${google_cloudfunctions2_function.publisher.name}",
                "region": target.region,
            }
        },
    }
    command = (
        f"gcloud eventarc triggers create {name} --project={target.project} --location={target.location}"
        f" --event-filters=type={_WRITTEN} --event-filters={quote(f'database={target.database}')}"
        f" --event-filters-path-pattern={quote(f'document={documents}')}"
        " --event-data-content-type=application/protobuf"
        f" --destination-run-service={service} --destination-run-region={target.region}"
        f" --service-account={target.account('trigger')}"
    )
    return Resource("google_eventarc_trigger", f"of_{slug.replace('-', '_')}", body, command, f"changes of {documents}")
