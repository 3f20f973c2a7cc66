"""Golden files: what `explain` says. After a change that is meant, write them anew with UPDATE_GOLDEN=1."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from onto_flow import DomainModel, Many, Store, ViewModel, agg, attrs, computed, many, plan_views, root, udf
from onto_flow.core.collection import Collection
from onto_flow.core.errors import EngineError
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.plan.costs import ROWS, attribute_costs, moved_whole
from onto_flow.plan.explain import explain_json, explain_text, output_path
from onto_flow.plan.mermaid import explain_mermaid, label
from onto_flow.plan.places import PathPart
from onto_flow.plan.wire import from_json, not_portable, to_json
from udfs.movielens import GenreStats, YearStats
from udfs.stocks import SectorPage, StockPage
from udfs.swapi import FilmPage, PersonPage

GOLDEN = Path(__file__).parent.parent / "golden"
PLANS = {
    "meeting_room": (MeetingSession, OrganizationLoad),
    "movielens": (GenreStats, YearStats),
    "swapi": (FilmPage, PersonPage),
    "stocks": (StockPage, SectorPage),
}


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize(
    ("ending", "explain"), [("txt", explain_text), ("json", explain_json), ("mmd", explain_mermaid)]
)
def test_explain_says_what_the_golden_file_says(name, ending, explain):
    said = explain(plan_views(*PLANS[name]))
    file = GOLDEN / f"{name}.{ending}"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(said)
    assert said == file.read_text()


class Code(DomainModel):
    class Meta:
        collection_name = "codes"

    codes: list[str] = attrs.list
    label: str = attrs.str


class CodeStore(Store):
    code = root(Code)
    alike = many(Code, on=((code, Code.codes), Code.label))
    behind = many(Code, on=((alike, Code.label), Code.label))


class Looking(ViewModel):
    """Getters that look through a whole slot in every way that there is, and some that do not."""

    class Meta:
        collection_name = "looking"

    store: CodeStore
    counted = agg.count(over=CodeStore.alike)

    @computed
    def own(self) -> str:
        return self.store.code.label

    @computed
    def folded(self) -> int:
        return self.counted + 1

    @computed
    def listed(self) -> list[str]:
        return [c.label for c in self.store.alike]

    @computed
    def length(self) -> int:
        return len(self.store.alike)

    @computed
    def greatest(self) -> str:
        return max((c.label for c in self.store.behind), default="")

    @computed
    def through_another(self) -> int:
        return len(self.listed)

    @computed
    def through_a_helper(self) -> int:
        return _counted(self.store)

    @udf
    @staticmethod
    def given(alike: Many[Code]) -> int:
        return sum(c.label == "x" for c in alike)


def _counted(store: CodeStore) -> int:
    return len(list(store.alike))


def test_explain_says_of_each_getter_that_looks_through_a_whole_slot_what_it_costs():
    costs = attribute_costs(Looking.plan().view("Looking"))
    assert {name for name, cost in costs.items() if cost.change == "O(1)"} == {"counted", "own", "folded"}
    whole = {"listed", "length", "greatest", "throughAnother", "throughAHelper", "given"}
    assert {name for name, cost in costs.items() if cost.change == "O(n)"} == whole
    assert "behind" in costs["greatest"].why
    assert "O(n) per change: evaluated anew over alike" in explain_text(Looking.plan())


def test_explain_says_what_moves_a_whole_slot():
    assert moved_whole(Looking.plan().view("Looking")) == {
        "alike": "code comes or goes, or changes codes, page by page on the embedded engine",
        "behind": "a document of alike comes or goes, or changes label, page by page on the embedded engine",
    }
    assert "; O(n) when code comes or goes, or changes codes, page by page on the embedded engine\n" in explain_text(
        Looking.plan()
    )


def test_explain_says_what_rows_cost():
    plan = GenreStats.plan()
    assert f"\n  rows tag: {ROWS}\n" in explain_text(plan)
    assert json.loads(explain_json(plan))["views"][0]["rows"] == {"tag": ROWS}


HOSTILE = (
    '"]; click o0 "javascript:alert(1)"',
    "%%{init: {'theme': 'dark'}}%%",
    "a\n  end\n  x --> y",
    "`markdown`",
    "<img src=x onerror=alert(1)>",
    "style x:#f00;",
    "fa:fa-bomb",
    "#quot;",
    "nul\0 and \u202e",
    "\ud800",
    "$$x$$ \\n",
    "",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_is_read_as_mermaid(name):
    plan = plan_views(MeetingSession)
    [view] = plan.views
    slot = replace(view.slots[0], collection=replace(view.slots[0].collection, pattern=name or "x"))
    named = replace(plan, views=(replace(view, collection=name, slots=(slot, *view.slots[1:])),))
    before, said = explain_mermaid(plan).splitlines(), explain_mermaid(named).splitlines()
    assert len(said) == len(before)
    shape = re.compile(r'[stov]\d+(\[\(?"[^"\]\[`<>%:;\\$&]*"\)?\])?( --> [tov]\d+)?')
    for line in said[1:]:
        text = re.sub(r"#\d+;", "", line.strip())
        assert text == "end" or shape.fullmatch(text.removeprefix("subgraph ")), line


def test_a_label_shows_its_name_again():
    for name in HOSTILE:
        shown = re.sub(r"#(\d+);", lambda n: chr(int(n[1])), label(name)[1:-1])
        assert shown == ("".join(c if c.isprintable() else "\ufffd" for c in name) or " ")


def test_json_names_what_each_view_depends_on():
    views = {v["name"]: v for v in json.loads(explain_json(plan_views(MeetingSession, OrganizationLoad)))["views"]}
    assert views["MeetingSession"]["reads"] == ["meetings", "locations", "tickets", "users"]
    assert views["OrganizationLoad"]["writes"] == "organizationLoad/{key}"


@pytest.mark.parametrize("views", PLANS.values())
def test_a_plan_comes_back_from_its_json(views):
    plan = plan_views(*views)
    back = from_json(to_json(plan))
    assert back == plan
    assert back.views[0].code.live is None
    assert back.views[0].code.resolve() is views[0]


def test_ids_that_pairs_join_on_are_told_by_name():
    text = explain_text(plan_views(StockPage))
    assert "days: many of prices/{symbol}/daily  on stock.{doc_id} = days.{symbol}" in text
    [pair] = plan_views(StockPage).views[0].slots[1].pairs
    assert pair == (PathPart("doc_id", -1), PathPart("symbol", 1))


def test_a_class_of_this_process_alone_does_not_travel():
    class Local(MeetingSession):
        class Meta:
            collection_name = "local"

    plan = plan_views(Local)
    assert "<locals>" in not_portable(plan)[0]
    with pytest.raises(EngineError, match="known to this process alone"):
        to_json(plan)


def test_a_plan_of_another_format_is_refused():
    with pytest.raises(EngineError, match="a plan of format 99"):
        from_json('{"format": 99}')


def test_the_output_path_says_who_names_it():
    view = plan_views(MeetingSession).views[0]
    daily = replace(view.slots[0], collection=Collection("daily", group=True))
    assert output_path(view) == "meetingSessions/{ids of meeting}"
    assert output_path(replace(view, owned=True)) == "as the view names it; of several roots the smallest owns a path"
    group = replace(view, owned=True, slots=(daily, *view.slots[1:]))
    assert output_path(group) == "meetingSessions/{ids of meeting}; of several roots the smallest owns a path"


def test_every_operator_sends_only_forward():
    plan = plan_views(*PLANS["meeting_room"])
    order = [n.id for n in plan.operators]
    for node in plan.operators:
        assert all(order.index(target) > order.index(node.id) for target in node.sends_to)
