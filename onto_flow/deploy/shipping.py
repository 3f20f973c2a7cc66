"""What of a job's code reaches workers elsewhere, and what would not import there: said before anything is submitted.

Workers have Python, Beam's image or one of the user's, and the packages that the job brings. A package that is brought is
looked into: what is not in it is not there. An image cannot be looked into: it is taken to hold what is installed here.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..connect import split
from ..plan.nodes import CodeRef, Plan
from ..plan.wire import codes_of
from .packages import BEAM, Package, distributions_of, extras_of, required

OURS = "onto_flow"
_FIX = "Bring it: --setup_file, --extra_package, or an image with it (--sdk_container_image)."


@dataclass(frozen=True)
class Shipment:
    """How code reaches the workers.

    Attributes:
        image: An image of the user's; empty: Beam's own.
        packages: What the job brings.
        requirements: Requirements that workers install from an index.
    """

    image: str = ""
    packages: Sequence[Package] = ()
    requirements: Sequence[str] = ()

    def text(self) -> str:
        """For people: what goes where."""
        brought = [f"{p.file.name} ({', '.join(sorted(p.modules))})" for p in self.packages]
        parts = [f"image {self.image}" if self.image else "Beam's image"]
        return f"workers have {'; '.join([*parts, *brought, *self.requirements])}"

    def distributions(self) -> set[str]:
        """The names of all distributions that workers have, as far as they can be known."""
        asked = [BEAM, *self.requirements, *(r for p in self.packages for r in p.requirements)]
        return required(asked)

    def modules(self) -> set[str]:
        """The names of top-level modules that the job brings."""
        return {name for package in self.packages for name in package.modules}


def refusals(plan: Plan, shipment: Shipment, uris: Iterable[str] = ()) -> list[str]:
    """What would not import on a worker, one sentence each.

    Args:
        plan: The views.
        shipment: How code reaches the workers.
        uris: Sources, feeds and sinks, whose connectors need packages.
    """
    reasons = [reason for code in codes_of(plan) if (reason := _unreachable(code))]
    modules = dict.fromkeys(code.path.partition(":")[0] for code in codes_of(plan) if not _unreachable(code))
    there, brought = shipment.distributions(), shipment.modules()
    for name in dict.fromkeys([OURS, *_with_imports(modules)]):
        top = name.partition(".")[0]
        if top in brought or top in sys.stdlib_module_names:
            continue
        reasons += _absent(name, shipment, distributions_of(top), there)
    return [*reasons, *_connectors(shipment, uris, there)]


def _unreachable(code: CodeRef) -> str:
    module, _, name = code.path.partition(":")
    if module == "__main__":
        return f"{name} is in __main__, which workers do not have: put it in a module (a notebook: export_views)"
    if "<locals>" in name:
        return f"{code.path} is made in a function: define it at the top level of its module"
    return "" if code.portable else f"{code.path} is known to this process alone: define it by a statement of its own"


def _absent(name: str, shipment: Shipment, distributions: Sequence[str], there: set[str]) -> Iterator[str]:
    if there.intersection(map(_plain, distributions)):
        return
    if distributions and _is_installed(name):
        if not shipment.image:
            yield f"{name} is of the package {distributions[0]}, which Beam's image does not have. {_FIX}"
        return
    file = _file_of(name)
    if file is None:
        yield f"{name} cannot be found here"
    elif not (shipment.image and project_of(file)):
        yield f"{name} ({file.name}) is in no package that the job brings. {_FIX}"


def _connectors(shipment: Shipment, uris: Iterable[str], there: set[str]) -> Iterator[str]:
    if shipment.image:
        return
    for uri in uris:
        scheme = split(uri)[0] or ""
        for distribution in extras_of(scheme) - there:
            what = f"{scheme}: needs the package {distribution}, which Beam's image does not have"
            yield f"{what}: name it in a --requirements_file, or take an image with it"


def _with_imports(modules: Iterable[str]) -> Iterator[str]:
    """Modules and what they import when they are imported, as far as that is ours to bring; each once."""
    waiting, seen = list(modules), set[str]()
    while waiting:
        name = waiting.pop(0)
        if name in seen or name.partition(".")[0] in (OURS, *sys.stdlib_module_names):
            continue
        seen.add(name)
        yield name
        if not _is_installed(name) and (file := _file_of(name)):
            waiting += _imports(file, name)


def _imports(file: Path, name: str) -> Iterator[str]:
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in _at_import(ast.parse(file.read_text()).body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = importlib.util.resolve_name("." * node.level + base, package)
            yield base
            yield from (inner for a in node.names if _file_of(inner := f"{base}.{a.name}"))


def _at_import(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that are carried out when a module is imported; what may fail there, or is for types alone, is not."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If) and "TYPE_CHECKING" not in ast.dump(statement.test):
            yield from _at_import([*statement.body, *statement.orelse])
        elif isinstance(statement, (ast.With, ast.ClassDef)):
            yield from _at_import(statement.body)


def project_of(file: Path) -> Path | None:
    """The `setup.py` or `pyproject.toml` of the project that a module is in."""
    top = file.parent
    while (top / "__init__.py").exists():
        top = top.parent
    for folder in (top, *list(top.parents)[:1]):
        for name in ("setup.py", "pyproject.toml"):
            if (folder / name).is_file():
                return folder / name
    return None


def files_of(plan: Plan) -> list[Path]:
    """The files of the modules that a plan's code is in."""
    names = dict.fromkeys(code.path.partition(":")[0] for code in codes_of(plan))
    return [file for name in names if name != "__main__" and (file := _file_of(name))]


def _file_of(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _is_installed(name: str) -> bool:
    """Whether a module is where packages are installed, not where somebody works on it."""
    spec = importlib.util.find_spec(name.partition(".")[0])
    places = [spec.origin or "", *(spec.submodule_search_locations or ())] if spec else []
    return any("site-packages" in place or "dist-packages" in place for place in places)


def _plain(distribution: str) -> str:
    return distribution.lower().replace("_", "-").replace(".", "-")
