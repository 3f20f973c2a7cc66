import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.errors import UsageError
from onto_flow.core.field_path import MISSING, read_field_path, read_field_paths, value_at


def written(path):
    quoted = (name.replace("\\", "\\\\").replace("`", "\\`") for name in path)
    return ".".join(f"`{name}`" for name in quoted)


names = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("`\\. ,="), min_size=1, max_size=5)


@given(st.lists(st.lists(names, min_size=1, max_size=3).map(tuple), min_size=1, max_size=3))
def test_any_names_stand_between_backticks(paths):
    assert read_field_paths(" , ".join(map(written, paths))) == paths


def test_plain_names_stand_as_they_are():
    assert read_field_paths("a,b.c , _d9.`e f`") == [("a",), ("b", "c"), ("_d9", "e f")]
    assert read_field_path("ab == 1") == (("ab",), 2)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1),
        ("a.", 3),
        ("a,", 3),
        ("a b", 3),
        ("9a", 1),
        ("a.`b", 3),
        ("a.``", 3),
        ("a-b", 2),
        (",a", 1),
        ("`a\\n`", 1),
    ],
)
def test_an_error_says_the_column(text, column):
    with pytest.raises(UsageError, match=rf"column {column} of "):
        read_field_paths(text)


def test_a_path_goes_through_maps_alone():
    document = {"a": {"b": None, "l": [{"b": 1}]}, "a.b": 2}
    assert value_at(document, ("a", "b")) is None
    assert value_at(document, ("a.b",)) == 2
    assert all(value_at(document, path) is MISSING for path in (("b",), ("a", "l", "b"), ("a", "b", "c"), ("a.b", "x")))
