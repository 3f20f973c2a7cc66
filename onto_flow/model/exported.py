"""Views of a notebook as a module: a cluster's workers import what they run, and nobody can import a notebook.

What the views name is written with them, in an order in which Python can define it: classes and functions as their cells
have them, imports of what they use, constants by their values. A name that two cells define is taken as defined last.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import linecache
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from ..core.errors import UsageError
from .compile import plan_views
from .view import ViewModel

MARK = '"""Exported from a notebook: change the notebook and export it again."""'
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def export_views(*views: type[ViewModel], to: str | Path) -> list[type[ViewModel]]:
    """Writes views, and all that they name, to a module, and imports it.

    Args:
        views: View models of a notebook or script (`__main__`).
        to: The file of the module, such as `meeting_views.py`. One that was exported before is replaced.

    Returns:
        The views of that module, in the order of `views`: use these for a cluster.

    Raises:
        UsageError: `wrong-usage`: a view is in a module already, its source is not known, it names something that no cell
            defines, or the file is not one that was exported.
        DeclarationError: The module declares something else than the notebook: a mistake in a declaration.
    """
    file = Path(to)
    if file.suffix != ".py" or not file.stem.isidentifier():
        raise UsageError("wrong-usage", f"{file} cannot be the file of a module", fix="Call it meeting_views.py.")
    if file.exists() and not file.read_text().startswith(MARK):
        raise UsageError("wrong-usage", f"{file} was not exported: it is left as it is", fix="Give another name.")
    names = vars(sys.modules["__main__"])
    for view in views:
        if view.__module__ != "__main__":
            raise UsageError("wrong-usage", f"{view.__name__} is in the module {view.__module__} already")
    statements = _Statements(names, dict(_bindings(_cells(names, views))))
    for view in views:
        statements.need(view.__name__, "the views")
    file.write_text("\n\n".join([MARK, *statements.written]) + "\n")
    module = _imported(file)
    found = [getattr(module, view.__name__) for view in views]
    plan_views(*found)
    return found


class _Statements:
    """What is written, each name after those that it needs.

    Attributes:
        written: The statements.
    """

    def __init__(self, names: Mapping[str, Any], bound: Mapping[str, tuple[ast.stmt, str]]) -> None:
        self._names, self._bound = names, bound
        self._seen: set[str] = set()
        self.written: list[str] = []

    def need(self, name: str, where: str) -> None:
        """Writes what binds a name, and before it what that needs."""
        if name in self._seen:
            return
        self._seen.add(name)
        if name not in self._bound:
            raise UsageError(
                "wrong-usage",
                f"{where} names {name}, which no cell defines",
                fix="Define it in a cell of its own, or import it.",
            )
        statement, source = self._bound[name]
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            self.written.append(_one_import(statement, name))
            return
        if not isinstance(statement, _DEFINITIONS) and _is_plain(self._names.get(name)):
            self.written.append(f"{name} = {self._names[name]!r}")
            return
        for other in _named(statement, self._bound):
            if other != name and not hasattr(builtins, other):
                self.need(other, name)
        self.written.append(source)


def _cells(names: Mapping[str, Any], views: tuple[type[ViewModel], ...]) -> Iterator[str]:
    """The texts that made `__main__`: the cells of a notebook in their order, or a script."""
    files = dict.fromkeys(file for file in linecache.cache if not Path(file).exists())
    values = [*views, *(v for v in names.values() if getattr(v, "__module__", None) == "__main__")]
    for value in values:
        files |= dict.fromkeys(code.co_filename for code in _codes(value))
    texts = ["".join(linecache.getlines(file)) for file in files]
    if not any(texts):
        raise UsageError("wrong-usage", "the source of these views is not known", fix="Export them from a notebook.")
    yield from texts


def _codes(value: Any) -> Iterator[Any]:
    members = vars(value).values() if isinstance(value, type) else [value]
    for member in members:
        function = inspect.unwrap(getattr(member, "__func__", member)) if callable(member) else member
        if isinstance(function, FunctionType) and function.__globals__.get("__name__") == "__main__":
            yield function.__code__  # what a decorator has added is no cell


def _bindings(texts: Iterator[str]) -> Iterator[tuple[str, tuple[ast.stmt, str]]]:
    """Name -> the statement at the top level of a cell that binds it, and its text."""
    for text in texts:
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue
        lines = text.splitlines()
        for statement in tree.body:
            first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", ()))])
            source = "\n".join(lines[first - 1 : statement.end_lineno])
            for name in _bound(statement):
                yield name, (statement, source)


def _bound(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, _DEFINITIONS):
        yield statement.name
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
    elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
        yield from (n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


def _named(statement: ast.stmt, bound: Mapping[str, Any]) -> Iterator[str]:
    """The names that a statement takes from outside; a text that is a class's name may be a relation to it."""
    own = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own |= {n.arg for n in ast.walk(statement) if isinstance(n, ast.arg)}
    own |= {n.name for n in ast.walk(statement) if isinstance(n, _DEFINITIONS)}
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and (node.id in bound or node.id not in own):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_class(bound.get(node.value)):
            yield node.value


def _is_class(binding: tuple[ast.stmt, str] | None) -> bool:
    return binding is not None and isinstance(binding[0], ast.ClassDef)


def _one_import(statement: ast.Import | ast.ImportFrom, name: str) -> str:
    alias = next(a for a in statement.names if (a.asname or a.name.partition(".")[0]) == name)
    if isinstance(statement, ast.Import):
        return ast.unparse(ast.Import([alias]))
    return ast.unparse(ast.ImportFrom(statement.module, [alias], statement.level))


def _is_plain(value: Any) -> bool:
    try:
        return value is not None and bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, SyntaxError, TypeError):
        return False


def _imported(file: Path) -> ModuleType:
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    sys.modules.pop(file.stem, None)
    importlib.invalidate_caches()
    linecache.checkcache(str(file.resolve()))
    module = importlib.import_module(file.stem)
    if module.__file__ is None or Path(module.__file__).resolve() != file.resolve():
        raise UsageError("wrong-usage", f"Python has another module {file.stem!r} already", fix="Give another name.")
    return module
