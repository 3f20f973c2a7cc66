"""The views behind documents of views: through them a setter of one view sets what another view computes.

Law: what is set is set by the other view's own setter, in the documents that its document is made of, read at the commit at
which everything else was read; so the writes of one setter hold for one moment, and nothing is written to a view table.

That needs the documents behind: which root a document was made for. Its id tells it where it has the ids of the root's path:
of a view with one document for each root, and of one with a row for each element of a root, whose setters set what all rows
of the root are made of. The id of a group has no root in it, and that which a class names may have anything.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ..core.keys import texts_of
from .declaration import Declaration, read_declaration
from .reads import store_reads, store_writes
from .view import ViewModel
from .view_documents import is_settable


def root_behind(view: type[ViewModel], path: str) -> str | None:
    """The path of the root that a document of a view is made for; `None` where its path does not tell."""
    declared = read_declaration(view)
    root, name = declared.slots[0].collection, path.rpartition("/")[2]
    if why_no_root(declared):
        return None
    if root.top_level and declared.expand is None:
        return f"{root.pattern}/{name}"
    ids = [text for text in texts_of(name)[: root.id_count] if text is not None]
    return root.path_of(ids) if len(ids) == root.id_count else None


def why_no_root(view: Declaration) -> str:
    """Why documents of a view do not tell for which root they are made; empty where they do."""
    name = view.cls.__name__
    if view.key is not None:
        return f"a document of {name} is a group, which many roots make together"
    if view.paths is not None:
        return f"{name}.{view.paths} says where its documents lie, which does not tell for which root"
    if not view.slots[0].collection.id_count:
        return f"the roots of {name} lie in several collections, and an id does not tell in which"
    return ""


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
    declared = read_declaration(view)
    return not why_no_root(declared) and any(is_settable(view, n) for n in declared.computed)


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
