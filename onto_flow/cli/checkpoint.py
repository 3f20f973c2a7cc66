"""`checkpoint`: what a job of the embedded engine goes on from."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core.errors import UsageError
from .command import DONE, Command


def _arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", choices=("copy", "show"))
    command.add_argument("directory", help="what --checkpoint was given")
    command.add_argument("to", nargs="?", help="for copy: a new directory; the job may go on meanwhile")


def _checkpoint(arguments: argparse.Namespace) -> int:
    from ..engines.local.copying import copy_checkpoint, summary

    directory = Path(arguments.directory)
    if arguments.action == "copy":
        if not arguments.to:
            raise UsageError("wrong-usage", "say where to: checkpoint copy DIR TO")
        copy_checkpoint(directory, Path(arguments.to))
        return DONE
    found = summary(directory)
    print(f"views\t{', '.join(found.views)}")
    print(f"loaded\t{'yes' if found.loaded else 'no'}")
    for name, count in found.counts.items():
        print(f"{name.replace('_', ' ')}\t{count}")
    print(f"started\t{found.epoch} times")
    print(f"bytes\t{found.bytes}")
    return DONE


CHECKPOINT = Command(
    "checkpoint", "what a job goes on from: copy it (also while the job runs), or show it", _arguments, _checkpoint
)
