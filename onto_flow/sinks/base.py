"""What a sink is: open tables, write view changes, complete a generation, publish.

Law: a sink is idempotent and keeps the highest version per path, deletions included: writes that are repeated or
reordered never move a view document back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from ..core.change import DeadLetter, ViewChange
from ..core.columns import ViewColumns
from ..core.types import Schema

FAILED = "__failed__"
"""The column that flags documents which are the last good ones of failing code; there while a table has such documents."""


Sharing = Literal["nowhere", "here", "anywhere"]
"""Where several writers may write one table together, each its own documents: nowhere, on one machine, anywhere.

A sink's module says it as `SHARING`, so that it is known before anything is opened. Such a sink takes the option `shared`; a
writer that was opened so makes each publication permanent at once, and may begin a newer generation over an older table:
what is gone goes when one of them completes it, after all of them have written what there is.
"""


@dataclass(frozen=True)
class Table:
    """A view table.

    Attributes:
        view: The view's name: what `ViewChange.view` says.
        collection: Where its documents live; the name of the folder or table.
        schema: The attributes and their types.
    """

    view: str
    collection: str
    schema: Schema


@dataclass(frozen=True)
class SinkCapabilities:
    """What a sink promises.

    Attributes:
        append: Whether it keeps every change, instead of the last document per path.
        atomic_publish: Whether a reader sees a whole published table and never a mix.
        keeps_tables: Whether the tables outlive the process.
        resumes: Whether a generation goes on after a restart from what the sink was given and has published; otherwise
            it must be given the whole table again.
        beside: Whether `publish` may be called in another thread, while `write` is called and nothing else; it shows what
            was written before, and maybe more. For those that wait for a service.
    """

    append: bool = False
    atomic_publish: bool = True
    keeps_tables: bool = True
    resumes: bool = True
    beside: bool = False


@runtime_checkable
class Sink(Protocol):
    """Where view documents go."""

    @property
    def capabilities(self) -> SinkCapabilities:
        """What the sink promises."""

    def open(self, tables: Sequence[Table], generation: int) -> None:
        """Begins a run.

        Args:
            tables: The tables that will be written.
            generation: The first part of the versions to come; recorded by the sink.

        Raises:
            EngineError: `sink-failed` when it cannot be written, or a newer generation has written it.
        """

    def write(self, changes: Sequence[ViewChange]) -> None:
        """Takes view changes; they need not be visible before `publish`."""

    def complete(self) -> None:
        """The tables are complete: documents of older generations that were not written again go."""

    def publish(self) -> Sequence[DeadLetter]:
        """Makes all that was written visible, each table as a whole.

        Returns:
            What a typed table cannot hold, one letter per document; the document is shown without these values. A letter
            is taken back when its document fits.
        """

    def close(self) -> None:
        """Publishes nothing more; lets go of files and connections."""


@runtime_checkable
class Counting(Protocol):
    """A sink whose writes cost: it says what it did."""

    @property
    def operations(self) -> Mapping[str, int]:
        """Kind -> how many: what was read and written, and what was not because it was the same."""


@runtime_checkable
class Succeeding(Protocol):
    """A sink that knows, once it is open, who wrote its tables before."""

    def written_by(self) -> Mapping[str, int]:
        """View -> the generation that has written its table; 0 where none has."""


@runtime_checkable
class ColumnSink(Protocol):
    """A sink that takes whole columns too."""

    def write_columns(self, columns: ViewColumns) -> None:
        """As `Sink.write` of `columns.changes()`."""
