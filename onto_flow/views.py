"""View models by name: `module:Class`, `module`, or `file.py:Class`, found from the current folder."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from traceback import extract_tb
from types import ModuleType

from .core.errors import OntoFlowError, UsageError, did_you_mean
from .model.view import ViewModel


def load_views(name: str) -> list[type[ViewModel]]:
    """The view models that a name stands for: one class, or all that a module defines.

    Raises:
        UsageError: `not-found` or `unknown-name`, with the nearest name; `udf-failed` when the module raises.
        DeclarationError: A model, store or view in it cannot be compiled.
    """
    place, _, wanted = name.partition(":")
    if not place:
        raise UsageError(
            "wrong-usage", f"{name!r} names no module", fix="Write module:Class, module, or file.py:Class."
        )
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
    return _imported(name)


def _from_file(file: Path) -> ModuleType:
    if not file.is_file():
        raise UsageError("not-found", f"there is no file {file}")
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = _imported(file.stem)
    if module.__file__ is None or Path(module.__file__).resolve() != file.resolve():
        what = f"{file} cannot be imported: Python has another module {file.stem!r} already"
        raise UsageError("not-found", what, where=module.__file__ or "", fix="Rename the file.")
    return module


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except OntoFlowError:
        raise
    except SyntaxError as error:
        where = f'File "{error.filename}", line {error.lineno}'
        raise UsageError("udf-failed", f"SyntaxError: {error.msg}", where=where) from error
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            fix = "Run this where it can be imported, or name file.py:Class."
            raise UsageError("not-found", f"there is no module {name!r} here", fix=fix) from error
        [*_, last] = extract_tb(error.__traceback__)
        where = f'File "{last.filename}", line {last.lineno}: {last.line}'
        what = f"{name} cannot be imported: {type(error).__name__}: {error}"
        raise UsageError("udf-failed", what, where=where, fix="--debug shows the whole stack.") from error
