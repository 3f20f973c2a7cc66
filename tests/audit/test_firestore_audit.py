"""Firestore itself as what a job is compared with, and as where its view tables are: on the double."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from onto_flow.audit.audit import Audit
from onto_flow.audit.repair import repair
from onto_flow.audit.tables import open_tables
from onto_flow.connect import open_source
from onto_flow.core.values import to_micros
from onto_flow.core.writes import Write
from onto_flow.database.firestore import FirestoreDatabase
from onto_flow.demo import data
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.formats.export_writer import write_export
from onto_flow.model.compile import plan_views
from onto_flow.model.fingerprint import fingerprint
from onto_flow.run import start
from onto_flow.testing.firestore import firestore_server
from tests.audit.jobs import ANY, Kept

PLAN = plan_views(MeetingSession)


@pytest.fixture
def place(monkeypatch):
    with firestore_server() as server:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
        yield f"firestore://demo-{uuid.uuid4().hex[:12]}"


def test_a_job_is_compared_with_the_database_and_its_tables_there(place, tmp_path):
    documents = data.documents()
    with FirestoreDatabase(place.removeprefix("firestore:")) as database:
        at = database.commit([Write(path, {**fields, "unread": 1}) for path, fields in documents.items()]).time
        write_export(tmp_path / "export", documents.items(), snapshot_time=at)
        Path(tmp_path / "feed.jsonl").touch()
        options = {"checkpoint": str(tmp_path / "state")}
        given = {"source": str(tmp_path / "export"), "feed": str(tmp_path / "feed.jsonl"), "options": options}
        start([MeetingSession], sink=place, **given)
        database.commit([Write("users/ada", {**documents["users/ada"], "lastName": "King", "unread": 2})])

    def audit(tables):
        source = open_source(place)
        fingerprints = {"MeetingSession": fingerprint(MeetingSession)}
        state = tmp_path / "state"
        return Audit(PLAN, source, checkpoint=state, fingerprints=fingerprints, tables=tables, now=lambda: now(source))

    audited = audit(open_tables(place))
    report = audited.run()
    assert [(f.path, f.kind) for f in report.findings] == [("users/ada", "lost-change")]
    assert [(f.path, f.kind) for f in report.view_findings] == [("meetingSessions/standup", "wrong-view")]
    outlet = Kept()
    repair(PLAN, report, audited.source, outlet, ANY)
    [change] = outlet.changes
    assert change.after["unread"] == 2, "whole documents are read, not what the views read of them"


def now(source):
    return to_micros(source.at)
