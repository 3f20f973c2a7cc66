"""Lines of JSON of a few records, made by the compiled decoder; numpy is not needed."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

from . import extension
from .compiled import new_decoder

if TYPE_CHECKING:
    from ..record_batch import Wanted

Found: TypeAlias = "tuple[list[bytes], list[int], list[int]]"
"""Lines; the numbers of their records; the numbers of the records that are odd."""


def record_lines(wanted: Wanted | None = None) -> Callable[[Sequence[bytes]], Found] | None:
    """The encoder of the records of one export; `None` where there is no compiled decoder.

    Args:
        wanted: Which collections and fields are wanted; `None`: all.
    """
    compiled = extension()
    if compiled is None:
        return None
    decoder = new_decoder(compiled, wanted)

    def lines(records: Sequence[bytes]) -> Found:
        stops = array("q", accumulate(map(len, records)))
        starts = array("q", (stop - len(record) for stop, record in zip(stops, records)))
        found: Found = decoder.lines(b"".join(records), starts, stops)
        return found

    return lines
