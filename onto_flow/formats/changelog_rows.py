"""Rows of the change log that the BigQuery export extension of Firebase keeps (`<table>_raw_changelog`), as JSON.

The version of a row is (timestamp, 0), of a DELETE (timestamp, 1): the timestamp is the time of the event. An IMPORT row is
stamped with the time at which the import ran, so it may have read a document before a live change that has an earlier stamp;
it ranks below every live row of its document. Rows that came twice have the same stamp. Source: firebase/extensions,
`firestore-bigquery-export` and its import script; BigQuery's documentation of JSON exports.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from ..core.change import Change
from ..core.errors import DataError
from ..core.values import EPOCH, Document, to_micros
from .event_sides import refuse, thin
from .feed_versions import RULES, Operation
from .json_text import parse_json
from .names import split_name
from .plain_json import read_admin
from .times import parse_time

_RULE = RULES["changelog"]
_OPERATIONS: dict[str, Operation] = {"CREATE": "create", "UPDATE": "update", "DELETE": "delete", "IMPORT": "snapshot"}
_DATETIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?: ?(?:UTC|Z|\+00(?::?00)?))?", re.ASCII)
_SECONDS = re.compile(r"-?\d{1,12}(\.\d{1,12})?([Ee]\+?\d{1,2})?", re.ASCII)


def is_row(content: Mapping[str, Any]) -> bool:
    """Whether a JSON object is such a row."""
    return "document_name" in content and "operation" in content


def row_change(row: Mapping[str, Any]) -> Change:
    """The change of a row.

    Raises:
        DataError: `bad-change`, `thin-event`, `bad-value`, `too-deep`, with the column.
    """
    word = row["operation"]
    operation = _OPERATIONS.get(word) if isinstance(word, str) else None
    if operation is None:
        refuse(f"{word!r:.80} is not an operation", "$.operation", f"Known: {', '.join(_OPERATIONS)}.")
    path = split_name(row["document_name"])[1]
    time = bigquery_time(row.get("timestamp"), "$.timestamp")
    after = None if operation == "delete" else _document(row.get("data"), "$.data")
    if after is None and operation != "delete":
        raise thin(path, "no data", "$.data")
    before = _document(row.get("old_data"), "$.old_data")
    return Change(path, before, after, _RULE.version(operation, to_micros(time)), time)


def _document(text: Any, where: str) -> Document | None:
    """A column of type STRING that holds JSON, or of type JSON."""
    if isinstance(text, str):
        try:
            text = parse_json(text, numbers=True)
        except DataError as error:
            raise DataError(error.code, error.what, where=where) from error
    return None if text is None else read_admin(text, where)


def bigquery_time(value: Any, where: str) -> datetime:
    """A TIMESTAMP as BigQuery's tools print it: RFC 3339, `2024-05-01 12:00:00.5 UTC`, or seconds since 1970.

    Raises:
        DataError: `bad-change`.

    Example:
        >>> [bigquery_time(t, "$").isoformat() for t in ("2024-05-01 12:00:00.25 UTC", "1.71456480025E9")]
        ['2024-05-01T12:00:00.250000+00:00', '2024-05-01T12:00:00.250000+00:00']
    """
    text = value if isinstance(value, str) else repr(value) if type(value) in (int, float) else ""
    try:
        if match := _DATETIME.fullmatch(text):
            return parse_time(f"{match[1]}T{match[2]}Z")
        if _SECONDS.fullmatch(text):
            return EPOCH + timedelta(microseconds=int(Decimal(text) * 1_000_000))
        return parse_time(text)
    except (DataError, OverflowError, InvalidOperation) as error:
        raise DataError("bad-change", f"{value!r:.80} is not a time as BigQuery prints it", where=where) from error
