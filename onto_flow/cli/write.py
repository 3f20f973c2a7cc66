"""`write`: documents, from standard input or a source, become an export or a database."""

from __future__ import annotations

import argparse
import select
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from .command import DONE, Command, Shown, say, time_of

if TYPE_CHECKING:
    from ..core.values import Document
    from ..sources.base import Source

_LAYOUTS = ("emulator", "production")
_DATABASE = "sqlite:"


def _arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("target", help="a folder or URL of an export, which holds nothing yet, or sqlite:FILE")
    command.add_argument(
        "--source",
        metavar="URI",
        help="where the documents are, such as sqlite:FILE or an export (default: standard input)",
    )
    command.add_argument("--layout", choices=_LAYOUTS, default=_LAYOUTS[0], help="whose export it looks like")
    command.add_argument(
        "--project", default="demo-onto-flow", help="whose documents they are (default demo-onto-flow)"
    )
    command.add_argument("--database", metavar="ID", default="(default)", help="in which database (default (default))")
    command.add_argument(
        "--snapshot-time",
        metavar="TIME",
        help="of the consistent view that they are (RFC 3339; default: what the source says); goes to onto_flow.json",
    )


def _write(arguments: argparse.Namespace) -> int:
    from ..connect import open_source
    from ..sources.jsonl import JsonLines

    source = open_source(arguments.source) if arguments.source else JsonLines("-")
    shown = Shown(arguments.quiet)
    try:
        documents = _documents(source, shown)
        if arguments.target.startswith(_DATABASE):
            count = _to_database(arguments.target, documents)
        else:
            count = _to_export(arguments, source, documents)
    finally:
        shown.clear()
    say(f"{count} documents -> {arguments.target}", arguments.quiet)
    return DONE


def _to_database(uri: str, documents: Iterator[tuple[str, Document]]) -> int:
    from ..database.connect import open_database
    from ..database.embedded import EmbeddedDatabase
    from ..database.embedded.loading import load

    with closing(open_database(uri)) as database:
        assert isinstance(database, EmbeddedDatabase)
        return load(database, documents)


def _to_export(arguments: argparse.Namespace, source: Source, documents: Iterator[tuple[str, Document]]) -> int:
    from ..formats.export_writer import write_export

    said = arguments.snapshot_time
    return write_export(
        arguments.target,
        documents,
        layout=arguments.layout,
        project=f"projects/{arguments.project}/databases/{arguments.database}",
        snapshot_time=time_of(said) if said else source.info().snapshot_time,
    )


def _documents(source: Source, shown: Shown) -> Iterator[tuple[str, Document]]:
    """The documents of a source.

    Raises:
        DataError: One cannot be read, with its line or place: nothing comes of all of them.
    """
    from ..core.change import DeadLetter
    from ..core.errors import DataError
    from ..engines.base import Progress

    for partition in source.partitions():
        with closing(source.open(partition)) as reader:
            while (batch := reader.next_batch()) is not None:
                if not batch and reader.next_wake() is not None:
                    select.select([sys.stdin.buffer], [], [])
                for item in batch:
                    if isinstance(item, DeadLetter):
                        code, _, what = item.reason.partition(": ")
                        raise DataError(
                            code, what, fix="Nothing was written; give lines as `onto-flow cat` prints them."
                        )
                    assert item.after is not None
                    yield item.path, item.after
                shown(Progress("writing", reader.documents_read))


WRITE = Command("write", "an export or a database from documents that cat prints, or of a source", _arguments, _write)
