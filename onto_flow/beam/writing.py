"""What becomes of view documents: tables of a sink, rows with a schema."""

from __future__ import annotations

from functools import partial
from typing import Any

import apache_beam as _beam

from ..connect import check_writers, open_sink, open_writer
from ..core.errors import UsageError
from ..engines.beam.rows import RowsOf, ViewRow, row_of
from ..engines.beam.write_table import Shared, WriteTables
from ..model.compile import plan_views
from ..sinks.base import Table


class WriteViewTable(WriteTables):
    """View changes -> a sink of the tool's; gives dead letters.

    What is written passed a `GroupByKey` or the gate of `Maintain` before, so it is durable. A bounded job's tables are
    written and published by one worker, once all changes are known; a stream's are written as they come, by all workers, to
    a sink that takes several writers: `firestore://...`, `bigquery://...`, on this machine `jsonl:FILE` too.

    Args:
        uri: A sink: `parquet:DIR`, `jsonl:FILE`, `sqlite:FILE`, `postgresql://...`. Opened on workers.
        views: The views whose tables are written.

    Example:
        >>> with beam.Pipeline(runner=RUNNER) as pipeline:
        ...     sessions = pipeline | ReadExport(EXPORT) | Backfill(MeetingSession)
        ...     _ = sessions | WriteViewTable(f"parquet:{FOLDER}", MeetingSession)
        >>> onto_flow.read_table(f"{FOLDER}/meetingSessions").column("__path__").to_pylist()
        ['meetingSessions/retro', 'meetingSessions/standup']
    """

    def __init__(self, uri: str, *views: type) -> None:
        if not views:
            raise UsageError("wrong-usage", "say which views are written: WriteViewTable(uri, MeetingSession)")
        tables = [Table(v.name, v.collection, v.schema) for v in plan_views(*views).views]
        shared = Shared(partial(open_writer, uri), partial(check_writers, uri))
        super().__init__(partial(open_sink, uri), tables, shared)


class ViewRows(_beam.PTransform):
    """View changes -> rows with a schema, for Beam SQL, YAML and DataFrames.

    Args:
        view: The view whose attributes are the columns, beside `path` and `deleted`; when left out, rows are `ViewRow`s,
            which hold a document of any view as JSON text.

    Example:
        >>> with beam.Pipeline(runner=RUNNER) as pipeline:
        ...     sessions = pipeline | ReadExport(EXPORT) | Backfill(MeetingSession, shards=1)
        ...     rows = sessions | ViewRows(MeetingSession)
        ...     _ = rows | beam.Map(lambda row: print(row.path, row.inSession, len(row.attending)))
        meetingSessions/retro True 2
        meetingSessions/standup True 2
    """

    def __init__(self, view: type | None = None) -> None:
        super().__init__()
        self._view = None if view is None else plan_views(view).views[0]

    def expand(self, changes: Any) -> Any:
        """Makes the rows."""
        if self._view is None:
            return changes | "rows" >> _beam.Map(row_of).with_output_types(ViewRow)
        return changes | "columns" >> RowsOf(self._view.name, self._view.schema)
