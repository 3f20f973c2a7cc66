"""Names to "module:Object", imported on use; a missing package gives the line that installs it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import EngineError, UsageError, did_you_mean


@dataclass(frozen=True)
class Entry:
    """Where an object is found, and the extra of this package that brings what it needs."""

    target: str
    extra: str = ""


def load(kind: str, name: str, entries: Mapping[str, Entry]) -> Any:
    """The object that a name stands for.

    Args:
        kind: What is looked up, for the message: `engine`, `sink`.
        name: The user's word.
        entries: All known names.

    Raises:
        UsageError: `unknown-name`, with the nearest name.
        EngineError: `missing-extra`, with the line that installs it.
    """
    entry = entries.get(name)
    if entry is None:
        raise UsageError("unknown-name", f"there is no {kind} {name!r}", fix=did_you_mean(name, entries))
    module, _, attribute = entry.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if not entry.extra or (error.name or "").startswith("onto_flow"):
            raise
        raise EngineError(
            "missing-extra",
            f"{kind} {name!r} needs the package {error.name}, which is not installed",
            fix=f"pip install 'onto-flow[{entry.extra}]'",
        ) from error
