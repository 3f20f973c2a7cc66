"""View models by name: `module:Class`, `module`, or `file.py:Class`, found from the current folder."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from .core.errors import UsageError, did_you_mean
from .model.view import ViewModel


def load_views(name: str) -> list[type[ViewModel]]:
    """The view models that a name stands for: one class, or all that a module defines.

    Raises:
        UsageError: `not-found` or `unknown-name`, with the nearest name.
    """
    place, _, wanted = name.partition(":")
    module = _from_file(Path(place)) if place.endswith(".py") else _from_name(place)
    found = {
        n: v
        for n, v in vars(module).items()
        if isinstance(v, type) and issubclass(v, ViewModel) and v is not ViewModel and v.__module__ == module.__name__
    }
    if not wanted:
        if not found:
            raise UsageError(
                "not-found", f"{place} defines no view model", fix="Name a module that does, or module:Class."
            )
        return list(found.values())
    if wanted not in found:
        raise UsageError("unknown-name", f"{place} defines no view model {wanted!r}", fix=did_you_mean(wanted, found))
    return [found[wanted]]


def _from_name(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise
        raise UsageError(
            "not-found",
            f"there is no module {name!r} here",
            fix="Run this where it can be imported, or name file.py:Class.",
        ) from error


def _from_file(file: Path) -> ModuleType:
    if not file.is_file():
        raise UsageError("not-found", f"there is no file {file}")
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(file.stem)
