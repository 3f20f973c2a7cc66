"""What a typed table holds, and what it cannot."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from onto_flow.core.errors import EngineError
from onto_flow.core.types import ANY, Type
from onto_flow.core.values import GeoPoint, Reference, Vector
from onto_flow.sinks.arrow_table import to_arrow
from onto_flow.sinks.base import Table

INTS = Type("list", items=(Type("int"),))
STRUCT = Type("struct", fields=(("n", Type("int")),))


def column(type_, *values):
    table = Table("V", "vs", (("x", type_),))
    data, misfits = to_arrow([(f"vs/{n}", {"x": v}) for n, v in enumerate(values)], table)
    return data.column("x").to_pylist(), misfits


@pytest.mark.parametrize(
    ("type_", "odd", "fits", "shown"),
    [
        (ANY, [[1]], 1, '{"integerValue": "1"}'),
        (ANY, {1, 2}, None, None),
        (Type("int"), 2**63, -(2**63), -(2**63)),
        (Type("int"), 1.0, 1, 1),
        (Type("float"), 2**53 + 1, 2**53, 2.0**53),
        (Type("float"), 10**400, 0.5, 0.5),
        (Type("float"), "0.5", 1, 1.0),
        (Type("str"), "\ud800", "\U0001f600", "\U0001f600"),
        (Type("bool"), 1, False, False),
        (Type("bytes"), "a", b"a", b"a"),
        (Type("timestamp"), 0, *[datetime(2024, 5, 1, tzinfo=timezone.utc)] * 2),
        (Type("reference"), "users/u1", Reference("users/u1"), "users/u1"),
        (
            Type("reference"),
            Reference("a/\ud800"),
            Reference("a/b", "projects/p/databases/d"),
            "projects/p/databases/d/documents/a/b",
        ),
        (Type("vector"), Vector(("a",)), Vector((1.0,)), [1.0]),
        (Type("geopoint"), GeoPoint("a", 1.0), GeoPoint(1, 2.0), {"latitude": 1.0, "longitude": 2.0}),
        (Type("map"), 5, {}, '{"mapValue": {}}'),
        (Type("struct"), 5, {}, '{"mapValue": {}}'),
        (INTS, [1, "2"], [1, None], [1, None]),
        (INTS, [2**63], [], []),
        (STRUCT, {"n": 1, "m": 2}, {}, {"n": None}),
        (STRUCT, {"n": 2**63}, {"n": 1}, {"n": 1}),
        (Type("list"), 5, ["a"], ['{"stringValue": "a"}']),
    ],
)
def test_an_odd_value_is_null_and_named_and_its_neighbours_stay(type_, odd, fits, shown):
    values, misfits = column(type_, odd, fits)
    assert values == [None, shown]
    assert list(misfits) == ["vs/0"] and misfits["vs/0"].startswith(f"V.x is declared as {type_} and holds ")


def test_an_attribute_with_the_name_of_the_column_of_paths_is_refused():
    with pytest.raises(EngineError, match="V.__path__ has the name"):
        to_arrow([], Table("V", "vs", (("__path__", ANY),)))
