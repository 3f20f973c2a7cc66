"""Stores: the documents that one view document is made of, and how they hang together."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar

from ..core.errors import DeclarationError, SourceLine, did_you_mean
from ..core.values import Document
from .domain import DomainModel
from .family import class_of
from .members import Many
from .objects import maker_of
from .slot import SlotDeclaration


class Store:
    """The documents that one view document is made of: `root(...)` once, then `one(...)` and `many(...)`.

    Args:
        members: Slot name -> (path, fields) of its documents, in the slot's order.
        writable: Whether attributes of the documents may be set, as setters of a view do; seen in this store alone.
        update_times: Path -> when the document was written last, where that is known: what setters change is written
            only if that is still so.
    """

    _slots: ClassVar[Mapping[str, SlotDeclaration[Any]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._slots = {
            n: s for base in reversed(cls.__mro__) for n, s in vars(base).items() if isinstance(s, SlotDeclaration)
        }

    def __init__(
        self,
        members: Mapping[str, Sequence[tuple[str, Document]]] = MappingProxyType({}),
        *,
        writable: bool = True,
        update_times: Mapping[str, datetime] | None = None,
    ) -> None:
        self._members = members
        self._writable = writable
        self._built: dict[str, Any] = {}
        self._added: dict[str, type[DomainModel]] = {}
        self.update_times: Mapping[str, datetime] = update_times or {}
        self._behind: Mapping[str, Any] = {}

    def add_snapshot(self, name: str, dm_cls: type[DomainModel] | None = None, *, snapshot: Any) -> None:
        """Puts a document into a slot, or under a name of its own; `refresh` reads what follows from it.

        Args:
            name: The slot, or another name that the view reads.
            dm_cls: The model of the document; a slot knows its own.
            snapshot: What a database or a Firestore client gave: an object with `path` and `fields`, or with
                `reference.path` and `to_dict()`.

        Raises:
            DeclarationError: `bad-slot` when the model is not the slot's, or nothing says it.
        """
        slot = self._slots.get(name)
        model = dm_cls or (slot.model if slot is not None else None)
        if model is None or (slot is not None and not issubclass(model, slot.model)):
            what = f"{type(self).__name__}.{name} holds {slot.model.__name__ if slot else 'a model that nobody named'}"
            raise DeclarationError("bad-slot", what, where=SourceLine.of_caller(), fix="Name it: dm_cls=City.")
        path, fields = _taken(snapshot)
        members = {**self._members, name: [] if fields is None else [(path, fields)]}
        self._members, self._added = members, {**self._added, name: model}
        self._built.pop(name, None)

    def refresh(self, database: Any = None) -> None:
        """Reads the documents of all other slots, as they follow from those that were added.

        Args:
            database: Where they are read; the one that `onto_flow.settings` binds when left out.
        """
        if self._slots:
            importlib.import_module("onto_flow.serve.reading").refresh(self, database)

    def __getattr__(self, name: str) -> Any:
        model = self.__dict__.get("_added", {}).get(name)
        if model is None:
            raise AttributeError(f"{type(self).__name__} has no {name!r}; {did_you_mean(name, self._slots)}")
        if name not in self._built:
            documents = [model(path, fields, writable=self._writable) for path, fields in self._members[name]]
            self._built[name] = documents[0] if documents else None
        return self._built[name]

    def documents(self) -> Iterator[DomainModel]:
        """The objects of all slots that were looked at, here and in the stores of views behind documents of views."""
        for name in self._built:
            found = self._built[name]
            if found is not None:
                yield from found if isinstance(found, Many) else (found,)
        for view in self._behind.values():
            yield from view.store.documents()

    def all_update_times(self) -> dict[str, datetime]:
        """Path -> when a document was written last, of those of `documents`."""
        found = {path: time for view in self._behind.values() for path, time in view.store.all_update_times().items()}
        return {**found, **self.update_times}

    def _slot(self, slot: SlotDeclaration[Any]) -> Any:
        found = self._built.get(slot.name, self)
        if found is self:
            members, model = self._members[slot.name], slot.model
            if self._writable:
                documents = [class_of(model, path, fields)(path, fields, writable=True) for path, fields in members]
                if self._behind:
                    from .view_documents import shows

                    for document in documents:
                        shows(document, self._behind.get(document.path))
            else:
                make = maker_of(model)
                documents = [make(path, fields) for path, fields in members]
            found = Many(documents) if slot.many else (documents[0] if documents else None)
            self._built[slot.name] = found
        return found


def _taken(snapshot: Any) -> tuple[str, Document | None]:
    """The path and fields of what a database or a Firestore client gave."""
    if hasattr(snapshot, "to_dict") and hasattr(snapshot, "reference"):
        return snapshot.reference.path, snapshot.to_dict()
    return snapshot.path, snapshot.fields
