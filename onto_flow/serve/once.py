"""View documents straight from the database: made once when asked for, or made again whenever they change.

Law: what is shown is the view of its documents as of one commit. It is the form for a request, a test, or a handful of
listeners; a table that many read is kept right by a run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..core.equality import same
from ..core.errors import MissingDocument
from ..core.values import Document
from ..database.base import Changes, Database
from ..database.bound import Readable, commit, current, current_database
from ..model.behind import root_behind, views_behind
from ..model.declaration import read_declaration
from ..model.view import ViewModel
from .reading import Members, read_members

WAIT_SECONDS = 0.5
"""How long one look at the feed waits; closing takes no longer."""

Notify = Callable[[Any], None]


def get(
    cls: type[ViewModel],
    doc_id: str,
    *,
    once: bool = True,
    f_notify: Notify | None = None,
    database: Database | None = None,
) -> Any:
    """The view document of a root.

    Args:
        cls: The view; its documents are made for one root each.
        database: Where its documents lie; the bound one when left out.
        doc_id: The id of the root, or its path.
        once: Whether it is made now and never again.
        f_notify: With `once=False`: is given the view now, and again whenever its document changes, by one thread of its
            own, until `close()` of the view that this returns.

    Raises:
        MissingDocument: There is no such root.
    """
    declared = read_declaration(cls)
    root = declared.slots[0].collection
    path = doc_id if "/" in doc_id else f"{root.pattern}/{doc_id}"
    view, found = made_of(cls, path, database)
    if view is None:
        raise MissingDocument(path)
    if once:
        return view
    source = database if database is not None else current_database()
    follower = Follower(cls, path, source, found, f_notify or (lambda view: None))
    view._follower = follower
    follower.start(view)
    return view


def save(view: ViewModel, database: Database | None = None) -> None:
    """Commits what setters of a view changed; see `ViewModel.save`."""
    writes = view.writes()
    if not writes:
        return
    if database is None:
        commit(*writes)
    else:
        database.commit(writes)


def made_of(cls: type[ViewModel], path: str, database: Readable | None) -> tuple[ViewModel | None, Members]:
    """The view document of a root as of one commit, and the documents it is made of; none where there is no root.

    What its setters may set in documents of other views is read too, at that commit.
    """
    behind = views_behind(cls)
    source = current() if behind and database is None else database
    if behind and isinstance(source, Database):
        return source.transact(lambda transaction: made_of(cls, path, transaction))
    declared = read_declaration(cls)
    found = read_members(declared.store, path, source)
    if not found.slots[declared.slots[0].name]:
        return None, found
    store = declared.store(found.slots, update_times=found.update_times)
    store._behind = dict(_behind(found, behind, source)) if behind else {}
    return cls(store), found


def _behind(
    found: Members, views: Mapping[str, type[ViewModel]], transaction: Readable | None
) -> Iterator[tuple[str, ViewModel]]:
    made: dict[tuple[type[ViewModel], str], ViewModel | None] = {}
    for slot, view in views.items():
        for path, _ in found.slots[slot]:
            root = root_behind(view, path)
            if root is None:
                continue
            if (view, root) not in made:
                made[view, root] = made_of(view, root, transaction)[0]
            one = made[view, root]
            if one is not None:
                yield path, one


class Follower:
    """Makes one view document again whenever a document that it is made of changes."""

    def __init__(self, cls: type[ViewModel], path: str, database: Database, found: Members, notify: Notify) -> None:
        self._cls, self._path, self._database = cls, path, database
        self._notify = notify
        self._shown: Document | None = None
        self._closed = threading.Event()
        self._changes: Changes = database.changes(after=found.read_time)
        self._thread = threading.Thread(target=self._follow, name=f"onto-flow-{cls.__name__}", daemon=True)

    def start(self, view: ViewModel) -> None:
        """Shows the view as it is, then follows."""
        self._shown = view.to_view_dict()
        self._notify(view)
        self._thread.start()

    def close(self) -> None:
        """Ends it; nothing is told afterwards."""
        self._closed.set()
        if threading.current_thread() is not self._thread and self._thread.is_alive():
            self._thread.join()

    def _follow(self) -> None:
        collections = [s.collection for s in read_declaration(self._cls).slots]
        try:
            while not self._closed.is_set():
                batch = self._changes.next_batch(timeout=WAIT_SECONDS)
                if any(c.matches(change.path) for change in batch for c in collections):
                    self._again()
        finally:
            self._changes.close()

    def _again(self) -> None:
        view, _ = made_of(self._cls, self._path, self._database)
        document = None if view is None else view.to_view_dict()
        if not self._closed.is_set() and not same(document, self._shown):
            self._shown = document
            if view is not None:
                self._notify(view)
