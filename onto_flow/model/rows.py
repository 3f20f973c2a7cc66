"""Getters that can be evaluated row by row: one comprehension over the documents of a many slot.

    users = self.store.users
    return [Attendee(u.name) for t in self.store.tickets if t.attendance and (u := users.get(t.user))]

Each document gives its row by itself, so after a change only the rows are made again that it concerns: the document's
own, and those that looked it up. A row may use its document, other many slots by `.get(...)`, `[...]` and `in` alone
(what it looked up is noted), the documents of single slots (then all rows are made again when those change), and names
from outside. Everything else is evaluated whole, as is a getter whose source is not at hand or is not what was compiled.

Law: the rows of a getter, one behind the other, are what the getter returns. A row that raises says nothing: then the
whole getter is called.
"""

from __future__ import annotations
import __future__

import ast
import functools
import inspect
import operator
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from ..core.native import compiled, replace
from ..core.values import Reference
from .members import path_of

_ROW, _DOCUMENT, _ROWS = "_onto_flow_row", "_onto_flow_document", "_onto_flow_rows"
_MANY, _SINGLE = "_onto_flow_many_", "_onto_flow_single_"
_REFUSED = (ast.Lambda, ast.Yield, ast.YieldFrom, ast.Await, ast.FunctionDef, ast.SetComp, ast.DictComp)


class Lookup:
    """What a many slot is to a row: documents by reference, each look-up noted.

    Attributes:
        documents: Path -> document.
        seen: The paths that were looked up, there or not.
    """

    __slots__ = ("documents", "seen")

    def __init__(self, seen: list[str]) -> None:
        self.documents: Mapping[str, Any] = {}
        self.seen = seen

    def get(self, document: Any) -> Any:
        """See `Many`."""
        path = path_of(document)
        self.seen.append(path)
        return self.documents.get(path)

    def __getitem__(self, document: Any) -> Any:
        path = path_of(document)
        self.seen.append(path)
        return self.documents[path]

    def __contains__(self, document: object) -> bool:
        path = path_of(document)
        self.seen.append(path)
        return path in self.documents


if not TYPE_CHECKING and compiled() is not None:
    replace(Lookup, "get", compiled().lookup(Lookup, Reference, path_of))


@dataclass(frozen=True)
class RowGetter:
    """A getter in pieces.

    Attributes:
        slot: The slot whose documents give the rows.
        looked_up: The slots that rows look documents up in.
        single: The single slots that rows read.
        row: (document, look-ups, single documents) -> the elements that the document gives.
        around: The single slots that are read outside of rows.
        rest: (all elements, those documents) -> the value; `None` where the list itself is the value.
    """

    slot: str
    looked_up: tuple[str, ...]
    single: tuple[str, ...]
    row: Callable[..., list[Any]]
    around: tuple[str, ...]
    rest: Callable[..., Any] | None


def row_getter(function: Any, slots: Mapping[str, bool]) -> RowGetter | None:
    """The pieces of a getter; `None` where it is not of that form.

    Args:
        function: The getter, of `self`.
        slots: The store's slots -> whether they are many.
    """
    try:
        definition = _definition(function)
        return None if definition is None else _Split(function, definition, slots).getter()
    except (_OtherForm, SyntaxError, RecursionError):
        return None


class _OtherForm(Exception):
    """The getter has another form."""


def _definition(function: Any) -> ast.FunctionDef | None:
    """The source of a function, when it is what was compiled."""
    if not isinstance(function, FunctionType) or function.__code__.co_argcount != 1:
        return None
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return None
    found = ast.parse(source).body[0]
    if not isinstance(found, ast.FunctionDef):
        return None
    found.decorator_list = []
    return found if _alike(_compiled(found, function), function.__code__) else None


def _compiled(definition: ast.FunctionDef, function: FunctionType) -> CodeType:
    """A function's code, compiled where the same names are free as in another function."""
    names = " = ".join([*function.__code__.co_freevars, "None"])
    outer = ast.parse(f"def outer():\n    {names}")
    assert isinstance(outer.body[0], ast.FunctionDef)
    outer.body[0].body.append(definition)
    flags = function.__code__.co_flags & _FUTURE
    code = compile(ast.fix_missing_locations(outer), function.__code__.co_filename, "exec", flags, dont_inherit=True)
    within = next(c for c in code.co_consts if isinstance(c, CodeType))
    return next(c for c in within.co_consts if isinstance(c, CodeType) and c.co_name == definition.name)


