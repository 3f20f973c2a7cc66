"""Plain changes on bytes: what is done with them, and what it is given.

Law: what is given back is, byte for byte, what decoding, changing and encoding gives; `None` where a change is not plain or
the bytes are not what they always are. A state is written where a step is taken, and only then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ...core.values import GeoPoint, Reference, Vector

Names = tuple[bytes, ...]
"""Names of fields as UTF-8, in order."""

OfCollection = tuple["Names | None", Names, tuple[str, ...]]
"""The fields that are read (`None`: all), those whose values are as they were, and the operators that are told."""

Make = Callable[[str, tuple[bytes, bytes]], Any]
"""(operator, (key, message)) -> what the engine carries; as a class: its objects are their `tag` and `value` alone."""

Known = tuple[Names | None, Any]
"""Of a collection: the fields whose values are as they were, `None` where its documents have no plain changes; and what its
user wants to know of it."""

Register = tuple[bytes, int, str, Any, Any, bytes, Any, bytes]
"""What a record begins with now, up to what was shown; where that was; the document: path, version, fields; the bytes of the
one document that was shown last, empty where it was none or several; what is known of its collection; and the layout of what
the record begins with."""

LONGEST = 0x7F
"""How many bytes of UTF-8 the path of a document with a plain change may have."""


class State(Protocol):
    """A state of one key."""

    def read(self) -> bytes | None:
        """Its bytes."""

    def write(self, raw: bytes) -> None:
        """Replaces them."""


class Clock(Protocol):
    """Says what time it is."""

    def micros(self) -> int:
        """Microseconds."""


class Heads(NamedTuple):
    """The bytes of records and view changes around what is shown.

    Attributes:
        shows: A view change begins with them; then come the path, the document before and after.
        one_shown: What a record shows begins with them, where it is one document; then come its path and fields.
        versions: The version of a view change begins with them; then comes its last part.
        well: A record ends with them whose view neither fails nor waits.
        well_shown: A view change ends with them whose document is not flagged.
    """

    shows: bytes
    one_shown: bytes
    versions: bytes
    well: bytes
    well_shown: bytes


TYPES = (GeoPoint, Reference, Vector)
"""The classes of values that bytes are made into."""


class PlainChanges(Protocol):
    """What is done with plain changes; what is the same for many of them comes first.

    `head`: what comes before the path in a message that tells of a document.
    """

    def plain_event(
        self,
        begin: int,
        event_head: bytes,
        told_head: bytes,
        apart: bytes,
        floor: int,
        make: Make,
        collections: dict[bytes, OfCollection | None],
        learn: Callable[[bytes, bytes], OfCollection | None],
        clock: Clock,
        place: int,
        key: bytes,
        message: bytes,
        given: Sequence[State],
    ) -> list[Any] | None:
        """An event for ingest: what tells of it, if anything changed; its state is written.

        Args:
            begin: Where the event begins in the message.
            event_head: What an event begins with.
            told_head: What a message begins with that tells of a document.
            apart: A name that a document with a plain change has not.
            floor: The event's microseconds must be above it.
            make: Makes what tells an operator.
            collections: What is known of collections, by what the bytes of paths in them begin with; `None`: no change of
                a document in them is plain.
            learn: (collection, key) -> what is known of one that is not among them.
            clock: Says since when the document is what it is.
            place: That of the state (version, fields, since) of the document.
            key: The bytes of the document's path.
            message: The event.
            given: The states, by place.
        """

    def plain_member(
        self,
        begin: int,
        head: bytes,
        stays: Names,
        make: Make,
        to: str,
        page: int,
        largest: int,
        docs: int,
        subs: int,
        waits: int,
        key: bytes,
        message: bytes,
        given: Sequence[State],
    ) -> list[Any] | None:
        """News of a document, for a map of path -> (version, fields, keys), which is written: what tells the operator `to`.

        Under the keys that `active` gives it is told the news.

        Args:
            begin: Where the news begin in the message.
            head: See above.
            stays: The fields whose values are as they were.
            make: Makes what tells an operator.
            to: Which one.
            page: To how many keys it is told at most.
            largest: How many bytes the map has at most.
            docs: The place of the map.
            subs: The place of the weights.
            waits: The place of what the key waits for: (when garbage is dropped, whether it goes on by pages, ...).
            key: What is plain does not depend on it.
            message: The news from `begin` on.
            given: The states, by place.
        """

    def plain_register(
        self,
        geopoint: type[Any],
        reference: type[Any],
        vector: type[Any],
        begin: int,
        head: bytes,
        known: Mapping[bytes, Known],
        record: bytes,
        message: bytes,
        layout: bytes | None,
        registers: Mapping[str, Any] | None,
    ) -> Register | bytes | None:
        """News of a document, for a record of assemble; of one whose collection is not known, its path.

        Args:
            geopoint: See `TYPES`.
            reference: See `TYPES`.
            vector: See `TYPES`.
            begin: Where the news begin in the message.
            head: See above.
            known: Of collections, by what the paths of their documents begin with.
            record: The record.
            message: The news from `begin` on.
            layout: Of the record, as this gave it when it was made; what is known by it is not looked through again.
            registers: Those of the record, by path, where they are there.
        """

    def plain_shown(
        self,
        geopoint: type[Any],
        reference: type[Any],
        vector: type[Any],
        otherwise: Any,
        heads: Heads,
        begin: bytes,
        raw: bytes,
        path: str,
        before: Any,
        after: Any,
        seq: int,
    ) -> tuple[bytes, bytes]:
        """The one document that a record shows has become another one: the record, and the view change.

        Args:
            geopoint: See `TYPES`.
            reference: See `TYPES`.
            vector: See `TYPES`.
            otherwise: What does it where bytes or values are unusual.
            heads: What does not depend on the document.
            begin: What the record begins with now, up to what is shown.
            raw: The bytes of the document before.
            path: Its path.
            before: It, as those bytes are; what the other one has of it, as the same object, is not written anew.
            after: What it is now.
            seq: Of the view change.
        """

    def active(self, subs: bytes) -> list[bytes] | None:
        """The bytes of the keys of a map whose values are above 0."""
