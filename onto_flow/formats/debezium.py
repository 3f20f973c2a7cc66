"""Rows of a database as Debezium sends them: `{before, after, op, source, ts_ms, ...}`, also inside `{schema, payload}`.

| line | what it is |
|---|---|
| the envelope | a change; where its document lies is said by `path`, or by `key` beside it |
| `{"key": ..., "value": envelope or null, "offset": 7}` | a record of Kafka |
| a null value, a null payload, null | a tombstone after a deletion, for compaction: dropped |

Order: by the position in the source (`source.lsn`; `source.ts_ms` and `source.ord`), else by `ts_us`, else `ts_ms`; rows of
a snapshot (`r`) rank below every live change of their document. Source: Debezium's documentation of its connectors' events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..core.change import Change, Version
from ..core.errors import DataError
from ..core.keys import document_id
from ..core.values import Document, from_micros
from .event_sides import ThinEvent, refuse, thin
from .feed_versions import RULES, Operation, last_microsecond
from .json_text import parse_json
from .plain_json import read_plain
from .templates import Template, find, text_path

_OPERATIONS: dict[str, Operation] = {"c": "create", "u": "update", "d": "delete", "r": "snapshot"}
_NO_ROW = {"t": "a truncated table, which names no row", "m": "a message, which is no row"}
_ABSENT = "__debezium_unavailable_value"


class Record(NamedTuple):
    """A record of Kafka: its key, its envelope (`None`: a tombstone) and its offset, where the line has them."""

    key: Any
    envelope: Any
    offset: int | None


def is_debezium(content: Mapping[str, Any]) -> bool:
    """Whether a JSON object is an envelope, or a record that holds one."""
    if "op" in content:
        return "after" in content or "before" in content or "source" in content
    if content.keys() >= {"key", "value"}:
        value = content["value"]
        return value is None or isinstance(value, str) or (isinstance(value, dict) and is_debezium(value))
    if content.keys() == {"schema", "payload"}:
        payload = content["payload"]
        return payload is None or (isinstance(payload, dict) and is_debezium(payload))
    return False


class Debezium:
    """Reads rows.

    Args:
        path: Where the documents lie, `orders/{id}`: the names are columns of the row, or parts of the record's key. Without
            it: the table, and what the record's key holds as the document's id.
    """

    def __init__(self, path: Template | None = None) -> None:
        self._path = path

    def change(self, content: Any) -> tuple[str, Change | None]:
        """The kind of order, and the change; `None` for a tombstone.

        Raises:
            DataError: `bad-change`, `thin-event`, `bad-value`, `too-deep`, with the JSON path.
        """
        record = _record(content)
        envelope = record.envelope
        if envelope is None:
            return "debezium", None
        if not isinstance(envelope, dict):
            refuse(f"not an envelope: {envelope!r:.80}", "$")
        word = envelope.get("op")
        operation = _OPERATIONS.get(word) if isinstance(word, str) else None
        if operation is None:
            refuse(f"{word!r:.80} is {_NO_ROW.get(str(word), 'not an operation')}", "$.op", "Known: c, u, d, r.")
        before, after = _row(envelope.get("before"), "$.before"), _row(envelope.get("after"), "$.after")
        source = envelope.get("source")
        source = source if isinstance(source, dict) else {}
        if operation != "delete" and after is None:
            row = f"{source.get('table')!s:.80} {record.key or before!r:.80}"
            raise ThinEvent(f"The event of {row} carries no row", where="$.after")
        path = self._place(record.key, after or before or {}, source)
        after = None if operation == "delete" else after
        _check_whole(path, after)
        kind, version, micros = _order(operation, envelope, source, record.offset)
        return kind, Change(path, before, after, version, None if micros is None else _time(micros))

    def _place(self, key: Any, row: Document, source: Mapping[str, Any]) -> str:
        if self._path is not None:
            return self._path.path(lambda way: _first(find(row, way), find(key, way)), "$")
        table = source.get("collection", source.get("table"))
        if not isinstance(table, str) or key is None:
            fix = "Say where documents lie, with path: orders/{id}."
            refuse("the event does not say which document it is about: it has no key, or its source no table", "$", fix)
        parts = tuple(key.values()) if isinstance(key, dict) else (key,)
        if any(type(part) not in (str, int, bool) for part in parts):
            refuse(f"the key cannot be an id: {key!r:.80}", "$.key", "Say where documents lie, with path: orders/{id}.")
        if len(parts) == 1:
            return text_path(f"{table}/{parts[0] if type(parts[0]) is int else document_id(parts[0])}")
        return text_path(f"{table}/{document_id(parts)}")


def record_id(content: Any) -> Any:
    """What tells this event from others: its place in the source's log or in the topic."""
    if not isinstance(content, dict):
        return None
    offset = content.get("offset")
    place = (content.get("topic"), content.get("partition"), offset)
    return None if offset is None else "-".join(str(part) for part in place if part is not None)


