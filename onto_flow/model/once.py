"""One view document as an object: its place, its attributes as a dictionary, as a snapshot.

The forms of a view that is made once, from documents that somebody has read: `new`, `doc_ref`, `_view_refs`, `to_view_dict`,
`to_snapshot`. Setters may have changed the documents of its store: everything here shows them as they are now.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..core.errors import UsageError
from ..core.values import Document, Reference
from .compile import CompiledView, compile_view
from .declaration import PATHS
from .documents import Converter
from .evaluate import exported_shape
from .methods import computed
from .output_paths import output_path
from .scopes import Source
from .store import Store
from .view import ViewModel


class ViewSnapshot(NamedTuple):
    """A view document as it is now.

    Attributes:
        path: Where it lies.
        fields: Its attributes by their names in Firestore.
    """

    path: str
    fields: Document

    def to_dict(self) -> Document:
        """The attributes by their names in Firestore."""
        return self.fields


def says_its_store(cls: type[ViewModel]) -> bool:
    """Whether a view declares which documents it is made of; one with `new` alone does not, and cannot be kept right."""
    return any("store" in inspect.get_annotations(c) for c in cls.__mro__ if c is not ViewModel)


def view_dict(view: ViewModel) -> Document:
    """The attributes of a view document, as its table would have them.

    Raises:
        DataError: `bad-value` for what Firestore refuses.
        UsageError: `wrong-usage` for a view whose documents are groups.
    """
    converter = Converter(type(view)._attribute_name)
    if not says_its_store(type(view)):
        return {n: converter.value(v) for n, v in _getters(view)}
    compiled = _of_one_root(view)
    return {
        type(view)._attribute_name(s.name): converter.value(_value(view, s), exported_shape(compiled.declared, s))
        for s in compiled.exported
    }


def documents_now(view: ViewModel) -> dict[str, Document]:
    """Path -> document of all that a view makes of one root: one document, or its rows."""
    if not _compiled(view).declared.expand:
        fields = view_dict(view)
        return {reference.path: fields for reference in view_refs(view)}
    rows: dict[str, Document] = importlib.import_module("onto_flow.serve.folded").rows_now(view)
    return rows


def _getters(view: ViewModel) -> Iterable[tuple[str, Any]]:
    names = dict.fromkeys(
        n for c in reversed(type(view).__mro__) for n, m in vars(c).items() if isinstance(m, computed)
    )
    return [(type(view)._attribute_name(n), getattr(view, n)) for n in names if not n.startswith("_")]


def udf_value(view: ViewModel, name: str) -> Any:
    """The value of a udf of a view document.

    Raises:
        UsageError: `wrong-usage` for a view whose documents are groups.
    """
    compiled = _of_one_root(view)
    call = compiled.declared.udfs[name]
    return call.function(**{n: _value(view, s) for n, s in compiled.names.calls[call].sources})


def folded(view: ViewModel) -> dict[str, Any]:
    """The results of a view document's accumulators over slots.

    Raises:
        UsageError: `wrong-usage` for a view whose documents are groups.
    """
    _of_one_root(view)
    results: dict[str, Any] = importlib.import_module("onto_flow.serve.folded").folded(view)
    return results


def _of_one_root(view: ViewModel) -> CompiledView:
    """The view, checked, when one of its documents is made from one root."""
    compiled = _compiled(view)
    if compiled.declared.key is not None or compiled.declared.expand is not None:
        what = f"{type(view).__name__} makes rows and groups of its documents; one of them is not made from one root"
        raise UsageError("wrong-usage", what, fix="Read it from the view table.")
    return compiled


def _compiled(view: ViewModel) -> CompiledView:
    cls = type(view)
    compiled: CompiledView | None = vars(cls).get("_compiled")
    if compiled is None:
        compiled = cls._compiled = compile_view(cls)  # type: ignore[attr-defined]
    return compiled


def _value(view: ViewModel, source: Source) -> Any:
    return getattr(view.store if source.kind == "slot" else view, source.name)


def view_refs(view: ViewModel) -> list[Reference[Any]]:
    """Where a view document lies: as its class says, else by the path of its root."""
    for name in PATHS:
        if any(name in vars(c) for c in type(view).__mro__ if c is not ViewModel):
            named = getattr(view, name)
            named = [named] if named is None or isinstance(named, (str, Reference)) or hasattr(named, "path") else named
            return [Reference(getattr(p, "path", p)) for p in named if p is not None]
    store: Store = view.store
    root = next((s for s in store._slots.values() if s.kind == "root"), None)
    document = None if root is None else getattr(store, root.name)
    if root is None or document is None:
        what = f"{type(view).__name__} does not say where its document lies"
        raise UsageError("wrong-usage", what, fix="Add a property doc_ref, or a root slot to its store.")
    return [Reference(output_path(type(view)._collection_name, root.model._collection, document.path))]
