import json
from datetime import datetime, timezone

import pytest

from onto_flow.core.change import BELOW_EVENTS, Change
from onto_flow.core.errors import DataError
from onto_flow.core.values import GeoPoint
from onto_flow.formats import decode
from onto_flow.formats.changelog_rows import bigquery_time

NOON = datetime(2024, 5, 1, 12, 0, 0, 250_000, tzinfo=timezone.utc)
MICROS = 1714564800250000


def row(operation="UPDATE", data='{"name": "Ada", "n": 1, "x": 1.5}', **more):
    return {
        "timestamp": "2024-05-01 12:00:00.250000 UTC",
        "event_id": "e1",
        "document_name": "projects/shop/databases/(default)/documents/users/u1",
        "document_id": "u1",
        "operation": operation,
        "data": data,
        "path_params": '{"userId":"u1"}',
    } | more


def read(content):
    return decode(json.dumps(content).encode())


def test_rows_become_changes():
    change = read(row(old_data='{"name": "Bob"}'))
    assert change == Change("users/u1", {"name": "Bob"}, {"name": "Ada", "n": 1, "x": 1.5}, (MICROS, 0), NOON)
    assert read(row("CREATE")).version == (MICROS, 0)
    deleted = read(row("DELETE", None, old_data='{"name": "Bob"}'))
    assert (deleted.after, deleted.before, deleted.version) == (None, {"name": "Bob"}, (MICROS, 1))
    assert read(row(data={"name": "Ada"})).after == {"name": "Ada"}, "a column of type JSON"


def test_an_import_ranks_below_any_live_row_whatever_its_stamp():
    late = read(row("IMPORT", event_id="", timestamp="2030-01-01 00:00:00 UTC"))
    early = read(row("IMPORT", event_id="", timestamp="1970-01-01 00:00:00 UTC"))
    assert BELOW_EVENTS < early.version < late.version < read(row(timestamp="1970-01-01 00:00:00.000001 UTC")).version


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01 12:00:00.25 UTC", "2024-05-01 12:00:00.250000", "2024-05-01T12:00:00.25", "2024-05-01 12:00:00.25+00", "2024-05-01 12:00:00.25+00:00",
        "2024-05-01T12:00:00.250Z", "2024-05-01T14:00:00.250+02:00", "1714564800.25", "1.71456480025E9", 1714564800.25,
    ],
)  # fmt: skip
def test_times_are_read_as_bigquery_prints_them(text):
    assert bigquery_time(text, "$") == NOON


@pytest.mark.parametrize(
    "text", ["", None, "2024-05-01", "noon", "1e99", True, {}, "2024-13-01 12:00:00", "9" * 12, "NaN"]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(DataError) as error:
        bigquery_time(text, "$.timestamp")
    assert (error.value.code, error.value.where) == ("bad-change", "$.timestamp")


def test_the_forms_of_the_admin_sdk_are_values_and_what_it_lost_stays_lost():
    data = {
        "at": {"_seconds": 1714564800, "_nanoseconds": 250_000_000},
        "g": {"_latitude": 1, "_longitude": 2.5},
        "r": "users/u2",
    }
    assert read(row(data=json.dumps(data))).after == {"at": NOON, "g": GeoPoint(1.0, 2.5), "r": "users/u2"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (row(data=None), "thin-event"),
        (row("CREATE", "null"), "thin-event"),
        (row("IMPORT", None), "thin-event"),
        (row("REPLACE"), "bad-change"),
        (row(5), "bad-change"),
        (row(data="{"), "bad-change"),
        (row(data="[1]"), "bad-change"),
        (row(data='{"n": 123456789012345678901}'), "bad-change"),
        (row(data={"n": 123456789012345678901}), "bad-change"),
        (row(timestamp=None), "bad-change"),
        (row(timestamp="1969-12-31 00:00:00 UTC"), "bad-change"),
        (row(document_name="users"), "bad-change"),
        (row(document_name=None), "bad-change"),
    ],
)
def test_what_is_no_change_is_refused(content, code):
    with pytest.raises(DataError) as error:
        read(content)
    assert error.value.code == code
