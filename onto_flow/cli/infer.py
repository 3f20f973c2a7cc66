"""`infer`: models, a first store and a first view, from an export."""

from __future__ import annotations

import argparse
import sys

from .command import DONE, WITH_DEAD_LETTERS, Command
from .inspect import survey_arguments, take_survey, write


def _arguments(command: argparse.ArgumentParser) -> None:
    survey_arguments(command)
    command.add_argument("--root", metavar="COLLECTION", help="what the view has one document for each of")


def _infer(arguments: argparse.Namespace) -> int:
    from ..infer import infer_module
    from ..survey.choose import choose
    from ..survey.shown import collection

    survey = take_survey(arguments)
    inferred = infer_module(survey, choose(survey, arguments.collection), arguments.root)
    for one in inferred.nameless:
        print(f"onto-flow: no model can name the collection {collection(one.names)}", file=sys.stderr)
    write(inferred.text)
    return WITH_DEAD_LETTERS if survey.unreadable else DONE


INFER = Command("infer", "domain models, a first store and a first view, from an export", _arguments, _infer)
