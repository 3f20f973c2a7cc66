from __future__ import annotations

import pytest

from onto_flow.testing.pubsub.filters import parse_filter


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("attributes:a", {"a": ""}, {"b": "a"}),
        ('attributes.a = "x"', {"a": "x"}, {"a": "y"}),
        ('attributes.a = "x"', {"a": "x", "b": "y"}, {}),
        ('attributes.a != "x"', {"a": "y"}, {"a": "x"}),
        ('attributes.a != "x"', {}, {"a": "x"}),
        ('hasPrefix(attributes.a, "x")', {"a": "xy"}, {"a": "yx"}),
        ('hasPrefix(attributes.a, "")', {"a": ""}, {}),
        ("NOT attributes:a", {}, {"a": ""}),
        ("-attributes:a", {}, {"a": ""}),
        ("attributes:a AND attributes:b", {"a": "", "b": ""}, {"a": ""}),
        ("attributes:a OR attributes:b", {"b": ""}, {"c": ""}),
        ("attributes:a AND (attributes:b OR attributes:c)", {"a": "", "c": ""}, {"b": "", "c": ""}),
        ('attributes."ce-type" = "a\\"b"', {"ce-type": 'a"b'}, {"ce-type": "a"}),
        ("", {}, None),
    ],
)
def test_what_is_wanted(text, yes, no):
    wanted = parse_filter(text)
    assert wanted(yes)
    assert no is None or not wanted(no)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "attributes",
        "attributes.a",
        "attributes.a = x",
        'attributes.a = "x',
        'attributes.a < "x"',
        "attributes:a AND",
        "attributes:a attributes:b",
        "attributes:a AND attributes:b OR attributes:c",
        "(attributes:a",
        'attributes.a = "' + "x" * 256 + '"',
        "%",
    ],
)
def test_what_is_no_filter(text):
    with pytest.raises(ValueError, match=r"."):
        parse_filter(text)
