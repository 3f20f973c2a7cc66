"""The tool `onto-flow`: one command a file.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but with dead letters. Errors are one paragraph on standard error, a
traceback only with `--debug`. What is asked for goes to standard output, everything else to standard error.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from typing import Any

from ..core.errors import EngineError, OntoFlowError, UsageError
from .audit import AUDIT
from .cat import CAT
from .checkpoint import CHECKPOINT
from .command import FAILED, WRONG_USAGE, plain
from .dead_letters import DEAD_LETTERS_COMMAND
from .demo import DEMO
from .deploy import DEPLOY
from .explain import EXPLAIN
from .infer import INFER
from .inspect import INSPECT
from .jobs import BACKFILL, RUN, go_to_environment
from .system import abandon_output, end_on_sigterm, open_streams, refused
from .write import WRITE

COMMANDS = (DEMO, INSPECT, INFER, EXPLAIN, BACKFILL, RUN, AUDIT, CAT, WRITE, DEAD_LETTERS_COMMAND, CHECKPOINT, DEPLOY)
_REPEATED = (
    "experiment",
    "experiments",
    "extra_package",
    "extra_packages",
    "label",
    "labels",
    "dataflow_service_options",
)
"""Beam's options that may be given again and again."""
EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but with dead letters, with documents that cannot be read, or "
    "with what an audit found."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code. Without arguments the process is the tool's own."""
    if arguments is not None:
        return _main(arguments)
    open_streams()
    end_on_sigterm()
    try:
        return _main(sys.argv[1:])
    finally:
        try:
            sys.stdout.flush()
        except OSError:
            abandon_output()


def _main(arguments: Sequence[str]) -> int:
    parser = _parser()
    known, unknown = parser.parse_known_args(arguments)
    debug = getattr(known, "debug", False)
    try:
        known.engine_options = _engine_options(unknown, parser, allowed=known.takes_engine_options)
        if known.takes_engine_options:
            go_to_environment(known.engine, arguments)
        code: int = known.command(known)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return FAILED
    except KeyboardInterrupt:
        print("onto-flow: stopped before the end", file=sys.stderr)
        return FAILED
    except (OntoFlowError, OSError) as error:
        if debug:
            raise
        told = refused(error) if isinstance(error, OSError) else error
        print(f"onto-flow: {plain(str(told))}{_own_option(str(told), known)}", file=sys.stderr)
        return WRONG_USAGE if _misused(told, known.engine_options) else FAILED


def _misused(error: OntoFlowError, engine_options: dict[str, Any]) -> bool:
    """Whether the command was wrong; an engine refuses options of which it knows nothing, such as misspelt ones."""
    refused_options = isinstance(error, EngineError) and error.code == "engine-refused" and bool(engine_options)
    return isinstance(error, UsageError) or refused_options


def _own_option(said: str, known: argparse.Namespace) -> str:
    """A line about an option that an engine does not know: it is nearly one of the command's own, or another engine's."""
    from ..engines.local.options import NAMES

    own = vars(known).keys() - {"command", "engine_options", "takes_engine_options", "views"}
    for name in known.engine_options:
        if name in NAMES and repr(name) in said:
            return f"\n  --{name.replace('_', '-')} is of engine local, the default."
        near = difflib.get_close_matches(name, own, n=1, cutoff=0.75)
        if near and repr(name) in said:
            return f"\n  Or is it --{near[0].replace('_', '-')}, of onto-flow itself?"
    return ""


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    common.add_argument("--quiet", action="store_true", help="no progress")
    parser = argparse.ArgumentParser(
        prog="onto-flow", description="Maintained views over document databases.", epilog=EXIT_CODES
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        epilog = "Options that are not listed here go to the engine, as they are." if command.engine else None
        added = commands.add_parser(
            command.name, help=command.text, description=command.text, epilog=epilog, parents=[common]
        )
        added.set_defaults(command=command.run, takes_engine_options=command.engine)
        command.arguments(added)
    return parser


def _engine_options(unknown: Sequence[str], parser: argparse.ArgumentParser, *, allowed: bool) -> dict[str, Any]:
    """`--name value`, `--name=value` and `--flag`, as they are, for the engine; a list where it is given again."""
    options: dict[str, Any] = {}
    waiting = list(unknown)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("--") or not allowed:
            parser.error(f"unrecognized argument: {word}")
        name, equals, value = word[2:].partition("=")
        if not equals and waiting and not waiting[0].startswith("--"):
            value, equals = waiting.pop(0), "="
        name = name.replace("-", "_")
        if name in options and name not in _REPEATED:
            parser.error(f"--{name} is given twice")
        given = value if equals else True
        options[name] = [*_listed(options[name]), given] if name in options else given
    return options


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
