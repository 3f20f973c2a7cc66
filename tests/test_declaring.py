"""`backfill` and `run` with declared time and failing code, by the tool."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from onto_flow import Reference
from onto_flow.cli import main
from onto_flow.formats.export_writer import write_export

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
VIEWS = str(Path(__file__).parent.parent / "udfs" / "reservations.py")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hold = {"item": Reference("items/bread"), "pieces": 3, "expiresAt": NOON}
    write_export(
        "export", {"items/bread": {"name": "Bread", "onHand": 10}, "holds/h1": hold}.items(), snapshot_time=NOON
    )
    Path("feed.jsonl").touch()
    return tmp_path


def run(command: str, *options: str) -> int:
    return main([command, f"{VIEWS}:Stock", "--source", "export", "--sink", "jsonl:out", "--quiet", *options])


def last() -> dict:
    return json.loads(Path("out").read_text().splitlines()[-1])["new"]


def held() -> str:
    return last()["held"]["integerValue"]


def test_a_backfill_is_as_of_a_time_that_is_given(place):
    assert run("backfill", "--now", "2024-05-01T11:59:59Z") == 0 and held() == "3"
    assert run("backfill", "--now", "2024-05-01T12:00:00Z") == 0 and held() == "0"


def test_a_run_that_was_recorded_is_run_again(place):
    assert run("run", "--feed", "feed.jsonl", "--now", "2024-05-01T11:00:00Z", "--record-clock", "clock") == 0
    assert json.loads(Path("clock").read_text()) == {"changes": 0, "now": "2024-05-01T11:00:00Z"}
    assert run("run", "--feed", "feed.jsonl", "--clock", "clock") == 0 and held() == "3"


def test_what_waits_for_its_time_is_kept_with_the_state(place):
    options = ("--feed", "feed.jsonl", "--checkpoint", "state")
    assert run("run", *options, "--now", "2024-05-01T11:00:00Z") == 0 and held() == "3"
    assert run("run", *options, "--now", "2024-05-01T13:00:00Z") == 0 and held() == "0"
    lines = Path("out").read_text()
    assert run("run", *options, "--now", "2024-05-01T11:00:00Z") == 0
    assert Path("out").read_text() == lines, "time does not go back, and what was written is not written again"


@pytest.mark.parametrize(
    "options",
    [
        ("--now", "noon"),
        ("--clock", "missing"),
        ("--now", "2024-05-01T12:00:00Z", "--clock", "x"),
        ("--breaker", "x=1"),
    ],
)
def test_options_that_mean_nothing_are_wrong_usage(place, options, capsys):
    assert run("backfill", *options) == 2
    assert capsys.readouterr().err


FAILING = """
from onto_flow import DomainModel, Store, ViewModel, attrs, computed, root
class Item(DomainModel):
    class Meta:
        collection_name = "items"
    on_hand: int = attrs.int
class ItemStore(Store):
    item = root(Item)
class Half(ViewModel):
    class Meta:
        collection_name = "halves"
        on_error = "{policy}"
    store: ItemStore
    @computed
    def half(self) -> float:
        return self.store.item.on_hand / self.store.item.nothing
"""


@pytest.mark.parametrize(
    ("policy", "options", "code", "said"),
    [
        ("keep", (), 3, "1 dead letters"),
        ("delete", (), 3, "1 dead letters"),
        ("fail", (), 1, "[udf-failed] view:Half:items/bread"),
        ("keep", ("--breaker", "least=1"), 1, "[breaker-open] 1 of the last 1 evaluations failed"),
        ("keep", ("--breaker", "off"), 3, "1 dead letters"),
    ],
)
def test_exit_codes_of_failing_views(place, policy, options, code, said, capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "failing", raising=False)
    Path("failing.py").write_text(FAILING.format(policy=policy))
    arguments = ["failing.py:Half", "--source", "export", "--sink", "jsonl:out", "--quiet", *options]
    assert main(["backfill", *arguments]) == code
    assert said in capsys.readouterr().err
    assert main(["dead-letters", "list"]) == 0
    assert "view:Half:items/bread" in capsys.readouterr().out, "what stopped the run is among the letters too"
