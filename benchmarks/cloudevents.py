"""CloudEvents to changes, both sides: per CPU-second, beside what a team writes itself, in the same process and in turn.

Events are updates of order documents. In one set three of eleven fields changed, as an update does; in the other all of
them: nothing is shared. Peers: google-events' class (upb) walked to two dictionaries, and `json.loads` (or orjson) with a
decoder of typed JSON as short as it can be. They check nothing, and leave references as they are. Where the compiled
decoders were not built, what is called compiled is Python too.

    .venv/bin/python benchmarks/cloudevents.py [EVENTS] [RUNS]
"""

from __future__ import annotations

import json
import random
import statistics
import string
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
from google.events.cloud.firestore_v1 import DocumentEventData

from onto_flow.core.change import Change
from onto_flow.core.values import Reference
from onto_flow.formats import decode, encode_change, event_body, json_text, typed_json_decoder
from onto_flow.formats.cloudevents_writer import encode_binary

UPB: Any = DocumentEventData.pb()
NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
CHUNK = 50


def order(chance: random.Random) -> dict[str, Any]:
    def word(length: int) -> str:
        return "".join(chance.choices(string.ascii_lowercase, k=length))

    return {
        "customer": Reference(f"customers/{word(20)}"),
        "status": chance.choice(["open", "paid", "sent"]),
        "total": round(chance.random() * 500, 2),
        "currency": chance.choice(["EUR", "USD"]),
        "placedAt": NOON - timedelta(microseconds=chance.randrange(10**12)),
        "paid": chance.random() < 0.5,
        "items": chance.randrange(10),
        "tags": [word(7), word(4)],
        "note": word(40),
        "address": {
            "street": word(15),
            "city": word(6),
            "zip": str(chance.randrange(99999)),
        },
        "lines": [{"sku": word(8), "quantity": chance.randrange(5), "price": chance.random() * 50} for _ in range(2)],
    }


def changes(count: int, everything: bool) -> list[Change]:
    chance = random.Random(1)
    made = []
    for n in range(count):
        before = order(chance)
        after = order(chance) if everything else before | {"status": "sent", "items": 12, "total": n + 0.5}
        version = 1_714_564_800_000_000 + n
        made.append(Change(f"orders/o{n}", before, after, (version, 0), NOON, (version - 10**9, 0)))
    return made


def walked(value: Any) -> Any:
    kind = value.WhichOneof("value_type")
    if kind == "map_value":
        return {k: walked(v) for k, v in value.map_value.fields.items()}
    if kind == "array_value":
        return [walked(v) for v in value.array_value.values]
    if kind == "timestamp_value":
        return value.timestamp_value.ToDatetime(timezone.utc)
    return getattr(value, kind)


def by_upb(event: tuple[bytes, dict[str, str]]) -> Any:
    message = UPB.FromString(event[0])
    return [{k: walked(v) for k, v in side.fields.items()} for side in (message.value, message.old_value)]


def naive(typed: Any) -> Any:
    ((kind, content),) = typed.items()
    if kind == "mapValue":
        return {k: naive(v) for k, v in content.get("fields", {}).items()}
    if kind == "arrayValue":
        return [naive(v) for v in content.get("values", ())]
    if kind == "integerValue":
        return int(content)
    if kind == "timestampValue":
        return datetime.fromisoformat(content.replace("Z", "+00:00"))
    return content


def by_hand(loads: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def read(event: bytes) -> Any:
        data = loads(event)["data"]
        return [{k: naive(v) for k, v in data[side]["fields"].items()} for side in ("value", "oldValue")]

    return read


def without(**missing: Any) -> Callable[[Any], Change]:
    """`decode` without orjson, without the compiled decoders, or without both."""

    def read(event: Any) -> Change:
        kept = json_text.orjson, typed_json_decoder.extension, event_body.extension
        json_text.orjson = missing.get("orjson", kept[0])
        typed_json_decoder.extension = event_body.extension = missing.get("native", kept[1])
        try:
            return decode(*event) if isinstance(event, tuple) else decode(event)
        finally:
            json_text.orjson, typed_json_decoder.extension, event_body.extension = kept

    return read


def compare(events: list[Any], ways: dict[str, Callable[[Any], Any]], runs: int) -> None:
    """Prints events per CPU-second, medians of the runs, and how often the first way's; all ways take turns."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        seconds = dict.fromkeys(ways, 0.0)
        for start in range(0, len(events), CHUNK):
            for name, way in ways.items():
                begun = time.thread_time()
                for event in events[start : start + CHUNK]:
                    way(event)
                seconds[name] += time.thread_time() - begun
        for name in ways:
            rates[name].append(len(events) / seconds[name])
    first = rates[next(iter(ways))]
    for name, found in rates.items():
        times = statistics.median(a / b for a, b in zip(found, first))
        print(f"  {name:38} {statistics.median(found):9,.0f} events per CPU-second, {times:.2f} times")


def main() -> None:
    count, runs = [int(a) for a in sys.argv[1:]] + [2000, 7][len(sys.argv) - 1 :]
    for everything in (False, True):
        made = changes(count, everything)
        bodies = [encode_binary(c) for c in made]
        texts = [json.dumps(encode_change(c), separators=(",", ":")).encode() for c in made]
        in_python, by_library = without(native=lambda: None), without(orjson=None)
        for way in (in_python, by_library, without()):
            assert [way(b) for b in bodies] == [way(t) for t in texts] == made
        changed = "all fields" if everything else "three of eleven fields"
        print(f"{changed} changed; {len(bodies[0][0])} bytes of protobuf, {len(texts[0])} bytes of JSON")
        compare(
            bodies,
            {
                "google-events (upb) to dictionaries": by_upb,
                "onto_flow, compiled, to a change": lambda e: decode(*e),
                "onto_flow in Python, to a change": in_python,
            },
            runs,
        )
        compare(
            texts,
            {
                "orjson and a short decoder": by_hand(orjson.loads),
                "json.loads and a short decoder": by_hand(json.loads),
                "onto_flow, compiled, to a change": decode,
                "the same, without orjson": by_library,
                "onto_flow in Python, to a change": in_python,
            },
            runs,
        )


if __name__ == "__main__":
    main()
