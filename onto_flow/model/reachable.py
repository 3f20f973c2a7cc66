"""What a function or class is made of, as text to be hashed: its code and all that it reaches in the user's own packages.

Law: two processes that run the same sources describe an object in the same words, whatever Python they run, wherever the
files lie; a changed comment, docstring or line break changes nothing, a changed constant three calls away does.

Functions are described by their source (parsed and printed again), those without one by their bytecode. What other
distributions define is described by its name and their version: `polars.DataFrame polars==1.2.0`.
"""

from __future__ import annotations

import ast
import dis
import enum
import functools
import importlib.metadata
import inspect
import linecache
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

_ATOMS = (type(None), bool, int, float, complex, str, bytes, type(...))
_WRAPPERS = (staticmethod, classmethod)
_GENERATED = frozenset(
    [
        *(
            "__dict__",
            "__weakref__",
            "__doc__",
            "__module__",
            "__qualname__",
            "__slots__",
            "__hash__",
            "__match_args__",
        ),
        *(
            "__annotations__",
            "__annotate__",
            "__annotate_func__",
            "__annotations_cache__",
            "__conditional_annotations__",
        ),
        *("__dataclass_fields__", "__dataclass_params__", "__abstractmethods__", "_abc_impl", "__orig_bases__"),
        *("__firstlineno__", "__static_attributes__", "__parameters__", "__classdictcell__"),
    ]
)
_PLACES = frozenset({"line", "owner", "field", "_line", "_around"})
"""What our declarations hold of where they stand, and what is derived from the rest."""
_OURS = __name__.partition(".")[0]


class Reachable:
    """Describes objects; each function and class once.

    Args:
        package: The user's top-level package (or module): its code is looked into, with that of modules that no
            distribution installed.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._seen: set[int] = set()
        self._held: list[Any] = []

    def describe(self, value: Any) -> Iterator[str]:
        """The words for a value; what was described before is named only."""
        if isinstance(value, _ATOMS):
            yield f"{type(value).__name__} {value!r}"
        elif isinstance(value, enum.Enum):
            yield f"{type(value).__qualname__}.{value.name}"
        elif isinstance(value, Mapping):
            yield from self._parts("map", [x for item in value.items() for x in item])
        elif isinstance(value, (list, tuple)):
            yield from self._parts(type(value).__name__, value)
        elif isinstance(value, (set, frozenset)):
            yield from ("set", *sorted(" ".join(self.describe(v)) for v in value))
        elif isinstance(value, re.Pattern):
            yield f"pattern {value.pattern!r} {value.flags}"
        else:
            yield from self._object(value)

    def _parts(self, kind: str, values: Iterable[Any]) -> Iterator[str]:
        yield f"{kind}("
        for value in values:
            yield from self.describe(value)
        yield ")"

    def _object(self, value: Any) -> Iterator[str]:
        if isinstance(value, _WRAPPERS):
            yield from (type(value).__name__, *self.describe(value.__func__))
        elif isinstance(value, (property, functools.cached_property)):
            functions = [value.func] if isinstance(value, functools.cached_property) else [value.fget, value.fset]
            yield from self._parts("property", [f for f in functions if f is not None])
        elif isinstance(value, functools.partial):
            yield from self._parts("partial", (value.func, value.args, value.keywords))
        elif isinstance(value, MethodType):
            yield from self._parts("method", (value.__self__, value.__func__))
        elif isinstance(value, (FunctionType, type)):
            yield from self._defined(value)
        elif isinstance(value, ModuleType):
            yield f"module {value.__name__} {self._version(value.__name__)}"
        elif isinstance(value, BuiltinFunctionType):
            yield f"builtin {value.__module__}.{value.__qualname__}"
        else:
            yield from self._instance(value)

    def _instance(self, value: Any) -> Iterator[str]:
        cls = type(value)
        yield from self._defined(cls)
        state = vars(value) if hasattr(value, "__dict__") else {}
        if (self._is_own(cls.__module__) or _is_ours(cls.__module__)) and self._is_new(value):
            kept = sorted((n, v) for n, v in state.items() if n not in _PLACES and not _is_cached(cls, n))
            yield from self._parts("state", [x for item in kept for x in item])
        elif not state or cls.__module__ in sys.stdlib_module_names:
            yield re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))

    def _defined(self, value: Any) -> Iterator[str]:
        """A function or class: its name, and where it is the user's, what it is made of."""
        module, name = value.__module__ or "", value.__qualname__
        if not self._is_own(module):
            yield f"{module}.{name} {self._version(module)}"
            return
        yield f"own {name.rpartition('.<locals>.')[2]}"
        if self._is_new(value):
            yield from self._function(value) if isinstance(value, FunctionType) else self._class(value)

    def _function(self, function: FunctionType) -> Iterator[str]:
        wrapped = getattr(function, "__wrapped__", None)
        if wrapped is not None:
            yield from self.describe(wrapped)
        yield _text_of(function.__code__)
        yield from self._parts(
            "defaults", (*(function.__defaults__ or ()), *sorted((function.__kwdefaults__ or {}).items()))
        )
        for found in _reached(function):
            yield from self.describe(found)

    def _class(self, cls: type) -> Iterator[str]:
        for base in cls.__bases__:
            yield from self._defined(base)
        for name, annotation in sorted(inspect.get_annotations(cls).items()):
            yield f"{name}: {annotation if isinstance(annotation, str) else getattr(annotation, '__qualname__', annotation)}"
        for name, member in vars(cls).items():
            if name not in _GENERATED and name not in _PLACES and not _is_generated(member):
                yield name
                yield from self.describe(member)

    def _is_new(self, value: Any) -> bool:
        if id(value) in self._seen:
            return False
        self._seen.add(id(value))
        self._held.append(value)
        return True

    def _is_own(self, module: str) -> bool:
        top = module.partition(".")[0]
        if _is_ours(module) or top in sys.stdlib_module_names:
            return top == "__main__"
        return top == self._package or (top in sys.modules and _distribution(top) is None)

    def _version(self, module: str) -> str:
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or _is_ours(module) or self._is_own(module):
            return ""
        return _distribution(top) or ""


