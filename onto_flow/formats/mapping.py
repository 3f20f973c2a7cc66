"""Messages that a team made up, read by a mapping: a small file, JSON or TOML, that says where things lie in them.

| key | what it says |
|---|---|
| `path` | where the document lies: `orders/{id}`, or `{path}`; names with dots lead into the message |
| `after`, `before` | where its fields are, after and before the change |
| `values` | how they are read: `plain` (default), `admin` (the Admin SDK's forms), `typed` (REST's typed JSON) |
| `op` | where the operation stands; without it a message whose `after` is null is a deletion |
| `ops` | the words for it: `{"create": ["added"], "update": [...], "delete": [...]}`; a few are known |
| `version` | what orders the changes of a document: a time (RFC 3339, or a number of `version_unit`), or a count |
| `version_unit` | `s`, `ms`, `us`, `ns`, or `position` for a number that is no time |
| `time` | the event's own time, where the version is none; in `time_unit` |
| `id` | what tells the event from others, for its dead letter |
| `database` | `projects/P/databases/D`: references into it become relative paths |
| `format` | `debezium`: its envelopes; then only `path` is said |

A mapping that says nothing of documents, `path` alone with perhaps `id`, is of messages that only tell which document has
changed: thin events, which are read from a database.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ..core.change import Change
from ..core.errors import DataError, UsageError, did_you_mean
from ..core.values import Document, from_micros, to_micros
from .event_sides import refuse, thin, time_of
from .feed_versions import RULES, Operation, last_microsecond
from .plain_json import read_admin, read_plain
from .templates import Pointer, Template, find, pointer, says
from .typed_json import decode_fields

MAX_FILE_BYTES = 1 << 20
_log = logging.getLogger(__name__)
_NANOS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_COARSE = ("s", "ms")
_WORDS: tuple[tuple[Operation, tuple[str, ...]], ...] = (
    ("create", ("create", "created", "insert", "added", "add", "c")),
    ("update", ("update", "updated", "modify", "modified", "write", "set", "u")),
    ("delete", ("delete", "deleted", "remove", "removed", "d")),
)
_KNOWN_OPS = {word: operation for operation, words in _WORDS for word in words}
_WAYS = ("after", "before", "op", "version", "time", "id")
_TEXTS = ("path", *_WAYS, "values", "version_unit", "time_unit", "database", "format")
_KEYS = (*_TEXTS, "ops")
_READERS: dict[str, Callable[[Any, str, str | None], dict[str, Any]]] = {
    "plain": lambda fields, where, database: read_plain(fields, where),
    "admin": lambda fields, where, database: read_admin(fields, where),
    "typed": lambda fields, where, database: decode_fields(fields, database, where),
}


@dataclass(frozen=True)
class Mapped:
    """A mapping, checked: what `read_mapping` gives.

    Attributes:
        path: Where the document lies.
        format: `plain` or `debezium`.
        after, before, op, version, time, id: The ways to them; `None` where the messages have none.
        values: How fields are read.
        ops: Words and operations.
        version_unit, time_unit: Of numbers; empty for RFC 3339 text.
        database: Of references.
    """

    path: Template
    format: str = "plain"
    after: Pointer | None = None
    before: Pointer | None = None
    op: Pointer | None = None
    version: Pointer | None = None
    time: Pointer | None = None
    id: Pointer | None = None
    values: str = "plain"
    ops: Mapping[str, Operation] | None = None
    version_unit: str = ""
    time_unit: str = ""
    database: str | None = None


def load_mapping(file: str | Path) -> Mapped:
    """The mapping in a file, TOML (`.toml`, from Python 3.11 on) or JSON.

    Raises:
        UsageError: `not-found`; `wrong-usage`, with the key.
    """
    place = Path(file)
    try:
        with place.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError("not-found", f"The mapping {place} cannot be read: {error.strerror}") from error
    if len(raw) > MAX_FILE_BYTES:
        raise UsageError("wrong-usage", f"The mapping {place} is larger than {MAX_FILE_BYTES} bytes")
    try:
        content = _toml(raw) if place.suffix == ".toml" else json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UsageError("wrong-usage", f"The mapping {place} cannot be read: {error!s:.200}") from error
    try:
        return read_mapping(content)
    except UsageError as error:
        raise UsageError(error.code, error.what, where=place, fix=error.fix) from error


def _toml(raw: bytes) -> Any:
    if sys.version_info < (3, 11):
        raise UsageError("wrong-usage", "A mapping in TOML needs Python 3.11", fix="Write it as JSON.")
    return import_module("tomllib").loads(raw.decode())


def read_mapping(content: Any) -> Mapped:
    """The mapping that a dictionary says.

    Raises:
        UsageError: `unknown-name`, `wrong-usage`.
    """
    if not isinstance(content, dict):
        raise UsageError("wrong-usage", "A mapping is a table of keys and texts")
    for name, value in content.items():
        if name not in _KEYS:
            raise UsageError("unknown-name", f"A mapping has no key {name!r:.80}", fix=did_you_mean(str(name), _KEYS))
        if name != "ops" and not isinstance(value, str):
            raise UsageError("wrong-usage", f"{name} is not a text: {value!r:.80}")
    format_ = content.get("format", "plain")
    _one_of(format_, "format", ("plain", "debezium"))
    needed = ["path"] if format_ == "debezium" or not _carries(content) else ["path", "after", "version"]
    for name in needed:
        if not content.get(name):
            raise UsageError("wrong-usage", f"The mapping does not say {name}")
    _one_of(content.get("values", "plain"), "values", _READERS)
    _one_of(content.get("version_unit", "us"), "version_unit", (*_NANOS, "position"))
    _one_of(content.get("time_unit", "us"), "time_unit", _NANOS)
    ways = {n: pointer(content[n]) for n in _WAYS if n in content}
    return Mapped(
        Template(content["path"]),
        format_,
        values=content.get("values", "plain"),
        ops=_ops(content["ops"]) if "ops" in content else None,
        version_unit=content.get("version_unit", ""),
        time_unit=content.get("time_unit", ""),
        database=content.get("database"),
        **ways,
    )


def _carries(content: Mapping[str, Any]) -> bool:
    """Whether messages are said to carry documents; else each only tells that its document is another one now."""
    return any(name in content for name in ("after", "before", "version", "op", "ops"))


def _one_of(value: str, name: str, known: Any) -> None:
    if value not in known:
        raise UsageError("unknown-name", f"{value!r:.80} is no {name}", fix=did_you_mean(value, known))


def _ops(content: Any) -> dict[str, Operation]:
    if not isinstance(content, dict) or content.keys() - {"create", "update", "delete"}:
        raise UsageError("wrong-usage", "ops names the words of create, update and delete")
    found: dict[str, Operation] = {}
    for operation, words in content.items():
        for word in [words] if isinstance(words, str) else words if isinstance(words, list) else [None]:
            if not isinstance(word, str):
                raise UsageError("wrong-usage", f"ops.{operation} is not a word, or a list of words: {words!r:.80}")
            found[word] = operation
    return found


class MappedMessages:
    """Reads messages by a mapping; warns once when what orders them has only milliseconds."""

    def __init__(self, mapping: Mapped, warn: Callable[[str], None] = _log.warning) -> None:
        self._mapping = mapping
        self._read = _READERS[mapping.values]
        self._coarse: _Coarse | None = _Coarse(mapping.version_unit, warn)
        self._kind = "mapping-position" if mapping.version_unit == "position" else "mapping-time"

    def event_id(self, content: Any) -> Any:
        """What the mapping calls the event's id."""
        return None if self._mapping.id is None else find(content, self._mapping.id)

    def change(self, content: Mapping[str, Any]) -> tuple[str, Change]:
        """The kind of order, and the change.

        Raises:
            DataError: `bad-change`, `thin-event`, `bad-value`, `too-deep`, with the JSON path.
        """
        mapping = self._mapping
        path = mapping.path.path(lambda way: find(content, way), "$")
        if mapping.after is None:
            raise thin(path, "no fields", "$", readable=True)
        fields = self._fields(content, mapping.after)
        operation = self._operation(content, fields)
        if operation == "delete":
            fields = None
        elif fields is None:
            raise thin(path, "no fields", _shown(mapping.after))
        number = self._number(content)
        time = number if self._kind == "mapping-time" else None
        if mapping.time is not None and (stamp := find(content, mapping.time)) is not None:
            time = _micros(stamp, mapping.time_unit, _shown(mapping.time))
        version = RULES[self._kind].version(operation, number)
        before = self._fields(content, mapping.before)
        return self._kind, Change(path, before, fields, version, None if time is None else _datetime(time))

    def _fields(self, content: Mapping[str, Any], way: Pointer | None) -> Document | None:
        found = None if way is None else find(content, way)
        return None if found is None else self._read(found, _shown(way), self._mapping.database)

    def _operation(self, content: Mapping[str, Any], fields: Document | None) -> Operation:
        way = self._mapping.op
        after = self._mapping.after
        if way is None:
            return "delete" if fields is None and after is not None and says(content, after) else "update"
        word = find(content, way)
        ops = _KNOWN_OPS if self._mapping.ops is None else self._mapping.ops
        operation = ops.get(word) if isinstance(word, str) else None
        if operation is None:
            refuse(f"{word!r:.80} is not an operation", _shown(way), f"Known: {', '.join(ops)}; others go into ops.")
        return operation

    def _number(self, content: Mapping[str, Any]) -> int:
        way, unit = self._mapping.version, self._mapping.version_unit
        assert way is not None
        found = find(content, way)
        if unit == "position":
            if type(found) is not int:
                refuse(f"the version is not a number that rises: {found!r:.80}", _shown(way))
            return int(found)
        micros = _micros(found, unit, _shown(way))
        if self._coarse is not None and self._coarse.settled(micros):
            self._coarse = None
        return micros


