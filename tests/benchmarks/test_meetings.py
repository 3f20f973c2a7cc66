"""The workload of the meetings: the peers and the view agree, in small."""

from collections import Counter

import pytest

from benchmarks import backfill, charts, workload
from benchmarks.meeting_view import MeetingSession
from benchmarks.peers import dicts, files, follow, polars_joins
from benchmarks.peers.measured import Phases
from onto_flow.core.change import BELOW_EVENTS, Change
from onto_flow.core.equality import same
from onto_flow.engines.base import event, seed
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.run import start

TIMES, CHANGES = 0.01, 500


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(workload, "cached", lambda name: tmp_path / name)
    return tmp_path


def test_the_changes_have_their_shares(kept):
    kinds = Counter(path.partition("/")[0] for path, _ in workload.made_changes(0.1, 10_000))
    assert kinds["users"] == pytest.approx(2000, rel=0.1)
    assert kinds["meetings"] == pytest.approx(750, rel=0.15)


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


def test_keyed_stages_by_hand_end_in_the_same_table(kept):
    peers = [follow.by_hand(kind, TIMES, CHANGES, size) for kind in ("dicts", "stages") for size in (1, 100)]
    ours = [follow.own(TIMES, CHANGES, size) for size in (1, 100)]
    assert len({run["table"] for run in (*peers, *ours)}) == 1
    assert [run["writes"] for run in ours] == [run["writes"] for run in peers[:2]]


def test_backfills_end_in_the_same_table(kept):
    place, hashes = workload.export(TIMES), set()
    dicts.backfill(place, kept / "dicts", Phases())
    start([MeetingSession], source=str(place), sink=f"parquet:{kept / 'own'}")
    polars_joins.backfill(place, kept / "polars", Phases())
    hashes = {backfill.table_hash(kept / name) for name in ("dicts", "own", "polars")}
    assert len(hashes) == 1


def test_a_chart_has_a_bar_for_each_row():
    text = charts.bars("Backfill", "s", [("onto_flow", 2.0), ("<dicts>", 1.0)])
    assert text.count("<rect") == 2 and 'width="380.0"' in text and "&lt;dicts&gt;" in text
