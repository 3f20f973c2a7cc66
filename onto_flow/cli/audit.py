"""`audit`: whether a job has and shows what its documents say, and the changes that make it right."""

from __future__ import annotations

import argparse
import json
import os
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import UsageError
from ..core.options import positive_of
from .command import DONE, VIEWS, WITH_DEAD_LETTERS, Command, plain, say, time_of

if TYPE_CHECKING:
    from ..audit.audit import Audit
    from ..audit.report import Report


def _arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("views", help=VIEWS)
    command.add_argument("--source", required=True, help="an export that was made since, or firestore://PROJECT")
    command.add_argument("--checkpoint", metavar="DIR", help="of a job of the embedded engine, which may go on")
    command.add_argument(
        "--table", metavar="URI", help="the view tables: parquet:, jsonl:, sqlite:, firestore: or postgresql:"
    )
    command.add_argument("--snapshot-time", metavar="TIME", help="when the export was taken (RFC 3339)")
    command.add_argument("--whole-export", action="store_true", help="a collection without documents is empty")
    command.add_argument("--documents-only", action="store_true", help="compute no view: for exports beyond memory")
    command.add_argument(
        "--max-memory",
        metavar="SIZE",
        help="what computing the views may take, as it is estimated (default: what is left)",
    )
    command.add_argument("--since", metavar="URI", help="without checkpoint: an earlier export, of when all was right")
    command.add_argument(
        "--whole-collections", action="store_true", help="without checkpoint: send all of the collections"
    )
    command.add_argument("--now", metavar="TIME", help="declared time of the views stands still there (docs/time.md)")
    command.add_argument("--format", choices=("text", "json"), default="text")
    command.add_argument("--repair", metavar="URI", help="send what is missing to jsonl:FILE or pubsub://PROJECT/TOPIC")
    command.add_argument("--max-changes", metavar="N", default="10000", help="send at most so many (default 10000)")
    command.add_argument("--max-changes-per-second", metavar="N", default="1000", help="not faster (default 1000)")
    command.add_argument(
        "--max-share", metavar="SHARE", default="0.1", help="refuse to send more of the documents (default 0.1)"
    )
    command.add_argument("--receipt", metavar="FILE", help="write what was found and sent there, as JSON")


def _audit(arguments: argparse.Namespace) -> int:
    from ..audit.repair import Bounds, check, open_outlet, repair
    from ..connect import shown

    bounds = Bounds(
        int(positive_of("--max-changes", arguments.max_changes)),
        positive_of("--max-changes-per-second", arguments.max_changes_per_second),
        positive_of("--max-share", arguments.max_share),
    )
    audit = _opened(arguments)
    sent: dict[str, Any] | None = None
    with ExitStack() as opened:
        # Before the comparison, which may take hours.
        outlet = opened.enter_context(closing(open_outlet(arguments.repair))) if arguments.repair else None
        report = audit.run()
        report.source = shown(arguments.source)
        try:
            if outlet is not None and report.changes:
                check(report, bounds)
                sent = repair(audit.plan, report, audit.source, outlet, bounds)
        finally:
            _tell(arguments, report, sent)
    if sent is not None:
        say(f"sent {sent['sent']} changes to {shown(arguments.repair)}; {sent['left']} left", arguments.quiet)
    return DONE if report.is_right else WITH_DEAD_LETTERS


def _opened(arguments: argparse.Namespace) -> Audit:
    from ..audit.audit import Audit
    from ..audit.tables import open_tables
    from ..connect import open_source
    from ..core.values import to_micros
    from ..engines.declared import declared_time
    from ..engines.local.options import memory_of
    from ..model.compile import plan_views
    from ..model.fingerprint import fingerprint
    from ..views import load_views

    for option in ("since", "whole_collections"):
        if arguments.checkpoint and getattr(arguments, option):
            name = option.replace("_", "-")
            raise UsageError("wrong-usage", f"--{name} is for tables alone: a checkpoint says what was lost")
    views = load_views(arguments.views)
    return Audit(
        plan_views(*views),
        open_source(arguments.source),
        checkpoint=Path(arguments.checkpoint) if arguments.checkpoint else None,
        fingerprints={view.__name__: fingerprint(view) for view in views},
        tables=open_tables(arguments.table) if arguments.table else None,
        since=open_source(arguments.since) if arguments.since else None,
        whole_collections=arguments.whole_collections,
        snapshot_time=to_micros(time_of(arguments.snapshot_time)) if arguments.snapshot_time else None,
        whole_export=arguments.whole_export,
        documents_only=arguments.documents_only,
        max_memory=memory_of(arguments.max_memory) if arguments.max_memory else None,
        declared=declared_time(time_of(arguments.now) if arguments.now else None, None, None),
    )


def _tell(arguments: argparse.Namespace, report: Report, sent: dict[str, Any] | None) -> None:
    told = report.as_json() | {"sent": sent}
    if arguments.format == "json":
        print(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        print(plain(report.as_text()))
    if arguments.receipt:
        file = os.open(arguments.receipt, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(file, "w") as receipt:
            json.dump(told, receipt, indent=2, ensure_ascii=False)


AUDIT = Command("audit", "compare a job and its view tables with a later export, and repair them", _arguments, _audit)
