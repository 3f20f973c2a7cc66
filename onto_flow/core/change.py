"""Changes in and view changes out.

Law: the versions of one document are totally ordered, and so are those of one view document; a receiver that keeps the
highest version per path ends right, whatever the order and however often a change arrives.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from .values import Document

Version = tuple[int, int]
"""(microseconds since the epoch, tie): the version of a document; `NEVER` is below all of them."""

ViewVersion = tuple[int, int, int]
"""(generation, epoch, seq): the version of a view document, strictly rising per path."""

NEVER: Version = (0, 0)
BELOW_EVENTS: Version = (0, 1)
"""The version of documents from a source that has no time of its own: above `NEVER`, below any event."""

AS_READ = -1
"""The tie of a document that was read at a time and does not say when it was written: below any event of that time."""


class Change(NamedTuple):
    """One change of one document.

    Attributes:
        path: The document's path, relative to the database's root.
        before: Its fields before, where the feed carries them; never used to compute, only shown.
        after: Its fields after the change; `None` for a deletion.
        version: Totally ordered per document.
        time: The event's own time (else its publish time): the rule for deletes after a snapshot needs it.
        previous: The version that the event says it replaced, where its kind of feed tells; `NEVER` where it says that
            there was no document before. Never used to compute, only to count what the feed lost.
    """

    path: str
    before: Document | None
    after: Document | None
    version: Version
    time: datetime | None = None
    previous: Version | None = None


class ViewChange(NamedTuple):
    """One change of one view document.

    Attributes:
        view: The name of the view: its class.
        path: The path of the view document, `collection/id`.
        old: The view document before (as last emitted), `None` when there was none.
        new: The view document now, `None` when it is gone.
        version: (generation, epoch, seq).
        failed: Whether the view's code fails on its present documents, so that `new` is the last good one
            (`Meta.on_error = "keep"`).
    """

    view: str
    path: str
    old: Document | None
    new: Document | None
    version: ViewVersion
    failed: bool = False


class DeadLetter(NamedTuple):
    """Something that failed, whole; `cleared` says that an earlier one with the same key succeeded meanwhile.

    Attributes:
        key: What it is about: `view:NAME:KEY`, `document:PATH` or `event:ID`; one letter is kept per key.
        reason: A code of `core.errors`, then the message.
        stack: The traceback, empty where there is none.
        payload: What failed, as a value: a document, an event, the key of a view document.
        cleared: Whether this takes the letter with this key back.
        policy: Of user code that raised: what its view does then (`plan.nodes.OnError`); empty for anything else.
    """

    key: str
    reason: str
    stack: str = ""
    payload: object = None
    cleared: bool = False
    policy: str = ""
