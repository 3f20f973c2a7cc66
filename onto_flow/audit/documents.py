"""What a job remembers of its source documents, beside what an export says of them.

An export says what each document was at its time S, and which there were. Ingest's state says of each document what it is,
under the version of its last change. So, path by path:

| the state has | the export has | |
|---|---|---|
| a version after S, or the deletion of what was there at S | anything | right: it changed after the export was taken |
| the same content, or both nothing | | right |
| other content, of an older version | a document | `lost-change` |
| nothing, or a deletion that was applied by S | a document | `lost-creation` |
| a deletion that was applied after S, of an older version | a document | not judged: it may have been deleted after S |
| a document, of an older version | nothing | `lost-deletion`; not judged where the export has nothing of its collection |
| content as of S itself | other content, nothing | `wrong-content`, `unknown-document`: no change can mend it |

Law: of a job that lost nothing nothing is named, whatever came after the export, late or twice; and of one that lost the
last change of a document before S, that document is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..core.change import NEVER, Version
from ..core.equality import same
from ..core.errors import UsageError
from ..core.values import Document
from ..engines.credit import Sum, add, digest
from ..formats.feed_versions import POSITIONS
from ..operators.expiry import MARK
from .export import Export, Read, collection_of

Held = tuple[str, "tuple[Any, ...]"]
"""A path, and ingest's cell of it: (version, projected fields or none, time kept since, ...)."""

MENDABLE = ("lost-creation", "lost-change", "lost-deletion")
"""The kinds of findings that a change with the time of the export makes right."""


class Finding(NamedTuple):
    """A source document that the job does not have as the export says it.

    Attributes:
        path: The document.
        kind: See the module.
        version: Of what the job has; `NEVER` where it has nothing.
    """

    path: str
    kind: str
    version: Version

    @property
    def is_there(self) -> bool:
        """Whether the export has the document."""
        return self.kind not in ("lost-deletion", "unknown-document")


class Right(NamedTuple):
    """What a document is, as far as export and state tell together.

    Attributes:
        path: The document.
        fields: Its projected fields; `None` where it does not exist.
        finding: What is wrong with it in the state.
        is_fresh: Whether the job took a change of it after the export was taken: its view documents may be under way.
    """

    path: str
    fields: Document | None
    finding: Finding | None
    is_fresh: bool


@dataclass
class Compared:
    """What a comparison came to.

    Attributes:
        documents: How many paths were looked at.
        newer: How many changed after the export.
        undecided: Why -> how many could not be judged.
        newest: The highest version of a change in the state; `NEVER` without one.
        export, state: Collection -> its documents there, of those that views read.
    """

    documents: int = 0
    newer: int = 0
    undecided: dict[str, int] = field(default_factory=dict)
    newest: Version = NEVER
    export: dict[str, Sum] = field(default_factory=dict)
    state: dict[str, Sum] = field(default_factory=dict)


DELETED_SINCE = "deleted since, perhaps before the export was taken"
NO_COLLECTION = "of a collection of which the export has nothing"
UNREADABLE = "not readable in the export"
FORGOTTEN = "of an export so old that deletions after it may be forgotten"


class Documents:
    """Compares document by document.

    Args:
        export: What is right, as of its time.
        is_whole: Whether a collection of which the export has nothing is empty; else it may not have been exported.
        is_old: Whether the job may have forgotten deletions that came after the export.

    Attributes:
        compared: What it came to so far.
    """

    def __init__(self, export: Export, *, is_whole: bool = False, is_old: bool = False) -> None:
        self._export, self._is_whole, self._is_old = export, is_whole, is_old
        self.compared = Compared()

    def against(self, state: Iterable[Held]) -> Iterator[Right]:
        """Every path of either side, in the order of the bytes of paths.

        Raises:
            UsageError: `wrong-usage` where the state is ordered by positions, not by times.
        """
        for path, read, held in _merged(iter(self._export), iter(state)):
            self.compared.documents += 1
            yield self._judged(path, read, held)

    def _judged(self, path: str, read: Document | None, held: tuple[Any, ...] | None) -> Right:
        name = collection_of(path)
        version: Version = NEVER
        known: Document | None = None
        is_fresh = held is not None and held[2] > self._export.time
        if read is not None:
            add(self.compared.export, {name: digest(path, read)})
        if held is not None:
            version, known = _version(path, held[0]), _unmarked(held[1])
            self.compared.newest = max(self.compared.newest, version)
            if known is not None:
                add(self.compared.state, {name: digest(path, known)})
        deleted_after = read is not None and known is None and version == (self._export.time, 1)
        if version[0] > self._export.time or deleted_after:
            self.compared.newer += 1
            return Right(path, known, None, True)
        if (read is None and known is None) or (read is not None and known is not None and same(read, known)):
            return Right(path, read, None, is_fresh)
        reason = self._undecided(path, name, read, held)
        if reason is not None:
            self.compared.undecided[reason] = self.compared.undecided.get(reason, 0) + 1
            return Right(path, known, None, is_fresh)
        return Right(path, read, Finding(path, self._kind(version, read, known), version), is_fresh)

    def _undecided(self, path: str, name: str, read: Document | None, held: tuple[Any, ...] | None) -> str | None:
        export = self._export
        if path in export.unreadable or (read is None and export.has_unknown):
            return UNREADABLE
        if read is None:
            return None if self._is_whole or name in export.collections else NO_COLLECTION
        if held is None:
            return FORGOTTEN if self._is_old else None
        return DELETED_SINCE if held[1] is None and held[2] > export.time else None

    def _kind(self, version: Version, read: Document | None, known: Document | None) -> str:
        as_of_it = version[0] == self._export.time
        if read is None:
            return "unknown-document" if as_of_it else "lost-deletion"
        if known is None:
            return "lost-creation"
        return "wrong-content" if as_of_it else "lost-change"


def _merged(
    export: Iterator[Read], state: Iterator[Held]
) -> Iterator[tuple[str, Document | None, tuple[Any, ...] | None]]:
    read, held = next(export, None), next(state, None)
    while read is not None or held is not None:
        ours = None if read is None else read[0].encode()
        theirs = None if held is None else held[0].encode()
        if read is not None and (theirs is None or (ours is not None and ours < theirs)):
            yield read[0], read[1], None
            read = next(export, None)
        elif held is not None and (ours is None or (theirs is not None and theirs < ours)):
            yield held[0], None, held[1]
            held = next(state, None)
        elif read is not None and held is not None:
            yield read[0], read[1], held[1]
            read, held = next(export, None), next(state, None)


def _version(path: str, version: Any) -> Version:
    micros, tie, *_ = version
    if micros >= POSITIONS:
        what = (
            f"the changes of {path!r:.200} are ordered by a position, which does not compare with the time of an export"
        )
        raise UsageError("wrong-usage", what, fix="Begin the job again from the export.")
    return micros, tie


def _unmarked(fields: Any) -> Document | None:
    if fields is None or MARK not in fields:
        found: Document | None = fields
        return found
    return {n: v for n, v in fields.items() if n != MARK}
