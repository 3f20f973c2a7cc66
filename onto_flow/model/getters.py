"""What getters and setters do with `self`, as far as their code says it: checked where a view is declared."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from ..core.errors import DeclarationError, SourceLine, did_you_mean
from .behind import view_of, why_no_root
from .declaration import Declaration, read_declaration
from .reads import self_reads, store_reads, store_writes
from .store import Store
from .view_documents import is_settable


def check_getters(view: Declaration) -> None:
    """Refuses what can only fail later.

    Raises:
        DeclarationError: `unknown-name`, `bad-value`, with the line of the getter or setter.
    """
    _refuse_unknown_slots(view)
    for name, setter in _functions(view, "fset"):
        _refuse_setting_views(view, name, setter)
    if view.key is not None or view.expand is not None:
        _refuse_udfs_of_self(view)


def _refuse_unknown_slots(view: Declaration) -> None:
    """Refuses `self.store.slot` of a slot that the store lacks; a store with a constructor may have more than slots."""
    store, cls = view.store, view.cls.__name__
    if store.__init__ is not Store.__init__ or store.__getattr__ is not Store.__getattr__:
        return
    for name, function in (*_functions(view, "fget"), *_functions(view, "fset")):
        read = (store_reads(function) or frozenset()) | {slot for slot, _ in store_writes(function)}
        for slot in sorted(n for n in read if not hasattr(store, n)):
            what = f"{cls}.{name} reads self.store.{slot}, which {store.__name__} lacks"
            fix = did_you_mean(slot, store._slots)
            raise DeclarationError("unknown-name", what, where=SourceLine.of_code(function.__code__), fix=fix)


def _functions(view: Declaration, which: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in view.computed:
        function = getattr(inspect.getattr_static(view.cls, name), which, None)
        if function is not None:
            yield name, function


def _refuse_setting_views(view: Declaration, name: str, setter: Any) -> None:
    for slot, attribute in sorted(store_writes(setter)):
        declared = view.store._slots.get(slot)
        of_view = None if declared is None else view_of(declared.model)
        if of_view is None:
            continue
        why = why_no_root(read_declaration(of_view))
        if why or not is_settable(of_view, attribute):
            what = (
                f"the setter of {view.cls.__name__}.{name} sets {slot}.{attribute}, which {of_view.__name__} computes"
            )
            what += f": {why}" if why else " without a setter"
            fix = f"Set it in the documents that {of_view.__name__} is made of, or in a setter of {of_view.__name__}."
            raise DeclarationError("bad-value", what, where=SourceLine.of_code(setter.__code__), fix=fix)


def _refuse_udfs_of_self(view: Declaration) -> None:
    """Where documents are rows or groups, `self` does not tell which one's value a udf shall have."""
    for name, call in view.computed.items():
        for udf in sorted(self_reads(call.function) & view.udfs.keys()):
            what = f"{view.cls.__name__}.{name} reads self.{udf}, and the view has a document per row or group"
            fix = f"Make {name} a @udf with the parameter {udf}."
            raise DeclarationError("unknown-name", what, where=call.line, fix=fix)
