"""Plain changes on bytes: compiled, or as what they mean.

Law: what is given back is, byte for byte, what decoding, changing and encoding gives; `None` where a change is not plain or
the bytes are not what they always are. Where neither is compiled, this is no faster than the operator's own step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from ...core.change import NEVER
from ...core.codec import decode, decode_state, encode, encode_state
from ...core.errors import DataError
from . import extension
from .plain_protocol import LONGEST, Clock, State
from .plain_protocol import TYPES as TYPES
from .plain_protocol import Heads as Heads
from .plain_protocol import Known as Known
from .plain_protocol import Make as Make
from .plain_protocol import Names as Names
from .plain_protocol import OfCollection as OfCollection
from .plain_protocol import PlainChanges as PlainChanges
from .plain_protocol import Register as Register


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
        clock: Clock,
        place: int,
        key: bytes,
        message: bytes,
        given: Sequence[State],
    ) -> list[Any] | None:
        state = given[place].read()
        if state is None:
            return None
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
        given[place].write(encode_state((version, after, clock.micros())))
        return [make(to, (key, told)) for to in tells if changed]

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
        held, told = state_of(given[docs].read()), behind_head(message, begin, head)
        if not isinstance(held, tuple) or told is None:
            return None
        path, doc = told
        entries = dict(held)
        if not _is_plain(entries.get(path), doc, stays):
            return None
        raw, weights = encode_state(tuple({**entries, path: doc}.items())), given[subs].read()
        roots, waited = [] if weights is None else self.active(weights), state_of(given[waits].read(), (0, False))
        if len(raw) > largest or waited is None or waited[1] or roots is None or len(roots) > page:
            return None
        given[docs].write(raw)
        return [make(to, (root, message)) for root in roots]

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
