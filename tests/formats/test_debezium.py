import json

import pytest

from onto_flow.core.change import BELOW_EVENTS
from onto_flow.core.errors import DataError, UsageError
from onto_flow.core.values import from_micros
from onto_flow.formats.events import EventReader
from onto_flow.formats.feed_versions import POSITIONS
from onto_flow.formats.mapping import read_mapping

READER = EventReader(mapping=read_mapping({"format": "debezium", "path": "orders/{id}"}))
SOURCE = {
    "version": "2.7",
    "connector": "postgresql",
    "name": "shop",
    "table": "orders",
    "lsn": 100,
    "ts_ms": 1714564800250,
    "snapshot": "false",
}


def envelope(op="u", after=None, before=None, source=None, **more):
    after = {"id": 1, "total": 9.5} if after is None and op != "d" else after
    before = {"id": 1} if op == "d" else before
    return {
        "before": before,
        "after": after,
        "op": op,
        "source": SOURCE | (source or {}),
        "ts_ms": 1714564800300,
        "transaction": None,
    } | more


def timed(op="u", **source):
    content = envelope(op, source=source)
    del content["source"]["lsn"]
    return content


def read(content, reader=READER):
    return reader.read(json.dumps(content).encode())


def test_each_operation_becomes_a_change():
    kind, created = read(envelope("c"))
    assert (kind, created.path, created.after, created.before) == (
        "debezium-lsn",
        "orders/1",
        {"id": 1, "total": 9.5},
        None,
    )
    assert created.time == from_micros(1714564800250999)
    assert read(envelope(before={"id": 1, "total": 8})).change.before == {"id": 1, "total": 8}
    deleted = read(envelope("d")).change
    assert (deleted.path, deleted.after, deleted.before) == ("orders/1", None, {"id": 1})
    assert read({"schema": {"type": "struct"}, "payload": envelope("d")}).change == deleted
    assert read({"key": {"id": 1}, "value": {"schema": {}, "payload": envelope("d")}}).change == deleted


def test_positions_order_before_times():
    assert read(envelope(source={"lsn": 7})).change.version == (POSITIONS + 7, 0)
    assert read(envelope(source={"lsn": "8"})).change.version == (POSITIONS + 8, 0)
    assert (
        read(envelope(source={"lsn": 9, "ts_ms": 1})).change.version
        > read(envelope(source={"lsn": 8, "ts_us": 10**16})).change.version
    )
    mongo = [read(timed(ts_ms=1714564800000, ord=n)) for n in (1, 2)]
    assert [m.kind for m in mongo] == ["debezium-ord"] * 2 and mongo[0].change.version < mongo[1].change.version


def test_times_order_where_there_is_no_position_and_offsets_break_ties():
    exact = read(timed(ts_us=1714564800250123, ts_ms=1714564800250))
    assert (exact.kind, exact.change.version[0]) == ("debezium-ts_us", 1714564800250123)
    coarse = read(timed())
    assert (coarse.kind, coarse.change.version[0]) == ("debezium-ts_ms", 1714564800250999)
    offsets = [read({"key": None, "value": timed(), "offset": n}).change.version for n in (3, 4)]
    assert offsets[0] < offsets[1]
    ties = [read(timed(op)).change.version for op in "cud"]
    assert ties == sorted(set(ties)), "created, updated, deleted within a millisecond"
    outside = envelope(source={"lsn": None, "ts_ms": None}, ts_us=5)
    assert (read(outside).kind, read(outside).change.version[0]) == ("debezium-ts_us", 5)


def test_rows_of_a_snapshot_rank_below_every_live_row():
    copied = read(envelope("r", source={"lsn": 10**9, "ts_ms": 10**13}))
    assert copied.kind == "debezium"
    for live in (envelope(source={"lsn": 0}), timed(ts_ms=0, ts_us=1)):
        assert BELOW_EVENTS < copied.change.version < read(live).change.version


def test_without_a_path_a_row_lies_where_its_key_and_its_table_say():
    reader = EventReader()
    for key, path in (
        ({"id": 7}, "orders/7"),
        ({"id": "a/b"}, "orders/a%2Fb"),
        ({"a": "x", "b": 2}, "orders/x|=2"),
        ("k", "orders/k"),
    ):
        assert read({"key": key, "value": envelope()}, reader).change.path == path
    printed = {"key": '{"schema": {}, "payload": {"id": 7}}', "value": json.dumps(envelope())}
    assert read(printed, reader).change.path == "orders/7"
    mongo = {"key": {"id": "7"}, "value": envelope(source={"collection": "carts", "table": None})}
    assert read(mongo, reader).change.path == "carts/7"


def test_documents_of_mongodb_come_as_text():
    content = timed(ord=1) | {"after": '{"id": "7", "n": 1}'}
    assert read(content).change.after == {"id": "7", "n": 1}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (envelope() | {"after": None}, "thin-event"),
        (envelope(after={"id": 1, "text": "__debezium_unavailable_value"}), "thin-event"),
        (envelope("t"), "bad-change"),
        (envelope("m"), "bad-change"),
        (envelope("x"), "bad-change"),
        (envelope([]), "bad-change"),
        (envelope(after={"total": 1}), "bad-change"),
        (envelope(after={"id": None}), "bad-change"),
        (envelope(after={"id": "a/b"}), "bad-change"),
        (envelope(after={"id": ".."}), "bad-change"),
        (envelope(after={"id": 1, "n": 10**30}), "bad-change"),
        (envelope(after={"id": 1, "n": [[1]]}), "bad-change"),
        (envelope(after=[1]), "bad-change"),
        (envelope(source={"lsn": -1}), "bad-change"),
        (envelope(source={"lsn": 2**63}), "bad-change"),
        (envelope(source={"ts_ms": 10**18}), "bad-change"),
        (timed(ts_ms=None) | {"ts_ms": None}, "bad-change"),
        ({"op": "u", "after": {}, "source": 5}, "bad-change"),
        ({"key": 1, "value": 5}, "bad-change"),
    ],
)
def test_what_is_no_change_is_refused(content, code):
    with pytest.raises(DataError) as error:
        read(content)
    assert error.value.code == code


@pytest.mark.parametrize(
    "content",
    [
        envelope(),
        {"key": {"id": 1.5}, "value": envelope()},
        {"key": {"id": 1}, "value": envelope(source={"table": None})},
    ],
)
def test_a_row_whose_place_nobody_says_is_refused(content):
    with pytest.raises(DataError, match="orders/{id}"):
        read(content, EventReader())


def test_a_path_must_be_able_to_name_documents():
    for path in ("orders", "orders/{id}/lines", "{a}{", "orders/7", "{}"):
        with pytest.raises(UsageError, match="wrong-usage"):
            read_mapping({"format": "debezium", "path": path})
