"""Runs code of the package with faults put into its source: in this process, under the same names, and only for a while."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any

from onto_flow.core.native import aside

RELOADED = (
    "onto_flow.operators",
    "onto_flow.engines",
    "onto_flow.testing",
    "onto_flow.sinks",
    "tests.laws.scenarios",
    "tests.laws.hand",
    "tests.laws.local",
    "tests.laws.bug_classes",
)


@dataclass(frozen=True)
class Fault:
    """Something broken on purpose.

    Attributes:
        name: What is wrong.
        patches: (module, text, text instead); each text must be there.
        mode: The mode of the shuffling engine that can meet it; any by default.
        directed: Whether random histories are not expected to find it, so that a scenario must.
    """

    name: str
    patches: tuple[tuple[str, str, str], ...]
    mode: str = ""
    directed: bool = False


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, patches: Sequence[tuple[str, str]]) -> None:
        super().__init__(name, path)
        self.patches = patches

    def get_code(self, fullname: str) -> CodeType:
        text = self.get_data(self.path).decode()
        for old, new in self.patches:
            assert old in text, f"{fullname} has changed: the fault needs {old!r}"
            text = text.replace(old, new)
        return compile(text, self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, fault: Fault) -> None:
        self.fault = fault

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        patches = [(old, new) for module, old, new in self.fault.patches if f"onto_flow.{module}" == fullname]
        if not patches:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        assert spec is not None
        assert spec.origin is not None
        return importlib.util.spec_from_file_location(
            fullname, spec.origin, loader=_Loader(fullname, spec.origin, patches)
        )


def _reloaded(name: str) -> bool:
    return any(name == r or name.startswith(r + ".") for r in RELOADED)


@contextmanager
def broken(fault: Fault) -> Iterator[None]:
    """Within it, imports give modules with the fault, and without what is compiled of them."""
    saved = {name: sys.modules.pop(name) for name in list(sys.modules) if _reloaded(name)}
    finder = _Finder(fault)
    sys.meta_path.insert(0, finder)
    try:
        with aside():
            yield
    finally:
        sys.meta_path.remove(finder)
        for name in [n for n in sys.modules if _reloaded(n)]:
            del sys.modules[name]
        sys.modules.update(saved)
        for name, module in saved.items():
            _attach(name, module)


def _attach(name: str, module: ModuleType) -> None:
    """Importing a submodule sets it as an attribute of its package; the old one belongs back there."""
    parent, _, child = name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], child, module)
