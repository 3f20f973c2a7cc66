"""Dead letters, root by root: none is lost, and none is open where nothing fails."""

from __future__ import annotations

from onto_flow.core.change import DeadLetter
from onto_flow.testing.checking.subject import Expected, Letters, Subject
from tests.laws.checked.more_views import ArticlePage
from tests.laws.checked.wrong_views import FilterRaises


def test_each_root_that_fails_has_a_letter_and_nothing_else_has_one():
    letters, error = Letters(), ValueError("no")
    letters.take(DeadLetter("view:V:a/1", "udf-failed"))
    assert list(letters.judge(Expected({}, {}, {"V": {"a/1": error}}))) == []
    assert list(letters.judge(Expected({}, {}, {}))) == []
    [complaint] = letters.judge(Expected({}, {}, {"V": {}}))
    assert "nothing fails" in complaint
    [complaint] = letters.judge(Expected({}, {}, {"V": {"a/1": error, "a/2": error}}))
    assert "no dead letter is open for view:V:a/2" in complaint


def test_a_root_that_fails_shows_what_it_last_showed():
    subject = Subject((FilterRaises,))
    good = subject.expected_after({"teams/1": {"title": "a"}}, 0, {}).shown
    after = subject.expected_after({"teams/1": {"title": 1}, "teams/2": {"title": "b"}}, 0, good)
    assert after.tables == {"FilterRaises": {"filterRaises/1": {"title": "a"}, "filterRaises/2": {"title": "b"}}}
    assert list(after.failing["FilterRaises"]) == ["teams/1"]
    assert "FilterRaises" in after.raised
    unknown = subject.expected({"teams/1": {"title": 1}})
    assert unknown.tables == {}
    assert list(unknown.failing["FilterRaises"]) == ["teams/1"]


def test_where_a_failing_root_shows_nothing_the_table_is_known():
    subject = Subject((ArticlePage,))
    documents = {"articles/1": {"name": "a", "price": 1}}
    assert subject.expected(documents).raised == {}
    assert subject.expected(documents).failing == {"ArticlePage": {}}
