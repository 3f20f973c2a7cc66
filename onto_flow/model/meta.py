"""`Meta`: the options of a model, checked when the class is declared."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from ..core.errors import DeclarationError, SourceLine, did_you_mean


def class_line(cls: type) -> SourceLine:
    """The line of the `class` statement, as near as it is known."""
    for member in vars(cls).values():
        line = getattr(member, "line", None)
        if isinstance(line, SourceLine):
            return line
    depth = 2
    while True:
        frame = sys._getframe(depth)
        if not frame.f_globals.get("__name__", "").startswith("onto_flow.model"):
            return SourceLine(frame.f_code.co_filename, frame.f_lineno)
        depth += 1


def options_of(cls: type, known: Iterable[str], line: SourceLine) -> Mapping[str, Any]:
    """The options in a class's own `Meta`.

    Raises:
        DeclarationError: `bad-meta` for an option that is not known.
    """
    meta = vars(cls).get("Meta")
    if meta is None:
        return {}
    options = {n: v for n, v in vars(meta).items() if not n.startswith("__")}
    for name in options:
        if name not in known:
            raise DeclarationError(
                "bad-meta", f"{cls.__name__}.Meta has no option {name!r}", where=line, fix=did_you_mean(name, known)
            )
    return options
