"""Documents of exports, and feeds that a database in use might send after them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from onto_flow.core.change import Change
from onto_flow.core.values import to_micros
from onto_flow.formats import encode_change
from onto_flow.formats.typed_json import decode_fields
from onto_flow.sources.firestore_export import FirestoreExport

Documents = dict[str, Any]
Edit = Callable[[random.Random, str, Mapping[str, Any]], dict[str, Any]]
New = Callable[[random.Random], tuple[str, dict[str, Any]]]


def documents_of(export: Path) -> Documents:
    """Everything that an export holds."""
    source = FirestoreExport(str(export))
    found: Documents = {}
    for partition in source.partitions():
        reader = source.open(partition)
        while (batch := reader.next_batch()) is not None:
            found.update({d.path: d.after for d in batch})
        reader.close()
    return found


def generated_feed(
    documents: Documents,
    changes: int,
    *,
    exported_at: datetime,
    edit: Edit,
    new: New | None = None,
    collections: Sequence[str] = (),
    seed: int = 7,
) -> tuple[list[Change], Documents]:
    """Updates, deletes, re-creations and new documents, and what the documents are in the end.

    The feed begins before the export, so it also tells of versions that the export has overtaken; a tenth of it comes
    twice, and all of it late and out of order.

    Args:
        documents: What the export holds.
        changes: How many changes there are after the export.
        exported_at: When the export was taken.
        edit: The next fields of a document.
        new: A path and its first fields; one change in ten is such a document.
        collections: The top-level collections that change, each as often as the others; all by default.
        seed: Another feed for each.
    """
    chance = random.Random(seed)
    now, last, time = dict(documents), dict(documents), exported_at
    written = dict.fromkeys(documents, exported_at - timedelta(days=1))
    places: dict[str, list[str]] = {}
    for path in sorted(documents):
        places.setdefault(path.partition("/")[0], []).append(path)
    names = sorted(collections or places)
    feed = [
        Change(path, None, edit(chance, path, documents[path]), (to_micros(written[path]) - 1, 0), written[path])
        for path in chance.sample(sorted(documents), min(len(documents), changes // 20))
    ]
    for _ in range(changes):
        time += timedelta(seconds=chance.randint(1, 60))
        path, first = chance.choice(places[chance.choice(names)]), None
        if new is not None and chance.random() < 0.1:
            path, first = new(chance)
        before = now.get(path)
        if path not in last:
            last[path] = first
            places[path.partition("/")[0]].append(path)
        if before is not None and chance.random() < 0.2:
            change = Change(path, before, None, (to_micros(written[path]), 1), time)
            del now[path]
        else:
            after = edit(chance, path, last[path])
            change = Change(path, before, after, (to_micros(time), 0), time)
            now[path] = last[path] = after
            written[path] = time
        feed.append(change)
    feed += chance.choices(feed, k=changes // 10)
    late = sorted(range(len(feed)), key=lambda at: at + chance.uniform(0, 40))
    return [feed[at] for at in late], now


def write_feed(file: Path, feed: Sequence[Change]) -> str:
    """Writes a feed as CloudEvents, one a line; returns the file's name."""
    file.write_text("".join(json.dumps(encode_change(c)) + "\n" for c in feed))
    return str(file)


def parquet_table(folder: Path, collection: str) -> Documents:
    """What a `parquet:` sink shows: path -> view document."""
    rows = pq.read_table(folder / collection).to_pylist()
    return {row.pop("__path__"): row for row in rows}


def jsonl_tables(file: Path) -> dict[str, Documents]:
    """What the lines of a `jsonl:` sink come to: view -> path -> view document."""
    newest: dict[tuple[str, str], Any] = {}
    for line in file.read_text().splitlines():
        change = json.loads(line)
        held = newest.get((change["view"], change["path"]))
        if held is None or held["version"] < change["version"]:
            newest[change["view"], change["path"]] = change
    tables: dict[str, Documents] = {}
    for (view, path), change in newest.items():
        if change["new"] is not None:
            tables.setdefault(view, {})[path] = decode_fields(change["new"])
    return tables
