"""A survey as JSON; the form is documented in `docs/inspect.md`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..formats.typed_json import encode_value
from .facts import CollectionSurvey, FieldSurvey, KeySurvey, ReferenceSurvey, SizeSurvey, Survey, TypeSurvey
from .kinds import SHOWN
from .patterns import pattern_of
from .shown import cut

VERSION = 1
"""Rises when something is renamed or taken away; new members may come without that."""


def survey_json(
    survey: Survey, *, examples: bool = True, chosen: Sequence[CollectionSurvey] | None = None
) -> dict[str, Any]:
    """The survey as what `json.dumps` takes; arguments as for `text.survey_text`."""
    some = survey.collections if chosen is None else chosen
    return {
        "version": VERSION,
        "source": survey.source,
        "kind": survey.kind,
        "snapshot_time": survey.snapshot_time,
        "documents": survey.documents,
        "unreadable": survey.unreadable,
        "problems": list(survey.problems) if examples else [],
        "file_bytes": survey.file_bytes,
        "other_documents": survey.other_documents,
        "collections": [_collection(c, examples) for c in some],
        "groups": [
            {"group": g, "collections": len(some), "documents": sum(c.documents for c in some)}
            for g, some in survey.groups.items()
        ],
        "references": [_reference(g) for g in survey.references],
    }


def _collection(one: CollectionSurvey, examples: bool) -> dict[str, Any]:
    return {
        "path": one.pattern,
        "group": one.group,
        "parent": pattern_of(one.parent) if one.parent else None,
        "documents": one.documents,
        "missing_parents": one.phantoms,
        "missing_parents_estimated": one.phantoms_estimated,
        "stored_bytes": _size(one.size, examples),
        "keys": _keys(one.keys, examples),
        "fields": [_field(f, examples) for f in one.fields],
    } | ({"ids": list(one.ids)} if examples else {})


def _size(size: SizeSurvey | None, examples: bool) -> dict[str, Any] | None:
    if size is None:
        return None
    found: dict[str, Any] = {"total": size.total, "median": size.median, "largest": size.largest}
    return found | ({"largest_path": size.largest_path} if examples else {})


def _keys(keys: KeySurvey | None, examples: bool) -> dict[str, Any] | None:
    if keys is None:
        return None
    found: dict[str, Any] = {"distinct": keys.distinct, "estimated": keys.estimated}
    return found | ({"examples": [cut(k) for k in keys.examples]} if examples else {})


def _field(field: FieldSurvey, examples: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "field": field.label,
        "name": field.name,
        "depth": field.depth,
        "of": field.of,
        "present": field.present,
        "nulls": field.nulls,
        "is_document_id": field.own_id,
        "types": [_type(t, examples) for t in field.types],
        "keys": _keys(field.keys, examples),
    }
    return found | ({"examples": [_value(e) for e in field.examples]} if examples else {})


def _type(one: TypeSurvey, examples: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"type": one.word, "count": one.count, "distinct": one.distinct, "estimated": one.estimated}
    if one.shortest is not None:
        found |= {"shortest": one.shortest, "longest": one.longest}
    if examples and one.low is not None:
        found |= {"low": _value(one.low), "high": _value(one.high)}
    return found


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return encode_value(cut(value))
    return encode_value(value[:SHOWN] if isinstance(value, bytes) else value)


def _reference(guess: ReferenceSurvey) -> dict[str, Any]:
    return {
        "collection": pattern_of(guess.source),
        "field": guess.field,
        "keys": guess.keys,
        "many": guess.many,
        "by": guess.by,
        "target": pattern_of(guess.target),
        "target_field": guess.target_field,
        "integers": guess.integers,
        "values": guess.values,
        "distinct": guess.distinct,
        "resolved": round(guess.resolved, 6),
        "distinct_resolved": guess.distinct_resolved,
        "estimated": guess.estimated,
    }
