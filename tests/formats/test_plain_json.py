import pytest

from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.core.values import EPOCH, GeoPoint, Reference, Vector
from onto_flow.formats.plain_json import read_admin, read_plain
from onto_flow.testing.feeds import admin_json

FORMS = {
    "t": (
        {"_seconds": -1, "_nanoseconds": 999_999_999},
        EPOCH.replace(year=1969, month=12, day=31, hour=23, minute=59, second=59, microsecond=999_999),
    ),
    "g": ({"_latitude": 1, "_longitude": -2.5}, GeoPoint(1.0, -2.5)),
    "b": ({"type": "Buffer", "data": [0, 255]}, b"\x00\xff"),
    "r": (
        {"_firestore": {"projectId": "p"}, "_path": {"segments": ["a", "b"], "projectId": "p"}, "_converter": {}},
        Reference("a/b"),
    ),
    "v": ({"_values": [1, 2.5]}, Vector((1.0, 2.5))),
}


@pytest.mark.parametrize("name", FORMS)
def test_the_forms_of_the_admin_sdk(name):
    written, value = FORMS[name]
    assert same(read_admin({"f": written, "l": [written]}), {"f": value, "l": [value]})
    assert read_plain({"f": written})["f"] == written, "plain JSON has no forms"


def test_what_the_helper_writes_is_read_but_for_what_json_loses():
    document = {
        "t": EPOCH,
        "g": GeoPoint(1.0, 2.0),
        "v": Vector((1.5,)),
        "m": {"a": [1, None, True, "x"]},
        "b": b"x",
        "r": Reference("a/b"),
    }
    assert same(read_admin(admin_json(document)), {k: v for k, v in document.items() if k not in "br"} | {"r": "a/b"})


def test_maps_that_only_look_like_a_form_stay_maps():
    for value in (
        {"type": "Buffer", "data": 5},
        {"type": "x", "data": []},
        {"_seconds": 1},
        {"_seconds": 1, "_nanoseconds": 0, "z": 1},
    ):
        assert read_admin({"f": value}) == {"f": value}


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (2**63, "$.f"),
        (float("inf"), "$.f"),
        ("\ud800", "$.f"),
        ({"\ud800": 1}, "$.f"),
        ([[1]], "$.f[0]"),
        ({"a": [1, 2**63]}, "$.f.a[1]"),
        ({"_seconds": 10**15, "_nanoseconds": 0}, "$.f"),
        ({"_seconds": 1, "_nanoseconds": 10**9}, "$.f"),
        ({"_seconds": "1", "_nanoseconds": 0}, "$.f"),
        ({"_latitude": None, "_longitude": 0}, "$.f"),
        ({"type": "Buffer", "data": [256]}, "$.f"),
        ({"type": "Buffer", "data": [True]}, "$.f"),
        ({"_firestore": 1, "_path": 1}, "$.f"),
        ({"_firestore": 1, "_path": {"segments": ["a"]}}, "$.f"),
        ({"_values": [True]}, "$.f"),
    ],
)
def test_anything_else_is_an_error_that_says_where(value, where):
    with pytest.raises(DataError) as error:
        read_admin({"f": value})
    assert (error.value.code, error.value.where) == ("bad-value", where)


def test_maps_nest_twenty_levels_and_no_more():
    value = {}
    for _ in range(19):
        value = {"m": value}
    assert read_plain({"f": value}) == {"f": value}
    for read in (read_plain, read_admin):
        with pytest.raises(DataError, match="too-deep"):
            read({"f": {"m": value}})
    for fields in ([], None, 5):
        with pytest.raises(DataError, match="bad-value"):
            read_plain(fields)
