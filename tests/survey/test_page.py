"""The page is well-formed, loads and runs nothing, and shows hostile names and values as what they are."""

from __future__ import annotations

import re
from html import unescape
from xml.etree import ElementTree

from hypothesis import example, given
from hypothesis import strategies as st
from of_documents import survey

from onto_flow import cli
from onto_flow.core.values import Reference
from onto_flow.demo import data
from onto_flow.survey.page import survey_page

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>&amp;'</style>\u202e\x00\x1b"
TEXT = st.one_of(st.just(HOSTILE), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
NAMES = TEXT.map(lambda n: n.replace("/", "-")).filter(lambda n: n not in ("", ".", ".."))
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "div", "span", "b", "small"),
    *("table", "tr", "th", "td", "details", "summary", "svg", "rect", "text", "path", "g", "line", "defs", "marker"),
}
ATTRIBUTES = {
    *("class", "style", "title", "lang", "open", "charset", "content", "http-equiv", "name", "role", "aria-label"),
    *("aria-hidden", "viewBox", "width", "height", "x", "y", "rx", "x1", "y1", "x2", "y2", "d", "id", "text-anchor"),
    *("marker-end", "markerWidth", "markerHeight", "refX", "refY", "orient"),
}


def parsed(page):
    assert page.startswith("<!DOCTYPE html>\n<html")
    return ElementTree.fromstring(page)


def held(page):
    """Holds a page against the elements and attributes that it may have."""
    for element in parsed(page).iter():
        assert element.tag in ALLOWED
        assert set(element.attrib) <= ATTRIBUTES
        if "style" in element.attrib:
            assert re.fullmatch(r"(max-width|padding-left):[\d.]+px", element.attrib["style"])
        assert element.attrib.get("marker-end") in (None, "url(#head)")
    assert not re.search(
        r"https?:|url\((?!#head\))|@import|javascript:", re.sub(r"<(title|td|div|span)\b.*?>", "", page)
    )


def test_a_page_shows_documents_types_and_references():
    page = survey_page(survey(sorted(data.documents().items())))
    held(page)
    root = parsed(page)
    texts = ["".join(e.itertext()) for e in root.iter()]
    for wanted in ("16", "locations", "→ tickets (reference) ", "hearingAidRequested", "6 · 692 bytes"):
        assert any(wanted in t for t in texts), wanted
    bars = [e for e in root.iter("rect") if e.attrib.get("class") == "type-string"]
    assert len(bars) == 1 + 6
    arrows = ["".join(e.find("title").itertext()) for e in root.iter("g") if e.attrib["class"] == "arrow"]
    assert [a.split(":")[0] for a in arrows] == [
        "meetings · location → locations (reference)",
        "meetings · tickets[] → tickets (reference)",
        "tickets · user → users (reference)",
    ]


def test_a_bar_shows_each_type_null_and_leaves_the_missing_empty():
    page = survey_page(survey([("a/1", {"f": 1}), ("a/2", {"f": "x"}), ("a/3", {"f": None}), ("a/4", {})]))
    bar = next(e for e in parsed(page).iter("svg") if e.attrib.get("class") == "types")
    parts = [(r.attrib["class"], r.attrib.get("x"), r.attrib["width"]) for r in bar.iter("rect")]
    assert parts == [
        ("track", None, "150"),
        ("type-integer", "0", "37.5"),
        ("type-string", "37.5", "37.5"),
        ("type-null", "75", "37.5"),
    ]


@given(st.dictionaries(NAMES, st.dictionaries(TEXT, TEXT, max_size=4), max_size=4))
@example({HOSTILE.replace("/", "-"): {HOSTILE: HOSTILE}})
def test_hostile_names_and_values_are_shown_and_obeyed_nowhere(collections):
    documents = [(f"{name}/{name}", fields | {"r": Reference(f"{name}/x")}) for name, fields in collections.items()]
    page = survey_page(survey(documents))
    held(page)
    if HOSTILE.replace("/", "-") in collections:
        assert "<script>alert(1)<-script>" in unescape(page)
        assert "<script" not in page


def test_the_source_and_what_cannot_be_read_are_shown_too():
    found = survey([("a/1", f"bad-document: {HOSTILE}")])
    page = survey_page(found)
    held(page)
    assert "cannot be read" in page


def test_nothing_of_the_values_is_in_a_page_without_examples():
    documents = [
        ("a/1", {"s": "secret2", "m": {"secret3@example.com": 1, "b@example.com": 2}}),
        ("a/2", "secret4"),
    ]
    assert len(set(re.findall(r"secret\d", survey_page(survey(documents))))) == 3
    assert "secret" not in survey_page(survey(documents), examples=False)


def test_many_collections_and_references_to_oneself_are_drawn():
    documents = [(f"c{n}/d", {"r": Reference(f"c{n * 7 % 60}/d")}) for n in range(60)]
    page = survey_page(survey(documents))
    held(page)
    assert len([e for e in parsed(page).iter("g") if e.attrib["class"].startswith("collection")]) == 40


def test_an_empty_source_has_a_page():
    held(survey_page(survey([])))


def test_the_command_writes_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.jsonl").write_text('{"path": "users/1", "fields": {}}\n')
    assert cli.main(["inspect", "jsonl:d.jsonl", "--html", "page.html"]) == 0
    held((tmp_path / "page.html").read_text())
    assert capsys.readouterr().out == ""
    assert cli.main(["inspect", "jsonl:d.jsonl", "--html", "-"]) == 0
    assert capsys.readouterr().out == (tmp_path / "page.html").read_text()
    assert not (tmp_path / "-").exists()
