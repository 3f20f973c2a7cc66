"""What is read: documents of a source, and changes of a feed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as _beam

from ..connect import open_source
from ..core.collection import Collection, Projection
from ..core.errors import UsageError
from ..engines.beam.decode import DecodeMessages
from ..engines.beam.elements import Decoded
from ..engines.beam.transforms import ReadDocuments
from ..formats.events import EventReader
from ..formats.mapping import Mapped, load_mapping
from ..model.compile import plan_views
from ..sources.line_contents import EventContents


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
