"""Where in the changes of a database a feed begins."""

from __future__ import annotations

from datetime import datetime

from ..core.codec import decode
from ..core.errors import DataError
from ..core.values import from_micros


def place_of(resume: bytes | None, snapshot: int | None) -> tuple[bytes | datetime | None, int]:
    """The place, and how many changes there were before: at a resume point, else behind the documents that are followed.

    Args:
        resume: A place in the changes and a count, as bytes of `core.codec`.
        snapshot: The time of the documents, in microseconds, where it is known.

    Raises:
        DataError: `bad-value`: it is no resume point of such a feed.

    Example:
        >>> from onto_flow.core.codec import encode
        >>> place_of(encode((b"place", 7)), None), place_of(None, None)
        ((b'place', 7), (None, 0))
    """
    if resume is None:
        return (None if snapshot is None else from_micros(snapshot)), 0
    place, count = decode(resume)
    if not isinstance(place, bytes):
        raise DataError("bad-value", f"{place!r:.80} is no place of a feed")
    return place, count
