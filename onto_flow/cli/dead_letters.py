"""`dead-letters`: what failed; and messages that could not be read, once more."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import UsageError
from .command import DONE, WITH_DEAD_LETTERS, Command, plain

if TYPE_CHECKING:
    from ..deadletters import DeadLetters


def _arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", choices=("list", "show", "replay"))
    command.add_argument("key", nargs="?", help="for show and replay: the letter's key, as list prints it")
    command.add_argument(
        "--file",
        default=None,
        help="default: .onto-flow/dead-letters.sqlite; for replay also pubsub://PROJECT/SUBSCRIPTION of a dead-letter topic",
    )
    command.add_argument("--to", metavar="URI", help="for replay: pubsub://PROJECT/TOPIC, or - for lines of a feed")


def _dead_letters(arguments: argparse.Namespace) -> int:
    from ..deadletters import DeadLetters
    from ..run import DEAD_LETTERS

    if arguments.action == "replay":
        return _replay(arguments)
    letters = DeadLetters(_file(arguments.file or DEAD_LETTERS))
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


def _replay(arguments: argparse.Namespace) -> int:
    from ..deadletters import DeadLetters
    from ..run import DEAD_LETTERS
    from .replaying import from_file, from_subscription, replay

    if not arguments.to:
        raise UsageError("wrong-usage", "say where to: dead-letters replay --to pubsub://PROJECT/TOPIC, or --to -")
    place = str(arguments.file or DEAD_LETTERS)
    if place.startswith("pubsub:"):
        from google.cloud.pubsub_v1 import SubscriberClient

        from ..formats.credentials import credentials_for

        with credentials_for("Pub/Sub"):
            client = SubscriberClient()
        with client:
            again, left = replay(from_subscription(client, place.partition(":")[2]), arguments.to)
    else:
        letters = DeadLetters(_file(place))
        try:
            key = _key(letters, arguments.key) if arguments.key else None
            again, left = replay(from_file(letters, key), arguments.to)
        finally:
            letters.close()
    print(
        f"onto-flow: {again} replayed; {left} cannot be, as they are not whole or tell of no message", file=sys.stderr
    )
    return WITH_DEAD_LETTERS if left else DONE


def _file(place: str | Path) -> Path:
    file = Path(place)
    if not file.exists():
        raise UsageError("not-found", f"there are no dead letters at {file}", fix="Give their file with --file.")
    return file


def _on_a_line(text: str) -> str:
    return plain(text).replace("\n", "\\n")


def _key(letters: DeadLetters, listed: str) -> str:
    """The key that `list` printed so, for what a terminal would obey is printed as an escape."""
    return next((letter.key for letter in letters if _on_a_line(letter.key) == listed), listed)


DEAD_LETTERS_COMMAND = Command(
    "dead-letters", "what failed: list all, show one whole, or replay messages", _arguments, _dead_letters
)
