"""What lines are: documents as `onto-flow cat` prints them, or change events."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from traceback import format_exception
from typing import Any, Protocol

from ..core.change import BELOW_EVENTS, Change, DeadLetter
from ..core.collection import Projection
from ..core.errors import DataError
from ..core.values import Document
from ..database.limits import checked_path
from ..formats.event_sides import ThinEvent
from ..formats.events import EventReader
from ..formats.json_text import parse_json
from ..formats.names import split_name
from ..formats.one_kind import READ, OneKind
from ..formats.typed_json import decode_fields
from .thin_events import Item, Thin, ThinEvents

PAYLOAD_BYTES = 64 << 10
"""How much of a line that cannot be read goes to the dead letters; of a message, all."""

_MAX_KEY = 2000


class LineContents(Protocol):
    """What lines are: `letter` begins the keys of their dead letters, `code` is what is wrong with them by default."""

    letter: str
    code: str

    def read(self, line: bytes) -> Change | Thin | None:
        """What a line is; `None` for one that nobody wants."""

    def resolved(self, batch: list[Item | Thin]) -> list[Item]:
        """A batch in which no document is still to be read."""

    def name(self, line: bytes) -> str:
        """What tells a line from others, where it can be known; for its dead letter."""

    def state(self) -> dict[str, str]:
        """What the lines so far tell of those to come."""

    def restore(self, state: dict[str, str]) -> None:
        """Goes on from a state."""


class DocumentContents:
    """Lines that are documents."""

    letter, code = "document", "bad-document"

    def __init__(self, database: str | None, projection: Projection | None) -> None:
        self.database = database
        self.projection = projection

    def name(self, line: bytes) -> str:
        """See `LineContents`."""
        try:
            content = parse_json(line)
            name = content.get("path", content.get("name"))
        except (DataError, AttributeError):
            return ""
        return name if isinstance(name, str) else ""

    def read(self, line: bytes) -> Change | None:
        """See `LineContents`."""
        content = parse_json(line)
        if not isinstance(content, dict):
            raise DataError("bad-document", f"Not a JSON object: {content!r:.80}")
        name: Any = content.get("path", content.get("name"))
        database, path = split_name(name)
        fields = content.get("fields") or {}
        if self.projection is not None:
            if not self.projection.wants(path):
                return None
            names = self.projection.fields(path)
            if names is not None and isinstance(fields, dict):
                fields = {k: v for k, v in fields.items() if k in names}
        return Change(path, None, decode_fields(fields, database or self.database, "$.fields"), BELOW_EVENTS, None)

    def resolved(self, batch: list[Item | Thin]) -> list[Item]:
        """See `LineContents`."""
        return batch  # type: ignore[return-value]

    def state(self) -> dict[str, str]:
        """See `LineContents`."""
        return {}

    def restore(self, state: dict[str, str]) -> None:
        """There is none."""


class EventContents:
    """Lines that are events."""

    letter, code = "event", "bad-change"

    def __init__(
        self, reader: EventReader, projection: Projection | None, joined: bool, thin: ThinEvents | None = None
    ) -> None:
        self._reader, self._projection, self._joined, self._thin = reader, projection, joined, thin
        self._kinds = OneKind(joined=joined)

    def name(self, line: bytes, attributes: Mapping[str, str] | None = None) -> str:
        """See `LineContents`; a message may have attributes."""
        return self._reader.event_id(line, attributes)

    def read(self, line: bytes, attributes: Mapping[str, str] | None = None) -> Change | Thin | None:
        """See `LineContents`; a message may have attributes."""
        try:
            kind, change = self._reader.read(line, attributes)
        except ThinEvent as error:
            if self._thin is None or not error.path:
                raise
            path = checked_path(error.path)
            self._kinds.check(READ, path)
            return Thin(path) if self._projection is None or self._projection.wants(path) else None
        if change is None:
            return None
        self._kinds.check(kind, change.path)
        return self._projected(change)

    def _projected(self, change: Change) -> Change | None:
        if self._projection is None:
            return change
        names = self._projection.fields(change.path)
        if not self._projection.wants(change.path):
            return None
        return change._replace(before=_only(change.before, names), after=_only(change.after, names))

    def state(self) -> dict[str, str]:
        """See `LineContents`."""
        return self._kinds.state

    def resolved(self, batch: list[Item | Thin]) -> list[Item]:
        """See `LineContents`."""
        if self._thin is None:
            return batch  # type: ignore[return-value]
        changes = (self._projected(item) if isinstance(item, Change) else item for item in self._thin.resolved(batch))
        return [item for item in changes if item is not None]

    def restore(self, state: dict[str, str]) -> None:
        """See `LineContents`."""
        self._kinds = OneKind(state, joined=self._joined)


def unreadable(content: LineContents, error: DataError, name: str, where: str, payload: bytes) -> DeadLetter:
    """What goes to the dead letters for a line or message that cannot be read.

    Args:
        content: What lines are.
        error: Why it cannot be read.
        name: What tells it from others.
        where: Where it was found.
        payload: What of it is kept.

    Raises:
        DataError: `mixed-feeds`, which ends the reading.
    """
    where += f", {error.where}" if error.where else ""
    if error.code == "mixed-feeds":
        raise DataError(error.code, error.what, where=where, fix=error.fix) from error
    code = error.code if error.code == "thin-event" else content.code
    key = f"{content.letter}:{name}"[:_MAX_KEY]
    return DeadLetter(key, f"{code}: {error.what} ({where})", "".join(format_exception(error)), payload)


def read_message(
    contents: EventContents,
    data: bytes,
    attributes: Mapping[str, str],
    message_id: str,
    published: datetime | None,
    where: str,
) -> Item | Thin | None:
    """What a message with attributes tells; a dead letter for one that cannot be read.

    Args:
        contents: What the messages of its feed are.
        data: Its bytes.
        attributes: Its attributes.
        message_id: What tells it from others, where it does not say itself.
        published: The time of a change that tells none.
        where: Where it was found.

    Raises:
        DataError: `mixed-feeds`, which ends the reading.
    """
    try:
        item = contents.read(data, attributes)
    except DataError as error:
        name = contents.name(data, attributes) or message_id
        return unreadable(contents, error, name, where, _whole(data, attributes))
    return item._replace(time=published) if isinstance(item, Change) and item.time is None else item


def _whole(data: bytes, attributes: Mapping[str, str]) -> bytes:
    """A message in one line, as `jsonl:` feeds read it: so a dead letter can be replayed."""
    return json.dumps({"attributes": dict(attributes), "data_base64": base64.b64encode(data).decode()}).encode()


def _only(fields: Document | None, names: frozenset[str] | None) -> Document | None:
    if fields is None or names is None:
        return fields
    return {k: v for k, v in fields.items() if k in names}
