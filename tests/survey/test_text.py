"""A survey as text and as JSON: aligned, no wider than asked for, harmless."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from of_documents import survey

from onto_flow.core.errors import UsageError
from onto_flow.core.values import GeoPoint, Reference
from onto_flow.demo import data
from onto_flow.formats.typed_json import decode_value
from onto_flow.survey.as_json import survey_json
from onto_flow.survey.choose import choose
from onto_flow.survey.table import Head, table, width
from onto_flow.survey.text import survey_text

PROJECT = Path(__file__).parents[2]
GOLDEN = PROJECT / "tests/golden/inspect_meeting_room.txt"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=30)
SECRET = "s3cret-value"


def room():
    return survey(sorted(data.documents().items()))


def test_the_meeting_room_reads_well():
    lines = GOLDEN.read_text().splitlines()[2:]
    assert survey_text(room(), width=100).splitlines()[2:] == lines


def test_the_documentation_shows_what_the_tool_prints():
    page = (PROJECT / "docs/inspect.md").read_text()
    assert GOLDEN.read_text() in page
    inferred = (PROJECT / "tests/golden/inferred_meeting_room.py.txt").read_text()
    assert inferred[inferred.index("class Meeting(") :] in page


@given(
    st.dictionaries(NAMES.filter(lambda n: n not in (".", "..")), st.dictionaries(TEXT, TEXT, max_size=5), max_size=4),
    st.integers(40, 200),
)
def test_any_names_and_values_fit_the_width_and_move_no_cursor(collections, places):
    found = survey([(f"{name}/{name}", fields) for name, fields in collections.items()])
    for line in survey_text(found, width=places).split("\n"):
        assert width(line) <= places
        assert line.isprintable()


def test_columns_are_aligned_where_letters_are_wide():
    heads = [Head("NAME"), Head("N", right=True), Head("LAST", least=4)]
    assert list(table(heads, [["世界", "1", "x"], ["abcdef", "12", "y" * 9]], 20)) == [
        "NAME     N  LAST",
        "世界     1  x",
        "abcdef  12  yyyyyyy…",
    ]


def test_empty_columns_are_left_out():
    assert list(table([Head("A"), Head("B"), Head("C")], [["1", "", "2"]], 80)) == ["A  C", "1  2"]


def test_values_are_shown_only_when_wanted():
    documents = [(f"a/{SECRET}{n}", {"s": f"{SECRET}{n}", "m": {f"k{n} {SECRET}": 1}}) for n in range(30)]
    found = survey([*documents, ("a/x", f"bad-document: {SECRET}")])
    for shown in (survey_text(found, width=200), json.dumps(survey_json(found))):
        assert SECRET in shown
    for hidden in (survey_text(found, width=200, examples=False), json.dumps(survey_json(found, examples=False))):
        assert SECRET not in hidden
        assert "string" in hidden


def test_what_cannot_be_read_is_shown():
    text = survey_text(survey([("a/1", "bad-document: broken\x1b[0m"), ("b/1", {})]))
    assert "1 document cannot be read:\n  bad-document: broken\\x1b[0m" in text


def test_json_says_everything_and_stays():
    found = survey_json(room())
    assert list(found) == [
        *("version", "source", "kind", "snapshot_time", "documents", "unreadable", "problems", "file_bytes"),
        *("other_documents", "collections", "groups", "references"),
    ]
    assert found["version"] == 1
    [meetings] = [c for c in found["collections"] if c["path"] == "meetings"]
    assert {k: v for k, v in meetings.items() if k != "fields"} == {
        "path": "meetings",
        "group": "meetings",
        "parent": None,
        "documents": 3,
        "missing_parents": 0,
        "missing_parents_estimated": False,
        "stored_bytes": {"total": 559, "median": 185, "largest": 213, "largest_path": "meetings/standup"},
        "keys": None,
        "ids": ["planning", "retro", "standup"],
    }
    [status] = [f for f in meetings["fields"] if f["field"] == "status"]
    assert status == {
        "field": "status",
        "name": "status",
        "depth": 0,
        "of": 3,
        "present": 3,
        "nulls": 0,
        "is_document_id": False,
        "types": [
            {
                "type": "string",
                "count": 3,
                "distinct": 2,
                "estimated": False,
                "shortest": 10,
                "longest": 11,
                "low": {"stringValue": "in-session"},
                "high": {"stringValue": "not-started"},
            }
        ],
        "keys": None,
        "examples": [{"stringValue": "not-started"}, {"stringValue": "in-session"}],
    }
    assert found["references"][0] == {
        "collection": "meetings",
        "field": "tickets[]",
        "keys": False,
        "many": True,
        "by": "reference",
        "target": "tickets",
        "target_field": None,
        "integers": False,
        "values": 6,
        "distinct": 6,
        "resolved": 1.0,
        "distinct_resolved": 6,
        "estimated": False,
    }


def test_values_in_json_are_those_of_firestore():
    values = [2**63 - 1, float("inf"), b"\x00", GeoPoint(1.0, 2.0), Reference("b/1"), True, "x" * 300]
    found = survey_json(survey([("a/1", {f"f{n}": v for n, v in enumerate(values)})]))
    shown = [decode_value(f["examples"][0]) for f in found["collections"][0]["fields"]]
    assert shown == [*values[:-1], "x" * 99 + "…"]
    json.dumps(found, allow_nan=False)


def test_groups_are_told_where_they_have_several_collections():
    found = survey([("a/1/b/1", {}), ("b/1", {}), ("b/2", {}), ("c/1", {})])
    assert survey_json(found)["groups"] == [
        {"group": "b", "collections": 2, "documents": 3},
        {"group": "c", "collections": 1, "documents": 1},
    ]
    lines = survey_text(found).splitlines()
    at = lines.index("GROUP  COLLECTIONS  DOCUMENTS")
    assert lines[at : at + 3] == ["GROUP  COLLECTIONS  DOCUMENTS", "b                2          3", ""]


def test_collections_are_chosen_by_path_or_group():
    found = survey([("a/1", {}), ("a/1/b/1", {}), ("c/1/b/1", {})])
    assert [c.names for c in choose(found, ["a", "a/{x}/b"])] == [("a",), ("a", "b")]
    assert [c.names for c in choose(found, ["b"])] == [("a", "b"), ("c", "b")]
    with pytest.raises(UsageError, match="no collection 'bb'"):
        choose(found, ["bb"])
