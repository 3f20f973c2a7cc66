"""`write`: documents as JSON Lines, from standard input, become an export."""

from __future__ import annotations

import argparse
import select
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .command import DONE, Command, Shown, say, time_of

if TYPE_CHECKING:
    from ..core.values import Document

_LAYOUTS = ("emulator", "production")


def _arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("export", help="a folder or URL that holds nothing yet; standard input is as cat prints")
    command.add_argument("--layout", choices=_LAYOUTS, default=_LAYOUTS[0], help="whose export it looks like")
    command.add_argument(
        "--project", default="demo-onto-flow", help="whose documents they are (default demo-onto-flow)"
    )
    command.add_argument("--database", metavar="ID", default="(default)", help="in which database (default (default))")
    command.add_argument(
        "--snapshot-time",
        metavar="TIME",
        help="of the consistent view that they are (RFC 3339); goes to onto_flow.json",
    )


def _write(arguments: argparse.Namespace) -> int:
    from ..formats.export_writer import write_export

    database = f"projects/{arguments.project}/databases/{arguments.database}"
    shown = Shown(arguments.quiet)
    try:
        count = write_export(
            arguments.export,
            _documents(shown),
            layout=arguments.layout,
            project=database,
            snapshot_time=time_of(arguments.snapshot_time) if arguments.snapshot_time else None,
        )
    finally:
        shown.clear()
    say(f"{count} documents -> {arguments.export}", arguments.quiet)
    return DONE


def _documents(shown: Shown) -> Iterator[tuple[str, Document]]:
    """The documents of standard input.

    Raises:
        DataError: A line is none, with its number: no export comes of it.
    """
    from ..core.change import DeadLetter
    from ..core.errors import DataError
    from ..engines.base import Progress
    from ..sources.jsonl import JsonLines

    source = JsonLines("-")
    [partition] = source.partitions()
    reader = source.open(partition)
    while (batch := reader.next_batch()) is not None:
        if not batch:
            select.select([sys.stdin.buffer], [], [])
        for item in batch:
            if isinstance(item, DeadLetter):
                code, _, what = item.reason.partition(": ")
                raise DataError(code, what, fix="Nothing was written; give lines as `onto-flow cat` prints them.")
            assert item.after is not None
            yield item.path, item.after
        shown(Progress("writing", reader.documents_read))


WRITE = Command("write", "an export from the documents that cat prints", _arguments, _write)
