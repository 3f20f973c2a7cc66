"""The set-up that people review: complete, in an order that works, with no more rights than it needs."""

from __future__ import annotations

import json
import re
import shlex
import subprocess

import pytest

from onto_flow.cli import _parser, main
from onto_flow.core.collection import Collection
from onto_flow.core.errors import UsageError
from onto_flow.deploy.dataflow import commands, terraform
from onto_flow.deploy.resources import resources
from onto_flow.deploy.target import Target
from onto_flow.streams import is_elsewhere

MEETINGS = (Collection("meetings"), Collection("users"), Collection("prices/{symbol}/daily"))
GIVEN = {"project": "demo-project", "region": "europe-west1", "location": "eur3", "database": "(default)"}


def target(collections=MEETINGS, **other):
    given = {"views": "demo:View", "name": "rooms", "sink": "firestore://demo-project/(default)", **GIVEN, **other}
    return Target(collections=collections, **given)


def made(of):
    return json.loads(terraform(of))["resource"]


def test_terraform_refers_only_to_what_it_makes():
    text = terraform(target())
    there = {f"{kind}.{label}" for kind, labels in json.loads(text)["resource"].items() for label in labels}
    named = set(re.findall(r"\$\{(\w+\.\w+)\.\w+\}", text))
    assert len(named) >= 8
    assert named <= there
    depended = {
        name for labels in made(target()).values() for body in labels.values() for name in body.get("depends_on", ())
    }
    assert depended <= there


@pytest.mark.parametrize("sink", ["firestore://demo-project", "bigquery://shop/views", "pubsub://shop/views"])
def test_each_thing_is_made_by_a_command_of_the_same_name(sink):
    for resource in resources(target(sink=sink)):
        words = shlex.split(resource.command)
        name = resource.body.get("name") or resource.body.get("account_id") or resource.body.get("service")
        if name and "${" not in name:
            assert any(name in word for word in words), resource.label
        if role := resource.body.get("role"):
            assert any(role in word for word in words)
        assert resource.why


def test_a_thing_is_made_before_what_uses_it():
    places = {f"{r.kind}.{r.label}": place for place, r in enumerate(resources(target()))}
    for place, resource in enumerate(resources(target())):
        for used in re.findall(r"\$\{(\w+\.\w+)\.\w+\}", json.dumps(resource.body)):
            assert places[used] < place, (resource.label, used)


def test_the_subscription_is_one_that_dataflow_can_read():
    subscription = made(target())["google_pubsub_subscription"]["views"]
    assert subscription["message_retention_duration"] == "604800s"
    assert subscription["expiration_policy"] == {"ttl": ""}
    refused = {"dead_letter_policy", "retry_policy", "enable_exactly_once_delivery", "filter", "push_config"}
    assert not refused & set(subscription)


def patterns(of):
    triggers = made(of)["google_eventarc_trigger"].values()
    return [next(c["value"] for c in t["matching_criteria"] if c["attribute"] == "document") for t in triggers]


def test_triggers_take_the_source_collections_alone():
    expected = [
        "meetings/{document}",
        "users/{document}",
        "prices/{symbol}/daily/{document}",
        "ontoFlowCanaries/{document}",
    ]
    assert patterns(target()) == expected
    groups = target((Collection("users"), Collection("daily", group=True)))
    assert patterns(groups) == ["{document=**}"]
    function = made(groups)["google_cloudfunctions2_function"]["publisher"]
    variables = function["service_config"]["environment_variables"]
    assert variables["ONTO_FLOW_COLLECTIONS"] == "users,**/daily,ontoFlowCanaries"


def test_rights_are_the_least():
    rights = {(r.body["member"], r.body["role"], r.kind) for r in resources(target()) if r.kind.endswith("_member")}
    publisher = {role for member, role, _ in rights if "publisher" in member}
    assert publisher == {"roles/pubsub.publisher"}
    of_project = {role for _, role, kind in rights if kind == "google_project_iam_member"}
    worker = {"roles/dataflow.worker", "roles/datastore.user", "roles/artifactregistry.reader"}
    assert of_project == {"roles/eventarc.eventReceiver", *worker}
    assert not any(role.endswith(("owner", "editor", ".admin")) for _, role, _ in rights)


@pytest.mark.parametrize(
    ("sink", "rights"),
    [
        ("firestore://other/views", {("google_project_iam_member", "other", "roles/datastore.user")}),
        ("pubsub://other/views", {("google_pubsub_topic_iam_member", "other", "roles/pubsub.publisher")}),
        (
            "bigquery://other/views?flush_every=5",
            {
                ("google_project_iam_member", "other", "roles/bigquery.jobUser"),
                ("google_bigquery_dataset_iam_member", "other", "roles/bigquery.dataEditor"),
            },
        ),
    ],
)
def test_the_worker_may_write_where_the_views_go_and_nowhere_else(sink, rights):
    of_worker = [r for r in resources(target(sink=sink)) if "service_account.worker." in str(r.body.get("member"))]
    elsewhere = {(r.kind, r.body["project"], r.body["role"]) for r in of_worker if r.body.get("project") == "other"}
    assert elsewhere == rights
    here = {r.body["role"] for r in of_worker if r.body.get("project") == "demo-project"}
    assert here == {"roles/dataflow.worker", "roles/artifactregistry.reader"}
    subprocess.run(["bash", "-n"], input=commands(target(sink=sink)), text=True, check=True)


@pytest.mark.parametrize(
    "sink", ["parquet:gs://b/tables", "jsonl:out", "postgresql://h/shop", "nosuch:x", "bigquery://p"]
)
def test_a_sink_that_no_job_on_dataflow_writes_to_is_refused(sink):
    with pytest.raises(UsageError, match=r"does not take writers on several machines|cannot be --sink"):
        target(sink=sink)


