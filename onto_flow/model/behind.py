"""The views behind documents of views: through them a setter of one view sets what another view computes.

Law: what is set is set by the other view's own setter, in the documents that its document is made of, read at the commit at
which everything else was read; so the writes of one setter hold for one moment, and nothing is written to a view table.

That needs the documents behind: which root one was made for is known where a view makes one document for each root of a
collection, under the root's id.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from .declaration import Declaration, read_declaration
from .reads import store_reads, store_writes
from .view import ViewModel


def root_behind(view: type[ViewModel], path: str) -> str | None:
    """The path of the root that a document of a view is made for; `None` where its path does not tell."""
    declared = read_declaration(view)
    root = declared.slots[0].collection
    others = (declared.key, declared.expand, declared.paths)
    if any(other is not None for other in others) or not root.top_level:
        return None
    return f"{root.pattern}/{path.rpartition('/')[2]}"


def is_settable(view: type[ViewModel], name: str) -> bool:
    """Whether a view has a setter for an attribute."""
    return getattr(inspect.getattr_static(view, name, None), "fset", None) is not None


def view_of(model: type[Any]) -> type[ViewModel] | None:
    """The view whose documents a model stands for."""
    found: type[ViewModel] | None = vars(model).get("_of_view")
    return found


def views_behind(view: type[ViewModel]) -> Mapping[str, type[ViewModel]]:
    """Slot -> the view behind its documents, of slots whose documents the setters of a view may set."""
    known: Mapping[str, type[ViewModel]] | None = vars(view).get("_views_behind")
    if known is None:
        declared = read_declaration(view)
        slots = {name: s.model for name, s in declared.store._slots.items() if name in _set_slots(declared)}
        known = {name: other for name, model in slots.items() if (other := view_of(model)) and _may_be_set(other)}
        view._views_behind = known  # type: ignore[attr-defined]
    return known


def _may_be_set(view: type[ViewModel]) -> bool:
    return root_behind(view, "") is not None and any(is_settable(view, n) for n in read_declaration(view).computed)


def _set_slots(view: Declaration) -> set[str]:
    """The slots that setters read or set; all of them where the code of one does not tell."""
    found: set[str] = set()
    for name in view.computed:
        setter = getattr(inspect.getattr_static(view.cls, name), "fset", None)
        if setter is not None:
            read = store_reads(setter)
            found |= set(view.store._slots) if read is None else read
            found |= {slot for slot, _ in store_writes(setter)}
    return found
