"""Beam YAML's names for the transforms: rows with schemas in and out; `engines/beam/providers.yaml` lists them.

| transform | takes | gives |
|---|---|---|
| `ReadExport` | – | `documents`: `path`, `fields` (JSON text of Firestore's typed values); `dead_letters` |
| `Backfill` | documents | `views`: the columns of one view, or `ViewRow`s of several; `dead_letters` |
| `Maintain` | rows with a `payload`, the bytes of a message | `views`, `dead_letters` |
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import RowCoder

from .beam import Backfill as _Backfill
from .beam import Decode, ViewRows
from .beam import ReadExport as _ReadExport
from .core.change import BELOW_EVENTS, Change, DeadLetter
from .engines.beam.maintain import MaintainPlan
from .formats.typed_json import decode_fields, encode_fields
from .model.compile import plan_views
from .views import load_views


class DocumentRow(NamedTuple):
    """A document: its path, and its fields as JSON text of Firestore's typed values."""

    path: str
    fields: str


class DeadLetterRow(NamedTuple):
    """What failed: what it is about, why, and what it was, as text."""

    key: str
    reason: str
    payload: str


for _row in (DocumentRow, DeadLetterRow):
    beam.coders.registry.register_coder(_row, RowCoder)


class ReadExport(beam.PTransform):
    """The documents of a source.

    Args:
        uri, collections, fields, splittable: As for `onto_flow.beam.ReadExport`.
    """

    def __init__(
        self,
        uri: str,
        collections: Sequence[str] | None = None,
        fields: Mapping[str, Sequence[str]] | None = None,
        splittable: bool = True,
    ) -> None:
        super().__init__()
        self._read = _ReadExport(uri, collections, fields, splittable=splittable)

    def expand(self, begin: Any) -> dict[str, Any]:
        """Reads, and makes rows."""
        found = begin | "read" >> self._read
        documents = found | "documents" >> beam.Map(_document_row).with_output_types(DocumentRow)
        return {"documents": documents, "dead_letters": _letters(found)}


class Backfill(beam.PTransform):
    """The view documents of documents.

    Args:
        views: `module:Class`, or several.
        shards: As for `onto_flow.beam.Backfill`.
    """

    def __init__(self, views: str | Sequence[str], shards: int = 16) -> None:
        super().__init__()
        self._views = _views(views)
        self._backfill = _Backfill(*self._views, shards=shards)

    def expand(self, documents: Any) -> dict[str, Any]:
        """Computes them, and makes rows."""
        changes = documents | "changes" >> beam.Map(_change).with_output_types(Change)
        return _shown(changes | "backfill" >> self._backfill, self._views)


class Maintain(beam.PTransform):
    """The changes of view documents by the messages of a feed.

    Args:
        views: `module:Class`, or several.
        format: As for `onto_flow.beam.Decode`.
    """

    def __init__(self, views: str | Sequence[str], format: str = "") -> None:
        super().__init__()
        self._views, self._decode = _views(views), Decode(format)

    def expand(self, messages: Any) -> dict[str, Any]:
        """Decodes, computes, and makes rows."""
        decoded = messages | "payload" >> beam.Map(_payload).with_output_types(bytes) | "decode" >> self._decode
        found = decoded | "maintain" >> MaintainPlan(plan_views(*self._views))
        shown = _shown(found, self._views)
        both = (shown["dead_letters"], decoded.dead_letters | "unreadable" >> _letter_rows())
        return {**shown, "dead_letters": both | "all letters" >> beam.Flatten()}


def _views(names: str | Sequence[str]) -> list[type]:
    return [view for name in ([names] if isinstance(names, str) else names) for view in load_views(name)]


def _shown(found: Any, views: Sequence[type]) -> dict[str, Any]:
    if len(views) != 1:
        return {"views": found | "rows" >> ViewRows(), "dead_letters": _letters(found)}
    rows = found | "rows" >> ViewRows(views[0])
    both = (_letters(found), rows.dead_letters | "misfits" >> _letter_rows())
    return {"views": rows.views, "dead_letters": both | "letters of all" >> beam.Flatten()}


def _letters(found: Any) -> Any:
    return found.dead_letters | "letters" >> _letter_rows()


def _letter_rows() -> Any:
    return beam.Map(_letter_row).with_output_types(DeadLetterRow)


def _document_row(document: Change) -> DocumentRow:
    return DocumentRow(document.path, json.dumps(encode_fields(document.after or {}), ensure_ascii=False))


def _change(row: Any) -> Change:
    return Change(row.path, None, decode_fields(json.loads(row.fields), None, "$.fields"), BELOW_EVENTS)


def _payload(row: Any) -> bytes:
    given = row.payload
    return given.encode() if isinstance(given, str) else given


def _letter_row(letter: DeadLetter) -> DeadLetterRow:
    payload = letter.payload
    text = payload.decode(errors="replace") if isinstance(payload, bytes) else "" if payload is None else repr(payload)
    return DeadLetterRow(letter.key, letter.reason, text[:10_000])
