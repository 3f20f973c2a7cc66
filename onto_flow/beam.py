"""Apache Beam's transforms for views: documents and changes in, view documents out, in any pipeline.

    import apache_beam as beam
    from onto_flow.beam import Backfill, ReadExport, WriteViewTable

    with beam.Pipeline() as pipeline:
        sessions = pipeline | ReadExport("exports/2026-11-26") | Backfill(MeetingSession)
        sessions | WriteViewTable("parquet:tables", MeetingSession)

What a transform gives is piped on as its main collection, and has `dead_letters` beside it. Views, sources and sinks are
named by import path and URI, and are opened on the workers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

try:
    import apache_beam as _beam
except ModuleNotFoundError as _error:  # pragma: no cover - where Beam is not installed
    from .core.errors import EngineError

    raise EngineError(
        "missing-extra", f"onto_flow.beam needs the package {_error.name}", fix="pip install 'onto-flow[beam]'"
    ) from _error

from .connect import check_writers, open_sink, open_source, open_writer
from .core.change import Change as Change
from .core.change import DeadLetter as DeadLetter
from .core.change import ViewChange as ViewChange
from .core.collection import Collection, Projection
from .core.errors import EngineError, SourceLine, UsageError
from .engines.beam import Engine as Engine
from .engines.beam.backfill import SHARDS, refusals
from .engines.beam.decode import DecodeMessages
from .engines.beam.elements import Backfilled as Backfilled
from .engines.beam.elements import Decoded as Decoded
from .engines.beam.elements import Documents as Documents
from .engines.beam.loading import read_load
from .engines.beam.maintain import Load as Load
from .engines.beam.maintain import Maintained as Maintained
from .engines.beam.maintain import MaintainPlan
from .engines.beam.rows import RowsOf, row_of
from .engines.beam.rows import ViewRow as ViewRow
from .engines.beam.seeds import SeedsAt
from .engines.beam.transforms import BackfillViews, ReadDocuments
from .engines.beam.udfs import CallUdf
from .engines.beam.write_table import Shared, WriteTables
from .formats.events import EventReader
from .formats.mapping import Mapped, load_mapping
from .model.annotations import resolve, returned
from .model.compile import plan_views
from .model.fingerprint import fingerprint
from .model.vectorised import Vectorised, vectorised
from .plan.wire import not_portable
from .sinks.base import Table
from .sources.line_contents import EventContents
from .streams import open_selected


class ReadExport(ReadDocuments):
    """The documents of an export, or of any source of documents, as `Change`s.

    An export is read by ranges of blocks that the runner may split while they are read; other sources by their parts.
    What cannot be decoded is in `dead_letters`. A job fails where the number of documents is not what the export says.

    Args:
        uri: A source as the tool takes it: the folder of an export, `gs://...`, `jsonl:FILE`, `parquet:DIR`, ... It is
            opened when the job runs.
        collections: Which collections are wanted (`users`, `stocks/{symbol}/daily`); all of them when left out.
        fields: Collection -> the top-level fields that are wanted of its documents; all of them for other collections.
        views: In place of both: what these views read.
        splittable: Whether the runner knows splittable DoFns and batches. `BundleBasedDirectRunner` does not.

    Example:
        >>> with beam.Pipeline(runner=RUNNER) as pipeline:
        ...     documents = pipeline | ReadExport(EXPORT, ["locations"], {"locations": ["name"]})
        ...     _ = documents | beam.Map(lambda document: print(document.path, document.after))
        locations/attic {'name': 'Attic'}
        locations/cellar {'name': 'Cellar'}
    """

    def __init__(
        self,
        uri: str,
        collections: Iterable[str] | None = None,
        fields: Mapping[str, Iterable[str]] | None = None,
        *,
        views: Sequence[type] = (),
        splittable: bool = True,
    ) -> None:
        if views and (collections is not None or fields):
            raise UsageError("wrong-usage", "views say which collections and fields are wanted: give either")
        wanted = plan_views(*views).projection if views else _projection(collections, fields)
        super().__init__(partial(open_source, uri), projection=wanted, splittable=splittable)


class Decode(DecodeMessages):
    """Messages of a change feed -> `Change`s; what cannot be read is in `dead_letters`, whole.

    An element is the bytes of a message, or a `PubsubMessage` with its attributes.

    Args:
        format: What all messages are (`cloudevents`, `background`, `changelog`, `debezium`); by default each tells.
        mapping: A file, or its content, that says how to read messages that a team made up.

    Example:
        >>> row = b'{"document_name": "users/u1", "operation": "UPDATE", "timestamp": "2026-05-01T12:00:00Z", ' \\
        ...     b'"data": "{\\\\"name\\\\": \\\\"Ada\\\\"}"}'
        >>> with beam.Pipeline(runner=RUNNER) as pipeline:
        ...     changes = pipeline | beam.Create([row, b"???"]) | Decode()
        ...     _ = changes | beam.Map(lambda change: (change.path, change.after)) | "show" >> beam.Map(print)
        ...     _ = changes.dead_letters | beam.Map(lambda letter: print(letter.reason[:10]))
        ('users/u1', {'name': 'Ada'})
        bad-change
    """

    def __init__(self, format: str = "", mapping: str | Path | Mapped | None = None) -> None:
        mapped = load_mapping(mapping) if isinstance(mapping, (str, Path)) else mapping
        EventReader(format, mapped)
        super().__init__(partial(_contents, format, mapped))


class ReadChanges(_beam.PTransform):
    """The changes that come on a subscription of Pub/Sub, decoded.

    Args:
        subscription: `pubsub://PROJECT/SUBSCRIPTION`, or its full name.
        format, mapping: As for `Decode`.

    Example:
        >>> pipeline = beam.Pipeline(options=PipelineOptions(streaming=True))
        >>> changes = pipeline | ReadChanges("pubsub://my-shop/changes")
        >>> changes.changes.element_type
        <class 'onto_flow.core.change.Change'>
    """

    def __init__(self, subscription: str, format: str = "", mapping: str | Path | Mapped | None = None) -> None:
        super().__init__()
        project, _, name = subscription.removeprefix("pubsub://").partition("/")
        full = f"projects/{project}/subscriptions/{name}"
        self._subscription = full if subscription.startswith("pubsub://") else subscription
        self._decode = Decode(format, mapping)

    def expand(self, begin: Any) -> Decoded:
        """Reads with attributes, which CloudEvents need."""
        from apache_beam.io import ReadFromPubSub

        read = ReadFromPubSub(subscription=self._subscription, with_attributes=True)
        decoded: Decoded = begin | "messages" >> read | "decode" >> self._decode
        return decoded


class Backfill(BackfillViews):
    """Documents (`Change`s) -> the view documents (`ViewChange`s) of some views.

    No state is kept, so none can be written as seeds for a stream: of bounded documents
    `Maintain(View, ..., seeds=URI, snapshot=TIME, generation=NOW)` gives the same views and writes them, slower.

    Documents travel to shards of roots in a few big values, and each shard is computed as the embedded
    engine computes a backfill (`docs/beam.md`).

    Args:
        views: View models.
        shards: How many shards the roots are dealt to: so many that the documents of one fit into a worker's memory.
            One means no joins between shards at all, and is the quickest where all documents fit.
        generation: The first part of view versions; by default the time at which the job runs.

    Raises:
        EngineError: `engine-refused` for views that need the plan with state (`Maintain`), with what they say.

    Example:
        >>> with beam.Pipeline(runner=RUNNER) as pipeline:
        ...     sessions = pipeline | ReadExport(EXPORT) | Backfill(MeetingSession, shards=1)
        ...     _ = sessions | beam.Map(lambda change: print(change.path, len(change.new["attending"])))
        meetingSessions/retro 2
        meetingSessions/standup 2
    """

    def __init__(self, *views: type, shards: int = SHARDS, generation: int | None = None) -> None:
        plan = plan_views(*views)
        unknown = [f"the batch plan does not know {what}" for what in refusals(plan)]
        unknown += [f"{path} is known to this process alone: define it in a module" for path in not_portable(plan)]
        if unknown:
            fix = "Use Maintain, or `onto-flow backfill --engine beam`, which keep state."
            raise EngineError("engine-refused", "; ".join(unknown), fix=fix)
        super().__init__(plan, shards=shards, generation=generation)


class Maintain(MaintainPlan):
    """Changes -> changes of view documents (`ViewChange`s), with state per key: any views, batch or stream.

    Args:
        views: View models.
        options: `load`, `snapshot` and what else `engines.beam.maintain.MaintainPlan` takes.

    Raises:
        EngineError: `engine-refused` for views that change by time alone, or that workers cannot import.

    Example:
        >>> with beam.Pipeline(runner=RUNNER) as pipeline:
        ...     changes = pipeline | beam.Create([Change("locations/attic", None, {"name": "Loft"}, (9, 0))])
        ...     documents = pipeline | ReadExport(EXPORT)
        ...     both = (documents.documents, changes) | beam.Flatten()
        ...     lofts = both | Maintain(MeetingSession) | beam.Filter(lambda change: change.new["address"] == "Loft")
        ...     _ = lofts | beam.Map(lambda change: print(change.path, change.new["address"]))
        meetingSessions/standup Loft
    """

    def __init__(self, *views: type, **options: Any) -> None:
        made_by = {view.__name__: fingerprint(view) for view in views} if options.get("seeds") else {}
        super().__init__(plan_views(*views), fingerprints=made_by, **options)


def begin_with(pipeline: _beam.Pipeline, uri: str, *views: type) -> Load:
    """The load of a stream: all documents of a source that some views read, read in the same pipeline.

    Args:
        pipeline: Whose stream begins with it.
        uri: A source as the tool takes it; it is opened when the job runs.
        views: The views.

    Returns:
        What `Maintain(..., load=...)` takes. The stream is silent until all of it is over.
    """
    plan = plan_views(*views)
    return read_load(pipeline, partial(open_selected, uri, plan.projection), plan)


def begin_with_seeds(uri: str, *views: type) -> Load:
    """The load of a stream: the seeds of a backfill (`onto-flow backfill --engine beam --seeds URI`).

    Args:
        uri: The folder that the backfill named; read on the workers, and where it can be read here, compared here.
        views: The same views, by the same code.

    Returns:
        What `Maintain(..., load=...)` takes. The stream must have a generation that is later than the backfill's, and its
        changes must reach back to the backfill's snapshot. It is silent until all seeds are in, and what it then lets out
        is what has changed since the backfill.
    """
    return Load(seeds=SeedsAt(uri, plan_views(*views), {view.__name__: fingerprint(view) for view in views}))


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


def udf(function: Callable[..., Any]) -> CallUdf:
    """A udf of a view as a step of any pipeline.

    An element is the argument of a udf of one parameter; else a mapping or row with fields of the parameters' names, or a
    tuple. A udf that takes columns is called for a batch of elements at a time.

    Args:
        function: `View.name` of a `@udf` staticmethod, or any function of a module.

    Example:
        >>> with beam.Pipeline(runner=RUNNER) as pipeline:
        ...     lists = pipeline | beam.Create([[Attendee("Ada", "Acme", True), Attendee("Bob", "Acme", False)]])
        ...     _ = lists | udf(MeetingSession.num_hearing_aid_requested) | beam.Map(print)
        1
    """
    names = list(inspect.signature(function).parameters)
    owner = getattr(getattr(function, "__onto_flow_udf__", None), "owner", None) or object
    found = _found(function, owner)
    columns = isinstance(found, Vectorised)
    returns = (found.__annotations__["return"] if columns else returned(function, owner)) or Any
    annotation = getattr(function, "__annotations__", {}).get(names[0]) if len(names) == 1 and not columns else None
    takes = resolve(annotation, getattr(function, "__globals__", {}), owner) or Any
    return CallUdf(function.__name__, partial(_found, function, owner), names, takes, returns, columns=columns)


def _found(function: Callable[..., Any], owner: type) -> Any:
    return vectorised(function.__name__, function, owner, SourceLine("", 0))


def _contents(format: str, mapping: Mapped | None) -> EventContents:
    return EventContents(EventReader(format, mapping), None, joined=False)


def _projection(collections: Iterable[str] | None, fields: Mapping[str, Iterable[str]] | None) -> Projection | None:
    wanted = {name: tuple(names) for name, names in (fields or {}).items()}
    if collections is None:
        if wanted:
            raise UsageError("wrong-usage", "fields are given without collections: say which collections are wanted")
        return None
    named: Sequence[str] = list(dict.fromkeys([*collections, *wanted]))
    return Projection(tuple((Collection(name), wanted.get(name)) for name in named))
