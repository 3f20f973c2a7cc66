import pytest

from onto_flow.core.collection import Collection, Projection
from onto_flow.core.errors import DataError


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("users", "users/u1", True),
        ("users", "users/u1/notes/n1", False),
        ("users", "teams/t/users/u", False),
        ("prices/{symbol}/daily", "prices/A/daily/1", True),
        ("prices/{symbol}/daily", "prices/A/weekly/1", False),
        ("prices/A/daily", "prices/B/daily/1", False),
    ],
)
def test_a_pattern_matches_by_its_fixed_parts(pattern, path, matches):
    assert Collection(pattern).matches(path) is matches


def test_a_group_matches_wherever_it_lies():
    daily = Collection("daily", group=True)
    assert daily.matches("daily/1") and daily.matches("prices/A/daily/1")
    assert not daily.matches("daily/1/notes/n")
    assert daily.ids("prices/A/daily/1") == ("A", "1")


def test_ids_are_those_that_tell_documents_apart():
    assert Collection("prices/{symbol}/daily").ids("prices/A/daily/1") == ("A", "1")
    assert Collection("prices/A/daily").ids("prices/A/daily/1") == ("1",)
    assert Collection("users").top_level and not Collection("prices/{s}/daily").top_level


@pytest.mark.parametrize("pattern", ["", "a/b", "a//b", "/a"])
def test_what_is_no_collection_is_refused(pattern):
    with pytest.raises(DataError, match="bad-key"):
        Collection(pattern)


def test_a_projection_joins_the_fields_of_all_that_match():
    read = Projection(((Collection("a"), ("x",)), (Collection("a", group=True), ("y",)), (Collection("b"), None)))
    assert read.fields("a/1") == {"x", "y"} and read.fields("c/1/a/1") == {"y"} and read.fields("b/1") is None
