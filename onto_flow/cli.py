"""The tool `onto-flow`.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but with dead letters. Errors are one paragraph on standard error, a
traceback only with `--debug`. What is asked for goes to standard output, everything else to standard error.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from .core.errors import OntoFlowError, UsageError

_ENVIRONMENTS = {"beam": ("apache_beam", ".venv"), "flink": ("pyflink", ".venv-flink")}
DONE, FAILED, WRONG_USAGE, WITH_DEAD_LETTERS = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    parser = _parser()
    known, unknown = parser.parse_known_args(arguments)
    debug = getattr(known, "debug", False)
    try:
        known.engine_options = _engine_options(unknown, parser, allowed=known.takes_engine_options)
        if known.takes_engine_options:
            _go_to_environment(known.engine, sys.argv[1:] if arguments is None else arguments)
        code: int = known.command(known)
        return code
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    except (OntoFlowError, OSError) as error:
        if debug:
            raise
        print(f"onto-flow: {error}", file=sys.stderr)
        return WRONG_USAGE if isinstance(error, UsageError) else FAILED


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    common.add_argument("--quiet", action="store_true", help="no progress")
    parser = argparse.ArgumentParser(prog="onto-flow", description="Maintained views over document databases.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(
        name: str, run: Callable[[argparse.Namespace], int], text: str, engine: bool = False
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, parents=[common])
        command.set_defaults(command=run, takes_engine_options=engine)
        return command

    demo = add("demo", _demo, "the meeting room, end to end: no cloud, no Java")
    demo.add_argument("--keep", metavar="DIR", help="keep the export, the feed and the tables in this (new) folder")
    explain = add("explain", _explain, "what a view reads, where it writes, and the operators that maintain it")
    explain.add_argument("views", help="module:Class, module, or file.py:Class")
    explain.add_argument("--format", choices=("text", "json"), default="text")
    backfill = add("backfill", _backfill, "compute view tables from an export", engine=True)
    _job_arguments(backfill)
    run = add("run", _run, "compute view tables, and keep them right from a feed", engine=True)
    _job_arguments(run)
    run.add_argument("--feed", required=True, help="a file, - for standard input, or jsonl:FILE")
    run.add_argument("--snapshot-time", metavar="TIME", help="when the export was taken (RFC 3339)")
    run.add_argument("--inconsistent-export", action="store_true", help="the export is no consistent view at one time")
    run.add_argument("--publish-every", metavar="SECONDS", type=float, default=10.0)
    cat = add("cat", _cat, "the documents of an export as JSON Lines, lossless")
    cat.add_argument("export")
    cat.add_argument("--collection", help="only documents of this collection, such as users or prices/{symbol}/daily")
    cat.add_argument("--sort", action="store_true", help="in Firestore's document order")
    letters = add("dead-letters", _dead_letters, "what failed: list all, or show one whole")
    letters.add_argument("action", choices=("list", "show"))
    letters.add_argument("key", nargs="?", help="for show: the letter's key, as list prints it")
    letters.add_argument("--file", default=None, help="default: .onto-flow/dead-letters.sqlite")
    return parser


def _job_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("views", help="module:Class, module, or file.py:Class")
    command.add_argument("--source", required=True, help="an export's folder, or jsonl:FILE")
    command.add_argument("--sink", required=True, help="parquet:DIR or jsonl:FILE")
    command.add_argument("--engine", default="local", help="local (default), beam or flink")
    command.add_argument("--dead-letters", metavar="FILE", help="default: .onto-flow/dead-letters.sqlite")


def _engine_options(unknown: Sequence[str], parser: argparse.ArgumentParser, *, allowed: bool) -> dict[str, Any]:
    """`--name value`, `--name=value` and `--flag`, as they are, for the engine."""
    options: dict[str, Any] = {}
    waiting = list(unknown)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("--") or not allowed:
            parser.error(f"unrecognized argument: {word}")
        name, equals, value = word[2:].partition("=")
        if not equals and waiting and not waiting[0].startswith("--"):
            value, equals = waiting.pop(0), "="
        options[name.replace("-", "_")] = value if equals else True
    return options


def _go_to_environment(engine: str, arguments: Sequence[str]) -> None:
    """Runs the command in the environment that has the engine, where setup.sh made one beside this one."""
    package, environment = _ENVIRONMENTS.get(engine, ("onto_flow", ""))
    if importlib.util.find_spec(package) is not None:
        return
    tool = Path(sys.prefix).parent / environment / "bin" / "onto-flow"
    if not tool.exists():
        raise UsageError(
            "missing-extra",
            f"engine {engine!r} needs {package}, which is not installed here",
            fix=f"In the project: ./setup.sh; elsewhere: pip install 'onto-flow[{engine}]'.",
        )
    os.execv(tool, [str(tool), *arguments])  # noqa: S606 - the same command, in the other environment


def _backfill(arguments: argparse.Namespace) -> int:
    return _job(arguments, {})


def _run(arguments: argparse.Namespace) -> int:
    snapshot = arguments.snapshot_time
    return _job(
        arguments,
        {
            "feed": arguments.feed,
            "snapshot_time": _time(snapshot) if snapshot else None,
            "inconsistent_export": arguments.inconsistent_export,
            "publish_every": arguments.publish_every,
        },
    )


def _job(arguments: argparse.Namespace, more: dict[str, Any]) -> int:
    from .run import DEAD_LETTERS, Run, start
    from .views import load_views

    views = load_views(arguments.views)
    letters = Path(arguments.dead_letters or DEAD_LETTERS)

    def stop_on_signal(run: Run) -> None:
        signal.signal(signal.SIGTERM, lambda number, frame: run.stop.set())
        signal.signal(signal.SIGINT, lambda number, frame: run.stop.set())

    run = start(
        views,
        source=arguments.source,
        sink=arguments.sink,
        engine=arguments.engine,
        dead_letters=letters,
        on_progress=_Shown(arguments.quiet),
        on_sink=stop_on_signal,
        options=arguments.engine_options,
        **more,
    )
    report = run.report
    assert report is not None
    _say(
        f"{report.documents} documents, {report.changes} changes -> {report.view_changes} view changes "
        f"in {report.seconds:.1f} s",
        arguments.quiet,
    )
    if not report.published:
        print(
            "onto-flow: stopped before the feed had ended: an export that is no consistent view shows nothing before that",
            file=sys.stderr,
        )
    if run.letters:
        print(f"onto-flow: {len(run.letters)} dead letters: {letters}", file=sys.stderr)
        return WITH_DEAD_LETTERS
    return DONE


class _Shown:
    """Progress on one line of a terminal; nothing elsewhere."""

    def __init__(self, quiet: bool) -> None:
        self._on = not quiet and sys.stderr.isatty()
        self._began = self._last = time.monotonic()

    def __call__(self, progress: Any) -> None:
        now = time.monotonic()
        if not self._on or now - self._last < 0.2:
            return
        self._last = now
        done = progress.changes or progress.documents
        rate = done / max(now - self._began, 0.001)
        text = f"{progress.stage}: {progress.documents:,} documents"
        if progress.expected and progress.stage == "reading" and rate:
            text += f" of {progress.expected:,}, {(progress.expected - progress.documents) / rate:.0f} s left"
        if progress.changes:
            text += f", {progress.changes:,} changes, {progress.view_changes:,} view changes"
        print(f"\r{text}, {rate:,.0f}/s\x1b[K", end="", file=sys.stderr, flush=True)


def _say(text: str, quiet: bool) -> None:
    if not quiet:
        print(("\r\x1b[K" if sys.stderr.isatty() else "") + text, file=sys.stderr)


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise UsageError("wrong-usage", f"{text!r} is not a time", fix="Use RFC 3339: 2026-05-01T12:00:00Z") from error


def _explain(arguments: argparse.Namespace) -> int:
    from .model.compile import plan_views
    from .plan.explain import explain_json, explain_text
    from .views import load_views

    plan = plan_views(*load_views(arguments.views))
    print(explain_json(plan) if arguments.format == "json" else explain_text(plan), end="")
    return DONE


def _cat(arguments: argparse.Namespace) -> int:
    from .connect import open_source
    from .core.change import DeadLetter
    from .core.collection import Collection, Projection
    from .core.values import path_order
    from .formats.typed_json import encode_fields

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


def _dead_letters(arguments: argparse.Namespace) -> int:
    from .deadletters import DeadLetters
    from .run import DEAD_LETTERS

    file = Path(arguments.file or DEAD_LETTERS)
    if not file.exists():
        raise UsageError("not-found", f"there are no dead letters at {file}", fix="Give their file with --file.")
    letters = DeadLetters(file)
    try:
        if arguments.action == "list":
            for letter in letters:
                print(f"{letter.key}\t{letter.count}\t{letter.reason}")
            return DONE
        if not arguments.key:
            raise UsageError("wrong-usage", "say which letter: dead-letters show KEY")
        print(letters.show(arguments.key))
        return DONE
    finally:
        letters.close()


def _demo(arguments: argparse.Namespace) -> int:
    from .demo.tour import tour

    return DONE if tour(Path(arguments.keep) if arguments.keep else None) else FAILED


if __name__ == "__main__":
    sys.exit(main())
