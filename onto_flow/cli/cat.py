"""`cat`: the documents of an export as JSON Lines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..core.errors import UsageError
from .command import DONE, WITH_DEAD_LETTERS, Command, Shown, plain

if TYPE_CHECKING:
    from ..core.change import DeadLetter
    from ..sources.base import Source

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def _arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("export", help="an export's folder or URL, or another source: parquet:PLACE, jsonl:FILE")
    command.add_argument(
        "--collection", help="only documents of this collection, such as users or prices/{symbol}/daily"
    )
    command.add_argument(
        "--where",
        metavar="CONDITION",
        action="append",
        default=[],
        help="only documents that meet it, such as 'age >= 18'; of several, all",
    )
    command.add_argument("--fields", metavar="FIELDS", help="only these fields, such as name,address.city")
    command.add_argument("--limit", metavar="N", type=int, help="only so many documents; reading ends with them")
    command.add_argument("--sort", action="store_true", help="in Firestore's document order")
    command.add_argument(
        "--sort-memory",
        metavar="BYTES",
        default="64M",
        help="what sorting holds in memory (default 64M); the rest goes to temporary files",
    )


def _cat(arguments: argparse.Namespace) -> int:
    from ..connect import open_source
    from ..sources.document_lines import DocumentLines

    if arguments.limit is not None and arguments.limit < 0:
        raise UsageError("wrong-usage", f"--limit {arguments.limit}: {arguments.limit} is less than nothing")
    failed = 0
    source = open_source(arguments.export)
    shown = Shown(arguments.quiet or sys.stdout.isatty())

    def tell(letter: DeadLetter) -> None:
        nonlocal failed
        failed += 1
        shown.clear()
        print(plain(f"onto-flow: {letter.key}: {letter.reason}"), file=sys.stderr)

    lines = DocumentLines(
        source,
        collection=arguments.collection,
        where=arguments.where,
        fields=arguments.fields,
        limit=arguments.limit,
        sort=arguments.sort,
        sort_memory=_bytes_of(arguments.sort_memory),
        dead_letters=tell,
        progress=_progress(shown, source) if shown.on else None,
    )
    try:
        for batch in lines.batches():
            sys.stdout.buffer.write(b"".join(batch))
        sys.stdout.buffer.flush()
    finally:
        shown.clear()
    return WITH_DEAD_LETTERS if failed else DONE


def _progress(shown: Shown, source: Source) -> Callable[[int], None]:
    from ..engines.base import Progress

    expected = source.info().documents
    return lambda documents: shown(Progress("reading", documents, expected))


def _bytes_of(text: str) -> int:
    """A number of bytes, such as 64M.

    Raises:
        UsageError: `wrong-usage`.
    """
    number, unit = (text, "") if text[-1:].isdigit() else (text[:-1], text[-1:].lower())
    if not (number.isascii() and number.isdigit()) or unit not in _UNITS:
        raise UsageError("wrong-usage", f"{text!r} is not a number of bytes", fix="Use 64M, 1G or 65536.")
    return int(number) * _UNITS[unit]


CAT = Command("cat", "the documents of an export as JSON Lines, lossless", _arguments, _cat)
