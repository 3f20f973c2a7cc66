"""Who may do what: the least with which a job, its publisher and its trigger work; nothing may administer anything."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from .resource import Resource
from .sink_place import SinkPlace
from .target import Target


def rights(target: Target) -> Iterator[Resource]:
    """All of them; what they are for is made before."""
    yield _project_right(target, "trigger", "roles/eventarc.eventReceiver")
    for role in ("roles/dataflow.worker", "roles/artifactregistry.reader"):
        yield _project_right(target, "worker", role)
    if target.sink_place is not None:
        yield from _of_sink(target, target.sink_place)
    topic, views = f"{target.name}-changes", f"{target.name}-views"
    yield _right(
        target,
        ("google_pubsub_topic_iam_member", "publisher", "roles/pubsub.publisher"),
        {"topic": "${google_pubsub_topic.changes.name}"},
        f"pubsub topics add-iam-policy-binding {topic}",
    )
    for role in ("subscriber", "viewer"):
        yield _right(
            target,
            ("google_pubsub_subscription_iam_member", "worker", f"roles/pubsub.{role}"),
            {"subscription": "${google_pubsub_subscription.views.name}"},
            f"pubsub subscriptions add-iam-policy-binding {views}",
        )
    yield _right(
        target,
        ("google_storage_bucket_iam_member", "worker", "roles/storage.objectAdmin"),
        {"bucket": "${google_storage_bucket.files.name}"},
        f"storage buckets add-iam-policy-binding gs://{target.bucket}",
    )
    yield _right(
        target,
        ("google_cloud_run_v2_service_iam_member", "trigger", "roles/run.invoker"),
        {"name": "${google_cloudfunctions2_function.publisher.name}", "location": target.region},
        f"run services add-iam-policy-binding {target.name}-publisher --region={target.region}",
    )


def _of_sink(target: Target, place: SinkPlace) -> Iterator[Resource]:
    """What the worker may do where the views go."""
    if place.kind == "firestore":
        yield _project_right(target, "worker", "roles/datastore.user", place.project)
    elif place.kind == "pubsub":
        yield _right(
            target,
            ("google_pubsub_topic_iam_member", "worker", "roles/pubsub.publisher"),
            {"project": place.project, "topic": place.name},
            f"pubsub topics add-iam-policy-binding {place.name}",
            place.project,
        )
    else:
        yield _project_right(target, "worker", "roles/bigquery.jobUser", place.project)
        yield _dataset_right(target, place, "roles/bigquery.dataEditor")


def _dataset_right(target: Target, place: SinkPlace, role: str) -> Resource:
    """Google's command line tool has rights of datasets in SQL alone."""
    dataset = f"{place.project}.{place.name}"
    grant = f'GRANT `{role}` ON SCHEMA `{dataset}` TO "serviceAccount:{target.account("worker")}"'
    body = {
        "project": place.project,
        "dataset_id": place.name,
        "role": role,
        "member": "serviceAccount:${google_service_account.worker.email}",
    }
    command = f"bq query --project_id={place.project} --nouse_legacy_sql {quote(grant)}"
    why = f"worker: {role}; the dataset {dataset} must be there"
    return Resource("google_bigquery_dataset_iam_member", "worker_bigquery_dataEditor", body, command, why)


def _project_right(target: Target, account: str, role: str, project: str = "") -> Resource:
    project = project or target.project
    command = f"projects add-iam-policy-binding {project}"
    return _right(target, ("google_project_iam_member", account, role), {"project": project}, command)


def _right(
    target: Target, what: tuple[str, str, str], scope: dict[str, str], command: str, project: str = ""
) -> Resource:
    kind, account, role = what
    member = f"serviceAccount:{target.account(account)}"
    label = f"{account}_{role.removeprefix('roles/').replace('.', '_')}"
    body = {**scope, "role": role, "member": f"serviceAccount:${{google_service_account.{account}.email}}"}
    of = "" if kind == "google_project_iam_member" else f" --project={project or target.project}"
    return Resource(kind, label, body, f"gcloud {command}{of} --member={member} --role={role}", f"{account}: {role}")
