"""`inspect`: what an export holds."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .command import DONE, WITH_DEAD_LETTERS, Command, Shown, say

if TYPE_CHECKING:
    from ..survey.facts import Survey


def _arguments(command: argparse.ArgumentParser) -> None:
    survey_arguments(command)
    command.add_argument("--json", action="store_true", help="as JSON, in a form that is documented and stays")
    command.add_argument(
        "--html", metavar="FILE", help="as one page with charts, which loads nothing; - for standard output"
    )
    command.add_argument("--no-examples", action="store_true", help="show no values of documents, and no ids")


def survey_arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of commands that take a survey."""
    command.add_argument("export", help="an export's folder or URL, or another source: parquet:PLACE, jsonl:FILE")
    command.add_argument(
        "--collection",
        action="append",
        default=[],
        metavar="COLLECTION",
        help="only this one, such as users or prices/{symbol}/daily; may be repeated",
    )


def take_survey(arguments: argparse.Namespace) -> Survey:
    """Reads all of the source, with progress on a terminal."""
    from ..connect import open_source
    from ..engines.base import Progress
    from ..survey import survey_of

    progress = Shown(arguments.quiet)
    source = open_source(arguments.export)
    survey = survey_of(source, arguments.export, lambda done, all_: progress(Progress("reading", done, all_)))
    say(f"{survey.documents:,} documents read", arguments.quiet or not sys.stderr.isatty())
    return survey


def _inspect(arguments: argparse.Namespace) -> int:
    from ..survey.as_json import survey_json
    from ..survey.choose import choose
    from ..survey.page import survey_page
    from ..survey.text import survey_text

    survey = take_survey(arguments)
    chosen, examples = choose(survey, arguments.collection), not arguments.no_examples
    if arguments.html:
        page = survey_page(survey, examples=examples, chosen=chosen)
        if arguments.html == "-":
            write(page)
        else:
            _write_whole(Path(arguments.html), page)
            say(f"written: {arguments.html}", arguments.quiet)
    if arguments.json:
        write(json.dumps(survey_json(survey, examples=examples, chosen=chosen), ensure_ascii=False, indent=2) + "\n")
    elif not arguments.html:
        width = shutil.get_terminal_size((120, 24)).columns
        write(survey_text(survey, width=width, examples=examples, chosen=chosen))
    return WITH_DEAD_LETTERS if survey.unreadable else DONE


def _write_whole(file: Path, text: str) -> None:
    """Writes a file, which is not there when that fails; a device stays."""
    stream = file.open("w", encoding="utf-8", errors="backslashreplace")
    try:
        with stream:
            stream.write(text)
    except OSError:
        if file.is_file():
            file.unlink()
        raise


def write(text: str) -> None:
    """Writes to standard output; what its encoding does not have becomes an escape."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


INSPECT = Command(
    "inspect",
    "what an export holds: collections, fields and their types, sizes, likely references",
    _arguments,
    _inspect,
)