_FUTURE = functools.reduce(operator.or_, (getattr(__future__, n).compiler_flag for n in __future__.all_feature_names))


def _alike(one: CodeType, other: CodeType) -> bool:
    """Whether two pieces of code do the same, wherever they stand in a file."""
    if any(getattr(one, p) != getattr(other, p) for p in _PARTS) or len(one.co_consts) != len(other.co_consts):
        return False
    return all(
        _alike(a, b)
        if isinstance(a, CodeType) and isinstance(b, CodeType)
        else type(a) is type(b) and (repr(a) == repr(b) or (_NAMED and type(a) is str and isinstance(before, CodeType)))
        for a, b, before in zip(one.co_consts, other.co_consts, (None, *one.co_consts))
    )


_NAMED = sys.version_info < (3, 11)
"""Whether the constant behind a function's code is its name with those of all that it stands in."""

_PARTS = ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_argcount", "co_kwonlyargcount")


class _Split:
    """Takes one getter apart."""

    def __init__(self, function: FunctionType, definition: ast.FunctionDef, slots: Mapping[str, bool]) -> None:
        self.function, self.slots = function, slots
        self.owner = definition.args.args[0].arg
        body = definition.body[1:] if ast.get_docstring(definition, clean=False) is not None else definition.body
        last = body[-1] if body else None
        if not isinstance(last, ast.Return) or last.value is None:
            raise _OtherForm
        self.value: ast.expr = last.value
        self.aliases: dict[str, str] = {}
        for statement in body[:-1]:
            self._alias(statement)

    def _alias(self, statement: ast.stmt) -> None:
        """Takes `users = self.store.users`; no other statement may stand before the value."""
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            raise _OtherForm
        target, slot = statement.targets[0], self.slot_of(statement.value)
        if not isinstance(target, ast.Name) or slot is None or target.id in self.aliases or target.id == self.owner:
            raise _OtherForm
        self.aliases[target.id] = slot

    def slot_of(self, node: ast.AST) -> str | None:
        """The slot that an expression is: `self.store.tickets`, or a name for it."""
        if isinstance(node, ast.Name):
            return self.aliases.get(node.id)
        if isinstance(node, ast.Attribute) and node.attr in self.slots and isinstance(node.value, ast.Attribute):
            store, owner = node.value.attr, node.value.value
            if store == "store" and isinstance(owner, ast.Name) and owner.id == self.owner:
                return node.attr
        return None

    def getter(self) -> RowGetter:
        """The pieces."""
        found = [
            n for n in ast.walk(self.value) if isinstance(n, (ast.ListComp, ast.GeneratorExp)) and self._is_rows(n)
        ]
        if len(found) != 1 or (found[0] is self.value and isinstance(self.value, ast.GeneratorExp)):
            raise _OtherForm
        comprehension = found[0]
        slot = self.slot_of(comprehension.generators[0].iter)
        assert slot is not None
        rest = None if comprehension is self.value else _Swap(comprehension).visit(self.value)
        self._refuse_shared(comprehension, rest)
        comprehension.generators[0].iter = ast.Tuple([ast.Name(_DOCUMENT, ast.Load())], ast.Load())
        names = _Names(self)
        element = names.visit(ast.ListComp(comprehension.elt, comprehension.generators))
        many, single = tuple(names.many), tuple(names.single)
        parameters = [_DOCUMENT, *(_MANY + n for n in many), *(_SINGLE + n for n in single)]
        row = self._made(_of_one(element), parameters)
        if rest is None:
            return RowGetter(slot, many, single, row, (), None)
        around = _Names(self)
        value = around.visit(rest)
        if around.many:
            raise _OtherForm
        whole = self._made([ast.Return(value)], [_ROWS, *(_SINGLE + n for n in around.single)])
        given = iter if isinstance(comprehension, ast.GeneratorExp) else list
        return RowGetter(slot, many, single, row, tuple(around.single), lambda rows, *one: whole(given(rows), *one))

    def _is_rows(self, node: ast.ListComp | ast.GeneratorExp) -> bool:
        slot = self.slot_of(node.generators[0].iter)
        return slot is not None and self.slots[slot] and not any(g.is_async for g in node.generators)

    def _refuse_shared(self, comprehension: ast.expr, rest: ast.expr | None) -> None:
        """Rows may bind no name that has another meaning outside: a row would see what another row left there."""
        bound = {n.id for n in ast.walk(comprehension) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        around = {n.id for n in ast.walk(rest) if isinstance(n, ast.Name)} if rest is not None else set()
        if bound & {*self.aliases, self.owner, *around}:
            raise _OtherForm

    def _made(self, body: list[ast.stmt], names: list[str]) -> Callable[..., Any]:
        """A function of some names, beside the names around the getter."""
        definition = ast.parse(f"def {_ROW}({', '.join(names)}):\n    return None").body[0]
        assert isinstance(definition, ast.FunctionDef)
        definition.body = body
        code = _compiled(definition, self.function)
        cells = dict(zip(self.function.__code__.co_freevars, self.function.__closure__ or ()))
        return FunctionType(code, self.function.__globals__, _ROW, None, tuple(cells[n] for n in code.co_freevars))


def _of_one(rows: ast.ListComp) -> list[ast.stmt]:
    """What a comprehension over one document does, without a loop: its name stands for the document."""
    first, *others = rows.generators
    if not isinstance(first.target, ast.Name):
        return [ast.Return(rows)]
    name = ast.Assign([first.target], ast.Name(_DOCUMENT, ast.Load()))
    leaves = [ast.If(ast.UnaryOp(ast.Not(), test), [ast.Return(ast.List([], ast.Load()))], []) for test in first.ifs]
    element = ast.ListComp(rows.elt, others) if others else ast.List([rows.elt], ast.Load())
    return [name, *leaves, ast.Return(element)]


class _Swap(ast.NodeTransformer):
    """Puts the name of all elements where the comprehension stands."""

    def __init__(self, comprehension: ast.expr) -> None:
        self.comprehension = comprehension

    def visit(self, node: ast.AST) -> Any:
        """See `NodeTransformer`."""
        return ast.Name(_ROWS, ast.Load()) if node is self.comprehension else self.generic_visit(node)


class _Names(ast.NodeTransformer):
    """Puts names of its own where slots stand, and refuses every other use of `self` or of a many slot.

    Attributes:
        many, single: The slots that were met.
    """

    def __init__(self, split: _Split) -> None:
        self.split = split
        self.many: dict[str, None] = {}
        self.single: dict[str, None] = {}

    def visit(self, node: ast.AST) -> Any:
        """See `NodeTransformer`."""
        if isinstance(node, _REFUSED):
            raise _OtherForm
        if isinstance(node, ast.Call) and not node.keywords and len(node.args) == 1:
            method = node.func
            if isinstance(method, ast.Attribute) and method.attr == "get" and self._is_many(method.value):
                method.value = self._lookup(method.value)
                node.args = [self.visit(node.args[0])]
                return node
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and self._is_many(node.value):
            node.value, node.slice = self._lookup(node.value), self.visit(node.slice)
            return node
        if isinstance(node, ast.Compare) and self._is_many(node.comparators[-1]):
            if len(node.ops) != 1 or not isinstance(node.ops[0], (ast.In, ast.NotIn)):
                raise _OtherForm
            node.left, node.comparators = self.visit(node.left), [self._lookup(node.comparators[0])]
            return node
        slot = self.split.slot_of(node)
        if slot is not None and not self.split.slots[slot]:
            self.single[slot] = None
            return ast.Name(_SINGLE + slot, ast.Load())
        if slot is not None or (isinstance(node, ast.Name) and node.id == self.split.owner):
            raise _OtherForm
        return self.generic_visit(node)

    def _is_many(self, node: ast.AST) -> bool:
        slot = self.split.slot_of(node)
        return slot is not None and self.split.slots[slot]

    def _lookup(self, node: ast.AST) -> ast.expr:
        slot = self.split.slot_of(node)
        assert slot is not None
        self.many[slot] = None
        return ast.Name(_MANY + slot, ast.Load())
