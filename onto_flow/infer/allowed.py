"""What an inferred module may consist of: a list of syntax nodes and names, which every module is held against.

Names of a database are data of strangers. They can stand in an inferred module as constants alone; should a mistake here let
one become code, the module is refused instead of printed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from .names import FUNCTIONS, IMPORTED, TYPES

_MODULES = {
    "__future__": {"annotations"},
    "datetime": {"datetime"},
    "typing": {"Any"},
    "onto_flow": {*IMPORTED, *FUNCTIONS},
}
_BASES = {"DomainModel", "Store", "ViewModel"}
_META = {"collection_name", "path", "convert_names"}
_OPTIONS = {"name", "parse", "via", "by", "on"}
_CALLED = {"root", "one", "many", "len"}
_SIMPLE = (ast.Attribute, ast.BinOp, ast.Call, ast.Compare, ast.Constant, ast.IfExp, ast.List, ast.Name, ast.Subscript)
_EXPRESSIONS = (*_SIMPLE, ast.Tuple, ast.Load, ast.BitOr, ast.Is, ast.IsNot, ast.keyword)


class NotAllowed(AssertionError):
    """An inferred module has something that it must not have: a defect of this package."""


def check_module(text: str) -> None:
    """Holds a module against the list.

    Raises:
        NotAllowed: It has something else.

    Example:
        >>> check_module("from onto_flow import attrs")
        >>> check_module("import os")
        Traceback (most recent call last):
        ...
        onto_flow.infer.allowed.NotAllowed: line 1: import os
    """
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom):
            known = _MODULES.get(node.module or "", set())
            _demand(not node.level and all(a.name in known and a.asname is None for a in node.names), node)
        elif isinstance(node, ast.ClassDef):
            _check_class(node)
        else:
            _demand(_is_text(node), node)


def _demand(holds: bool, node: ast.AST) -> None:
    if not holds:
        raise NotAllowed(f"line {getattr(node, 'lineno', '?')}: {ast.unparse(node)}")


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_name(name: str) -> bool:
    return name.isascii() and name.isidentifier() and not name.startswith("_") and not name.endswith("__")


def _check_class(node: ast.ClassDef) -> None:
    bases = [b.id for b in node.bases if isinstance(b, ast.Name)]
    plain = not node.keywords and not node.decorator_list and len(bases) == len(node.bases) == 1
    _demand(plain and bases[0] in _BASES and _is_name(node.name), node)
    for inside in node.body:
        if isinstance(inside, ast.ClassDef):
            _check_meta(inside)
        elif isinstance(inside, ast.FunctionDef):
            _check_computed(inside)
        elif isinstance(inside, ast.AnnAssign):
            _check_target(inside.target)
            _check_expressions(filter(None, (inside.annotation, inside.value)))
        elif isinstance(inside, ast.Assign):
            for target in inside.targets:
                _check_target(target)
            _check_expressions([inside.value])
        else:
            _demand(_is_text(inside), inside)


def _check_target(node: ast.expr) -> None:
    shadows = {*IMPORTED, *FUNCTIONS, *TYPES, "datetime", "Any", "len"}
    _demand(isinstance(node, ast.Name) and _is_name(node.id) and node.id not in shadows, node)


def _check_meta(node: ast.ClassDef) -> None:
    _demand(node.name == "Meta" and not (node.bases or node.keywords or node.decorator_list), node)
    for inside in node.body:
        ok = isinstance(inside, ast.Assign) and isinstance(inside.value, ast.Constant) and len(inside.targets) == 1
        target = inside.targets[0] if isinstance(inside, ast.Assign) else None
        _demand(ok and isinstance(target, ast.Name) and target.id in _META, inside)


def _check_computed(node: ast.FunctionDef) -> None:
    decorators = [d.id for d in node.decorator_list if isinstance(d, ast.Name)]
    plain = decorators == ["computed"] and len(node.decorator_list) == 1 and _is_name(node.name)
    _demand(plain and ast.unparse(node.args) == "self" and len(node.body) == 1, node)
    body = node.body[0]
    _demand(isinstance(body, ast.Return) and node.returns is not None and body.value is not None, node)
    _check_expressions([e for e in (node.returns, getattr(body, "value", None)) if e is not None])


def _check_expressions(nodes: Iterable[ast.expr]) -> None:
    for root in nodes:
        for node in ast.walk(root):
            _demand(isinstance(node, _EXPRESSIONS), node)
            if isinstance(node, ast.Name):
                _demand(_is_name(node.id), node)
            elif isinstance(node, ast.Attribute):
                _demand(_is_name(node.attr), node)
            elif isinstance(node, ast.keyword):
                _demand(node.arg in _OPTIONS, node)
            elif isinstance(node, ast.Call):
                of_attrs = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "attrs"
                _demand(of_attrs or (isinstance(node.func, ast.Name) and node.func.id in _CALLED), node)