class _Coarse:
    """Whether what orders changes has only milliseconds: two changes of a document in one are not told apart."""

    enough = 20

    def __init__(self, unit: str, warn: Callable[[str], None]) -> None:
        self._unit, self._warn, self._seen = unit, warn, 0

    def settled(self, micros: int) -> bool:
        """Takes a version; says whether the question is answered."""
        coarse = self._unit in _COARSE
        if micros % 1000 and not coarse:
            return True
        self._seen += 1
        if not coarse and self._seen < self.enough:
            return False
        self._warn(
            "the version of these messages has no more than milliseconds: of two changes of a document within one "
            "the order is not known, and the later one may be taken for a repetition; send microseconds"
        )
        return True


def _shown(way: Pointer | None) -> str:
    return "$." + ".".join(way or ())


def _micros(value: Any, unit: str, where: str) -> int:
    """Microseconds of a time: RFC 3339 text, or a number of a unit; a text of digits is a number."""
    if isinstance(value, str) and unit and value.isascii() and value.isdigit() and len(value) <= 20:
        value = int(value)
    if isinstance(value, str):
        return to_micros(time_of(value, where))
    if not unit and type(value) in (int, float):
        refuse(f"the number {value} has no unit", where, "Say version_unit or time_unit: s, ms, us or ns.")
    if type(value) is int:
        micros = value * _NANOS[unit] // 1000
        return last_microsecond(micros, _NANOS[unit] // 1000) if unit in _COARSE else micros
    if type(value) is float and abs(value) < 1e18:
        return round(value * _NANOS[unit] / 1000)
    return refuse(f"not a time: {value!r:.80}", where)


def _datetime(micros: int) -> Any:
    try:
        return from_micros(micros)
    except OverflowError as error:
        raise DataError("bad-change", f"{micros} microseconds are no time") from error