def _is_ours(module: str) -> bool:
    """Whether a module is of this package and no demonstration: its state formats have versions of their own."""
    return module.partition(".")[0] == _OURS and not module.startswith(f"{_OURS}.demo")


@functools.cache
def _distribution(top: str) -> str | None:
    """`name==version` of the distribution that installed a top-level module; `None` for one that none did."""
    for name in _installed().get(top, [top]):
        try:
            return f"{name}=={importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


@functools.cache
def _installed() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


def _is_cached(cls: type, name: str) -> bool:
    """Whether an attribute of an instance is what a property worked out when it was first looked at."""
    return isinstance(inspect.getattr_static(cls, name, None), functools.cached_property)


def _is_generated(member: Any) -> bool:
    """Whether a decorator made it from what is described anyway, such as the `__init__` of a dataclass."""
    code = getattr(inspect.unwrap(member) if callable(member) else member, "__code__", None)
    return inspect.ismemberdescriptor(member) or (isinstance(code, CodeType) and code.co_filename.startswith("<string"))


def _text_of(code: CodeType) -> str:
    """The source of a function, parsed and printed again; its bytecode where there is no source."""
    found = _definitions(code.co_filename).get(code.co_firstlineno)
    if found is None:
        return " ".join(_bytes_of(code))
    return "\n".join(found)


def _bytes_of(code: CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames, code.co_freevars))
    for constant in code.co_consts:
        yield from _bytes_of(constant) if isinstance(constant, CodeType) else [repr(constant)]


def _definitions(file: str) -> Mapping[int, list[str]]:
    """Line -> what is defined there. Several lambdas of one line count together: any of them may be meant."""
    linecache.checkcache(file)
    lines = linecache.getlines(file)
    return _parsed("".join(lines)) if lines else {}


@functools.lru_cache(maxsize=64)
def _parsed(source: str) -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = {}
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return found
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            line = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            node.decorator_list = []
            _without_docstrings(node)
            found.setdefault(line, []).append(ast.unparse(node))
        elif isinstance(node, ast.Lambda):
            found.setdefault(node.lineno, []).append(ast.unparse(node))
    return found


def _without_docstrings(tree: ast.AST) -> None:
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]


def _reached(function: FunctionType) -> Iterator[Any]:
    """The objects that a function's code names: globals, what it closes over, attributes of modules."""
    closed = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
    for chain in _chains(function.__code__):
        name, *attributes = chain
        if name in closed:
            value = _content(closed[name])
        elif name in function.__globals__:
            value = function.__globals__[name]
        else:
            continue
        for attribute in attributes:
            if not isinstance(value, ModuleType) or not hasattr(value, attribute):
                break
            value = getattr(value, attribute)
        yield value


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _chains(code: CodeType) -> Iterator[list[str]]:
    """The names that code loads from outside, each with the attributes that are taken of it at once."""
    chain: list[str] = []
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_ATTR", "LOAD_METHOD") and chain:
            chain.append(str(instruction.argval))
        elif instruction.opname not in ("CACHE", "PRECALL"):
            if chain:
                yield chain
            outside = instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF")
            chain = [str(instruction.argval)] if outside else []
    if chain:
        yield chain
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _chains(constant)
