"""What every feed of change events can be told: how to read its messages, and where documents are that they do not carry."""

from __future__ import annotations

from pathlib import Path

from ..core.collection import Projection
from ..database.connect import check_database
from ..formats.events import EventReader
from ..formats.mapping import load_mapping
from .line_contents import EventContents
from .thin_events import open_thin


class EventOptions:
    """How the messages of a feed are read.

    Args:
        format: What all messages are (`cloudevents`, `background`, `changelog`, `debezium`); by default each tells.
        mapping: A file that says how to read messages that a team made up (`formats.mapping`).
        database: The URI of a database: documents of events that do not carry them are read from it.

    Attributes:
        joined: Whether the feed begins before an export, whose documents it follows.
        opened: The URIs that reading messages opens.

    Raises:
        UsageError: `wrong-usage` for no format; `not-found` for a mapping or a database that is not there.
    """

    def __init__(self, format: str, mapping: str | Path | None, database: str) -> None:
        self.joined = False
        self._format, self._database = format, database
        self.opened = (database,) if database else ()
        self._mapping = load_mapping(mapping) if mapping else None
        self._reader()
        if database:
            check_database(database)

    def _reader(self) -> EventReader:
        return EventReader(self._format, self._mapping)

    def contents(self, projection: Projection | None) -> EventContents:
        """What the messages of one reader are."""
        thin = open_thin(self._database) if self._database else None
        return EventContents(self._reader(), projection, self.joined, thin)
