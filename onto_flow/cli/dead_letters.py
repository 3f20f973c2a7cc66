"""`dead-letters`: what failed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import UsageError
from .command import DONE, Command, plain

if TYPE_CHECKING:
    from ..deadletters import DeadLetters


def _arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", choices=("list", "show"))
    command.add_argument("key", nargs="?", help="for show: the letter's key, as list prints it")
    command.add_argument("--file", default=None, help="default: .onto-flow/dead-letters.sqlite")


def _dead_letters(arguments: argparse.Namespace) -> int:
    from ..deadletters import DeadLetters
    from ..run import DEAD_LETTERS

    file = Path(arguments.file or DEAD_LETTERS)
    if not file.exists():
        raise UsageError("not-found", f"there are no dead letters at {file}", fix="Give their file with --file.")
    letters = DeadLetters(file)
    try:
        if arguments.action == "list":
            for letter in letters:
                print("\t".join(_on_a_line(str(part)) for part in (letter.key, letter.count, letter.reason)))
            return DONE
        if not arguments.key:
            raise UsageError("wrong-usage", "say which letter: dead-letters show KEY")
        shown = str(letters.show(_key(letters, arguments.key)))
        print(plain(shown) if sys.stdout.isatty() else shown)
        return DONE
    finally:
        letters.close()


def _on_a_line(text: str) -> str:
    return plain(text).replace("\n", "\\n")


def _key(letters: DeadLetters, listed: str) -> str:
    """The key that `list` printed so, for what a terminal would obey is printed as an escape."""
    return next((letter.key for letter in letters if _on_a_line(letter.key) == listed), listed)


DEAD_LETTERS_COMMAND = Command("dead-letters", "what failed: list all, or show one whole", _arguments, _dead_letters)