def test_commands_are_a_script_that_bash_reads():
    text = commands(target())
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    lines = [line for line in text.splitlines() if line.startswith("gcloud")]
    assert all("--project=demo-project" in line or "projects add-iam" in line for line in lines)
    order = [
        text.index(word)
        for word in (
            "subscriptions create rooms-views",
            "triggers create",
            "subscriptions pull",
            "firestore export",
            "onto-flow backfill",
            "onto-flow run",
        )
    ]
    assert order == sorted(order)


def test_the_export_has_the_collections_and_its_time():
    text = commands(target())
    assert "--collection-ids=daily,meetings,users" in text
    assert '"snapshot_time"' in text


def test_alerts_are_policies_of_the_api():
    policies = [shlex.split(r.command)[-1] for r in resources(target()) if r.kind == "google_monitoring_alert_policy"]
    assert len(policies) == 4
    for policy in policies:
        (condition,) = json.loads(policy.removeprefix("--policy="))["conditions"]
        assert condition["conditionThreshold"]["aggregations"][0]["alignmentPeriod"] == "60s"


@pytest.mark.parametrize(
    "wrong",
    [
        {"project": "x; rm -rf"},
        {"region": "europe"},
        {"location": "$(id)"},
        {"database": "a b"},
        {"name": "N"},
        {"name": "a" * 19},
    ],
)
def test_a_name_that_google_would_refuse_is_refused(wrong):
    with pytest.raises(UsageError, match="cannot be --"):
        target(**wrong)


def test_what_people_wrote_is_quoted():
    text = commands(target(views="views.py:A$(touch x)", sink="jsonl:a b", jobs=0))
    assert "'views.py:A$(touch x)'" in text
    assert "'jsonl:a b'" in text


TIMED = "udfs.reservations"
ARGUMENTS = (
    "deploy",
    "onto_flow.demo.meeting_room:MeetingSession",
    "--project",
    "demo-project",
    "--region",
    "europe-west1",
)


def test_the_tool_prints_and_writes(tmp_path, capsys):
    assert main([*ARGUMENTS, "--print", "--format", "terraform"]) == 0
    assert len(json.loads(capsys.readouterr().out)["resource"]["google_eventarc_trigger"]) == 5
    assert main([*ARGUMENTS, "--out", str(tmp_path / "set-up")]) == 0
    names = sorted(str(p.relative_to(tmp_path / "set-up")) for p in (tmp_path / "set-up").rglob("*") if p.is_file())
    assert names == ["commands.sh", "main.tf.json", "publisher/main.py", "publisher/requirements.txt"]
    assert main([*ARGUMENTS, "--out", str(tmp_path / "set-up")]) == 2


def taken(of):
    """What the tool takes the commands for: (its own arguments, options of Beam), in their order."""
    lines = [each for each in commands(of).splitlines() if "DataflowRunner" in each]
    return [_parser().parse_known_args(shlex.split(line)[1:]) for line in lines]


def test_two_jobs_are_commands_that_the_tool_takes():
    (batch, of_batch), (stream, of_stream) = taken(target())
    assert (batch.engine, batch.source, batch.sink) == ("beam", "$EXPORT", target().sink)
    assert of_batch[of_batch.index("--seeds") + 1] == "$SEEDS"
    assert of_batch[of_batch.index("--job_name") + 1] == "rooms-backfill"
    assert (stream.engine, stream.source, stream.sink) == ("beam", "seeds:$SEEDS", target().sink)
    assert stream.feed == "pubsub://demo-project/rooms-views"
    assert batch.snapshot_time == stream.snapshot_time == "$SNAPSHOT"
    assert not batch.no_wait, "the stream must not begin before the seeds are there"
    assert is_elsewhere(stream.dead_letters)
    assert of_stream[of_stream.index("--job_name") + 1] == "rooms", "as the alerts name it"
    assert 'SEEDS="gs://demo-project-rooms/seeds/$SNAPSHOT"' in commands(target())


def test_one_job_reads_the_export_first():
    ((stream, options),) = taken(target(jobs=1))
    assert (stream.source, stream.snapshot_time) == ("$EXPORT", "$SNAPSHOT")
    assert options[options.index("--job_name") + 1] == "rooms"
    assert "SEEDS" not in commands(target(jobs=1))


def test_views_that_change_by_time_alone_are_of_the_embedded_engine(capsys):
    text = commands(target(jobs=0))
    assert not taken(target(jobs=0))
    assert "a backfill gives no seeds of them" in text
    assert [line.split()[1] for line in text.splitlines() if line.startswith("onto-flow")] == ["run"]
    given = ["--project", "demo-project", "--region", "europe-west1", "--print"]
    assert main(["deploy", TIMED, *given]) == 0
    assert "a backfill gives no seeds of them" in capsys.readouterr().out


def test_what_terraform_is_followed_by():
    said = {jobs: json.loads(terraform(target(jobs=jobs)))["//"] for jobs in (0, 1, 2)}
    assert "run the backfill that writes tables and seeds, and start the stream" in said[2]
    assert "the stream that reads the export first" in said[1]
    assert "the embedded engine" in said[0]
    assert len({terraform(target(jobs=jobs)).partition("resource")[2] for jobs in (0, 1, 2)}) == 1


def test_the_tool_prints_two_jobs_or_one(capsys):
    for words, jobs in (([], 2), (["--one-job"], 1)):
        assert main([*ARGUMENTS, "--print", *words]) == 0
        assert capsys.readouterr().out.count("--runner DataflowRunner") == jobs
