"""Plain changes on bytes: compiled, or as what they mean.

Law: what is given back is, byte for byte, what decoding, changing and encoding gives; `None` where a change is not plain or
the bytes are not what they always are. Where neither is compiled, this is no faster than the operator's own step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

from ...core.change import NEVER
from ...core.codec import decode, decode_state, encode, encode_state
from ...core.errors import DataError
from ...core.values import GeoPoint, Reference, Vector
from . import extension

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
        state: bytes,
        message: bytes,
        key: bytes,
        now: int,
    ) -> tuple[bytes, list[Any]] | None:
        """An event for ingest: the new state, and what tells of it, if anything changed.

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
            state: (version, fields, since) of the document.
            message: The event.
            key: The bytes of the document's path.
            now: Microseconds.
        """

    def plain_member(
        self,
        begin: int,
        head: bytes,
        stays: Names,
        make: Make,
        to: str,
        docs: bytes,
        subs: bytes | None,
        message: bytes,
    ) -> tuple[bytes, list[Any]] | None:
        """News of a document, for a map of path -> (version, fields, keys): the new map, and what tells the operator `to`.

        Under the keys that `active` gives it is told the news.
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


def plain_changes() -> PlainChanges:
    """The compiled functions, or these."""
    return cast("PlainChanges", extension() or in_python())


def plain_root() -> Callable[..., Any] | None:
    """What takes a whole plain change of a root, where it is compiled: see `plain_root.c`."""
    return getattr(extension(), "plain_root", None)


def in_python() -> PlainChanges:
    """These functions, of any value that there is."""
    return _InPython()


class _InPython:
    """See `PlainChanges`."""

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
        state: bytes,
        message: bytes,
        key: bytes,
        now: int,
    ) -> tuple[bytes, list[Any]] | None:
        collection = key.rpartition(b"/")[0]
        of = collections[collection] if collection in collections else learn(collection, key)
        if of is None:
            return None
        wanted, stays, tells = of
        held, event = state_of(state), behind_head(message, begin, event_head)
        if not isinstance(held, tuple) or len(held) != 3 or event is None:
            return None
        known, before, _ = held
        version, fields, _, previous = event
        if not (before.__class__ is fields.__class__ is dict) or version <= known or version[0] <= floor:
            return None
        if version[1] < 0 or known[1] < 0 or known <= NEVER or (previous is not None and previous != known):
            return None
        if apart.decode() in fields:
            return None
        after = {n: v for n, v in fields.items() if wanted is None or n.encode() in wanted}
        changed = encode(after) != encode(before)
        if changed and not _all_stay(before, after, stays):
            return None
        told = told_head + key + encode((version, after, ()))
        return encode_state((version, after, now)), [make(to, (key, told)) for to in tells if changed]

    def plain_member(
        self,
        begin: int,
        head: bytes,
        stays: Names,
        make: Make,
        to: str,
        docs: bytes,
        subs: bytes | None,
        message: bytes,
    ) -> tuple[bytes, list[Any]] | None:
        held, told, roots = state_of(docs), behind_head(message, begin, head), [] if subs is None else self.active(subs)
        if not isinstance(held, tuple) or told is None or roots is None:
            return None
        path, doc = told
        entries = dict(held)
        if not _is_plain(entries.get(path), doc, stays):
            return None
        return encode_state(tuple({**entries, path: doc}.items())), [make(to, (root, message)) for root in roots]

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
        held, told = state_of(record), behind_head(message, begin, head)
        if not isinstance(held, tuple) or told is None or len(told[0].encode()) > LONGEST:
            return None
        path, doc = told
        collection = path[: path.rfind("/") + 1].encode()
        if collection not in known:
            return cast("bytes", path.encode())
        (stays, its), present = known[collection], {p: tuple(d) for p, *d in held[0]}
        if stays is None or not _is_plain(present.get(path), doc, stays):
            return None
        present[path] = doc
        behind = len(b"".join(encode(part) for part in held[3:]))
        whole = encode_state((tuple((p, *d) for p, d in present.items()), *held[1:]))
        return (
            whole[: len(whole) - behind],
            len(record) - behind,
            path,
            *doc[:2],
            b"".join(encode(d) for _, d in held[3][:1] if len(held[3]) == 1),
            its,
            layout_of(present, held[1:3]),
        )

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
        at, new, number = encode(path), encode(after), encode(seq)
        record = (begin, heads.one_shown, at, new, number, heads.well)
        change = (heads.shows, at, raw, new, heads.versions, number, heads.well_shown)
        return b"".join(record), b"".join(change)

    def active(self, subs: bytes) -> list[bytes] | None:
        held = state_of(subs)
        return [encode(root) for root, weight in held if weight > 0] if isinstance(held, tuple) else None


def layout_of(registers: dict[str, Any], others: Any) -> bytes:
    """The sizes of registers, and of what stands behind them up to what was shown."""
    sizes = [len(encode((path, *doc))) for path, doc in registers.items()]
    sizes.append(sum(len(encode(part)) for part in others))
    return b"".join(size.to_bytes(4, "little") for size in sizes)


def state_of(raw: bytes | None, empty: Any = None) -> Any:
    """What a state is; `empty` where there is none, `None` where its bytes are odd."""
    try:
        return empty if raw is None else decode_state(raw)
    except DataError:
        return None


def behind_head(message: bytes, begin: int, head: bytes) -> Any:
    """The parts of a message behind its tag; `None` where it is another one."""
    if not message.startswith(head, begin):
        return None
    try:
        return decode(message[begin:])[1:]
    except DataError:
        return None


def _is_plain(held: Any, now: Any, stays: Names) -> bool:
    if held is None or now[1].__class__ is not dict or held[1].__class__ is not dict or held[2] is None:
        return False
    return encode(now[2]) == encode(held[2]) and now[0] > held[0] and _all_stay(held[1], now[1], stays)


def _all_stay(before: Any, after: Any, stays: Sequence[bytes]) -> bool:
    return all(_value(before, name) == _value(after, name) for name in map(bytes.decode, stays))


def _value(fields: Any, name: str) -> bytes | None:
    return encode(fields[name]) if name in fields else None
