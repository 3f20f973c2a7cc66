"""The workload of the meetings: the peers and the view agree, in small."""

from collections import Counter

import pytest

from benchmarks import workload
from benchmarks.meeting_view import MeetingSession
from benchmarks.peers import dicts, files
from onto_flow.core.change import BELOW_EVENTS, Change
from onto_flow.core.equality import same
from onto_flow.engines.base import event, seed
from onto_flow.engines.local.flow import LocalFlow

TIMES, CHANGES = 0.01, 2000


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(workload, "cached", lambda name: tmp_path / name)
    return tmp_path


def test_the_changes_have_their_shares(kept):
    kinds = Counter(path.partition("/")[0] for path, _ in workload.made_changes(1, 20_000))
    assert kinds["users"] == pytest.approx(4000, rel=0.1)
    assert kinds["meetings"] == pytest.approx(1500, rel=0.15)


def test_a_follower_written_by_hand_and_the_view_end_in_the_same_table(kept):
    peer = dicts.Follower()
    peer.load(files.read_export(workload.export(TIMES)))
    flow = LocalFlow(MeetingSession.plan())
    table = {}

    def take(events):
        for output in flow.process(events):
            table[output.path] = output.new

    take([seed(Change(p, None, f, BELOW_EVENTS), None) for p, f in workload.documents(TIMES)])
    for (path, fields), change in zip(
        files.read_changes(workload.changes_file(TIMES, CHANGES)), workload.changes(TIMES, CHANGES), strict=True
    ):
        peer.apply(path, fields)
        take([event(change)])
    table = {p: d for p, d in table.items() if d is not None}
    assert len(table) > 100
    assert same(table, peer.table)
    rebuilt = dicts.Follower()
    rebuilt.load((p, f) for held in peer.held.values() for p, f in held.items())
    assert rebuilt.table == peer.table
