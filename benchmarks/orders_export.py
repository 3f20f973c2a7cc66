"""Synthetic orders: a seeded export, written once with the project's own writer and kept in the temporary folder.

.venv/bin/python benchmarks/orders_export.py [MEGABYTES]

About 640 bytes and 25 values a document: nested maps, arrays, timestamps, references, geo points, integers of all sizes;
20 top-level fields, of which some are missing, null, or of two types.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from onto_flow.core.values import GeoPoint, Reference
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.leveldb_log import LogWriter, read_records
from onto_flow.sources.firestore_export import FirestoreExport

FIELDS = [
    "number",
    "status",
    "created",
    "updated",
    "customer",
    "name",
    "email",
    "total",
    "currency",
    "paid",
    "tags",
    "address",
    "items",
    "note",
    "coupon",
    "shipped",
    "weight",
    "channel",
    "rating",
    "gift",
]
TWO = ("status", "total")
DOCUMENT_BYTES = 640
SMALL_BYTES = 70_000
VERSION = 1
"""Is raised when the documents change, so that no older export is taken for them."""

_EPOCH = datetime(2024, 1, 1, tzinfo=timezone.utc)
_WORDS = [
    "harbour",
    "lamp",
    "copper",
    "quiet",
    "meadow",
    "glass",
    "number",
    "seven",
    "linen",
    "river",
    "stone",
    "über",
    "café",
    "東京",
    "bright",
    "oak",
]
_CITIES = ("Berlin", "Zürich", "Lyon", "Porto", "Kraków", "Gent", "Oslo", "Turin")


def orders(count: int, seed: int = 7) -> Iterator[tuple[str, dict[str, Any]]]:
    """Paths and fields."""
    rng = random.Random(seed)
    for number in range(count):
        yield f"orders/{rng.getrandbits(100):025x}", _order(rng, number)


def _order(rng: random.Random, number: int) -> dict[str, Any]:
    chance = rng.random
    created = _EPOCH + timedelta(microseconds=int(chance() * 3e13))
    customer = int(chance() * 50_000)
    order: dict[str, Any] = {
        "number": number,
        "status": rng.choice(("open", "paid", "packed", "shipped", "returned")),
        "created": created,
        "updated": created + timedelta(seconds=int(chance() * 1e6)),
        "customer": Reference(f"customers/c{customer:06d}"),
        "name": f"{rng.choice(_WORDS).title()} {rng.choice(_WORDS).title()}",
        "email": f"user{customer}@example.com",
        "total": int(chance() * 300) if chance() < 0.05 else round(chance() * 300, 2),
        "currency": "EUR",
        "paid": chance() < 0.8,
        "tags": rng.sample(_WORDS, int(chance() * 3)),
        "address": {
            "street": f"{rng.choice(_WORDS).title()}straße {int(chance() * 200)}",
            "city": rng.choice(_CITIES),
            "position": GeoPoint(round(40 + 15 * chance(), 5), round(20 * chance() - 2, 5)),
        },
        "items": [
            {
                "sku": f"SKU-{int(chance() * 9000):04d}",
                "quantity": int(1 + chance() * 4),
                "price": round(chance() * 80, 2),
            }
            for _ in range(1 + (chance() < 0.3))
        ],
    }
    if chance() < 0.4:
        order["note"] = " ".join(rng.choices(_WORDS, k=int(3 + chance() * 12)))
    order["coupon"] = None if chance() < 0.7 else f"SAVE{int(chance() * 30)}"
    order["shipped"] = created + timedelta(days=2) if chance() < 0.6 else None
    if chance() < 0.5:
        order["weight"] = round(chance() * 20, 3)
    order["channel"] = rng.choice(("web", "app", "shop"))
    if chance() < 0.3:
        order["rating"] = str(int(chance() * 6)) if chance() < 0.02 else int(chance() * 6)
    if chance() < 0.1:
        order["gift"] = True
    return order


def cached(name: str) -> Path:
    """Where something is kept between runs."""
    return Path(tempfile.gettempdir()) / f"onto_flow-benchmarks-{os.getuid()}" / f"{name}-v{VERSION}"


def orders_export(megabytes: int = 200) -> Path:
    """An export of so many documents that it is about as large, 5,000 in a file as the emulator writes them."""
    place = cached(f"orders-{megabytes}")
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        write_export(place, orders(megabytes * 1_000_000 // DOCUMENT_BYTES))
    return place


def one_file(source: Path) -> Path:
    """The records of an export in one file, without metadata."""
    return written(source.with_name(f"{source.name}-one"), [records_of(source)])


def several_times(source: Path, times: int) -> Path:
    """The files of an export several times, without metadata and without room of their own."""
    place = source.with_name(f"{source.name}-{times}-times")
    if not place.exists():
        place.mkdir()
        layout = FirestoreExport(source).layout
        for index, file in enumerate(list(layout.files) * times):
            os.link(str(layout.root / file.name), place / f"output-{index}")
    return place


def small_files(source: Path, count: int) -> Path:
    """The first records of an export in small files, as production writes them since 2024."""
    return written(source.with_name(f"{source.name}-{count}-small"), _parts(records_of(source), count))


def records_of(place: Path) -> Iterator[bytes]:
    """The records of an export."""
    export = FirestoreExport(place)
    for output in export.layout.files:
        with (export.layout.root / output.name).open("rb") as file:
            for _, _, record in read_records(file):
                yield record


def _parts(records: Iterator[bytes], count: int) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    for record in records:
        part.append(record)
        if sum(map(len, part)) >= SMALL_BYTES:
            yield part
            part, count = [], count - 1
            if not count:
                return


def written(place: Path, parts: Iterable[Iterable[bytes]]) -> Path:
    if not place.exists():
        making = place.with_name(f"{place.name}.part")
        making.mkdir(parents=True, exist_ok=True)
        for index, records in enumerate(parts):
            with (making / f"output-{index}").open("wb") as file:
                log = LogWriter(file)
                for record in records:
                    log.write(record)
        making.rename(place)
    return place


if __name__ == "__main__":
    export = orders_export(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
    for made in (export, one_file(export), small_files(export, 100)):
        files = [f for f in made.rglob("output-*") if f.is_file()]
        print(f"{made}: {len(files)} files, {sum(f.stat().st_size for f in files):,} bytes")
