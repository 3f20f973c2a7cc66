"""`demo`: the meeting room."""

from __future__ import annotations

import argparse
from pathlib import Path

from .command import DONE, FAILED, Command


def _arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--keep", metavar="DIR", help="keep the export, the feed and the tables in this (new) folder")


def _demo(arguments: argparse.Namespace) -> int:
    from ..demo.tour import tour

    return DONE if tour(Path(arguments.keep) if arguments.keep else None) else FAILED


DEMO = Command("demo", "the meeting room, end to end: no cloud, no Java", _arguments, _demo)