def _first(left: Any, right: Any) -> Any:
    return right if left is None else left


def _record(content: Any) -> Record:
    if isinstance(content, dict) and "op" not in content and content.keys() >= {"key", "value"}:
        offset = content.get("offset")
        return Record(_payload(content["key"]), _payload(content["value"]), offset if type(offset) is int else None)
    return Record(None, _payload(content), None)


def _payload(content: Any) -> Any:
    """Without the schema around it; a text is JSON, as tools print keys and values."""
    if isinstance(content, str) and content[:1] in ("{", "["):
        content = parse_json(content, numbers=True)
    if isinstance(content, dict) and content.keys() == {"schema", "payload"}:
        return content["payload"]
    return content


def _row(row: Any, where: str) -> Document | None:
    """A side of the envelope; MongoDB's connector sends it as text."""
    if isinstance(row, str):
        row = parse_json(row, numbers=True)
    return None if row is None else read_plain(row, where)


def _check_whole(path: str, after: Document | None) -> None:
    """A value that the database did not hand out is not known, and must not look like text."""
    for name, value in (after or {}).items():
        if value == _ABSENT:
            raise thin(path, f"no value of {name!r:.80}, which the database left out", f"$.after.{name:.80}")


def _order(
    operation: Operation, envelope: Mapping[str, Any], source: Mapping[str, Any], offset: int | None
) -> tuple[str, Version, int | None]:
    """The kind of order, the version, and the time in microseconds."""
    times = source if _micros(source) is not None else envelope
    micros, position, ordinal = _micros(times), _whole(source.get("lsn")), _whole(source.get("ord"))
    if operation == "snapshot":
        return "debezium", RULES["debezium"].version(operation, _first(micros, position) or 0), micros
    if position is not None:
        return "debezium-lsn", RULES["debezium-lsn"].version(operation, position), micros
    if micros is None:
        refuse("the event has neither a position nor a time, so the order of changes is not known", "$.source")
    if ordinal is not None:
        micros = last_microsecond(micros // 1_000_000 * 1_000_000, 1_000_000)
        return "debezium-ord", RULES["debezium-ord"].version(operation, micros, ordinal), micros
    kind = "debezium-ts_us" if type(times.get("ts_us")) is int else "debezium-ts_ms"
    return kind, RULES[kind].version(operation, micros, offset), micros


def _micros(times: Mapping[str, Any]) -> int | None:
    if type(times.get("ts_us")) is int:
        return int(times["ts_us"])
    return last_microsecond(times["ts_ms"] * 1000, 1000) if type(times.get("ts_ms")) is int else None


def _whole(value: Any) -> int | None:
    """A position: a number, or its digits."""
    if type(value) is int:
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20 else None


def _time(micros: int) -> Any:
    try:
        return from_micros(micros)
    except OverflowError as error:
        raise DataError("bad-change", f"{micros} microseconds are no time", where="$.source") from error
