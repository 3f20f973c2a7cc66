"""`cat`: the documents of an export as JSON Lines."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from typing import Any

from .command import DONE, WITH_DEAD_LETTERS, Command


def _arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("export")
    command.add_argument(
        "--collection", help="only documents of this collection, such as users or prices/{symbol}/daily"
    )
    command.add_argument("--sort", action="store_true", help="in Firestore's document order")


def _cat(arguments: argparse.Namespace) -> int:
    from ..connect import open_source
    from ..core.change import DeadLetter
    from ..core.collection import Collection, Projection
    from ..core.values import path_order
    from ..formats.typed_json import encode_fields

    projection = Projection(((Collection(arguments.collection), None),)) if arguments.collection else None
    source = open_source(arguments.export)
    failed = 0

    def documents() -> Iterable[tuple[str, Any]]:
        nonlocal failed
        for partition in source.partitions():
            reader = source.open(partition, projection=projection)
            while (batch := reader.next_batch()) is not None:
                for item in batch:
                    if isinstance(item, DeadLetter):
                        failed += 1
                        print(f"onto-flow: {item.key}: {item.reason}", file=sys.stderr)
                    else:
                        yield item.path, item.after
            reader.close()

    found = sorted(documents(), key=lambda d: path_order(d[0])) if arguments.sort else documents()
    for path, fields in found:
        print(json.dumps({"path": path, "fields": encode_fields(fields)}, ensure_ascii=False))
    return WITH_DEAD_LETTERS if failed else DONE


CAT = Command("cat", "the documents of an export as JSON Lines, lossless", _arguments, _cat)
