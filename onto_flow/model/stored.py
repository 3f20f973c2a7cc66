"""Documents of a model in the database that is bound: read, made, saved, deleted."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from ..core.collection import Collection
from ..core.errors import DataError, DeclarationError, SourceLine, UsageError, did_you_mean
from ..core.fence import without_fence
from ..core.values import Document, Reference
from ..core.writes import Precondition, Write
from ..database.base import Snapshot
from ..database.bound import commit, current
from ..database.query import Query
from .attributes import Attribute
from .selection import Selection

if TYPE_CHECKING:
    from .domain import DomainModel
    from .once import ViewSnapshot

S = TypeVar("S", bound="Stored")
_ID_LETTERS = string.ascii_letters + string.digits
_PART = re.compile(r"\{([^{}/]*)\}")


class Stored:
    """What domain models can do with a database.

    Attributes of the same names that a model declares go before these.
    """

    if TYPE_CHECKING:
        path: str
        _collection: ClassVar[Collection]
        _attributes: ClassVar[Mapping[str, Attribute]]
        _parts: ClassVar[Mapping[str, int]]
        _fields: Document
        _writable: bool

        def __init__(self, path: str, fields: Document, *, writable: bool = False) -> None: ...
        @classmethod
        def _field_name(cls, name: str) -> str: ...

    @classmethod
    def get(
        cls: type[S], doc_id: str | Reference[Any] | None = None, *, path: str | None = None, **parts: str
    ) -> S | None:
        """A document, if there is one.

        Args:
            doc_id: Its id, or a reference to it.
            path: Its path, where an id does not say which it is.
            parts: The parts of its path that `Meta.path` names.

        Raises:
            UsageError: `wrong-usage` where no database is bound, or it is not said which document is meant.
        """
        [snapshot] = current().get_many([_path(cls, doc_id, path, parts)])
        return cls._of_snapshot(snapshot) if snapshot.exists else None

    @classmethod
    def get_many(cls: type[S], doc_ids: Sequence[str | Reference[Any]]) -> list[S | None]:
        """Documents as of one commit, in the order of their ids; `None` for those that are not there."""
        found = current().get_many([_path(cls, doc_id, None, {}) for doc_id in doc_ids])
        return [cls._of_snapshot(snapshot) if snapshot.exists else None for snapshot in found]

    @classmethod
    def all(cls: type[S]) -> Selection[S]:
        """All documents of the model."""
        return Selection(cls, Query(cls._collection))

    @classmethod
    def where(cls: type[S], field: Any = None, operator: str = "==", value: Any = None, **equal: Any) -> Selection[S]:
        """The documents that meet a condition; see `Selection.where`."""
        return cls.all().where(field, operator, value, **equal)

    @classmethod
    def new(cls: type[S], doc_id: str | None = None, **attributes: Any) -> S:
        """A document that is not in the database yet: `save` creates it.

        Args:
            doc_id: Its id; one that nobody else has when left out.
            attributes: What it holds, and the parts of its path that `Meta.path` names.

        Raises:
            DeclarationError: `unknown-name` for an attribute that the model does not declare.
        """
        parts = {name: attributes.pop(name) for name in cls._parts if name in attributes}
        if doc_id is None and _last_part(cls) not in parts:
            doc_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(20))
        document = cls(_path(cls, doc_id, None, parts), {}, writable=True)
        document.__dict__["_snapshot"] = None
        for name, value in attributes.items():
            if name not in cls._attributes:
                what = f"{cls.__name__} has no attribute {name!r:.80}"
                fix = did_you_mean(name, cls._attributes)
                raise DeclarationError("unknown-name", what, where=SourceLine.of_caller(), fix=fix)
            setattr(document, name, value)
        return document

    @classmethod
    def create(cls: type[S], doc_id: str | None = None, **attributes: Any) -> S:
        """A new document, saved.

        Raises:
            PreconditionFailed: It is there already.
        """
        return cls.new(doc_id, **attributes).save()

    def save(self: S, *, if_unchanged: bool = False) -> S:
        """Writes what was set or changed since it was read, and nothing else; creates what is new.

        Args:
            if_unchanged: Only if nobody has written the document since it was read.

        Raises:
            PreconditionFailed: It is gone or was written meanwhile; of a new one, it is there already.
            DataError: `bad-value` for what Firestore refuses.
        """
        write = self._write(if_unchanged)
        if write is not None and commit(write) is not None:
            self.reload()
        return self

    def delete(self, *, if_unchanged: bool = False) -> None:
        """Deletes it; that it is gone already is no error, unless it shall be unchanged."""
        condition = Precondition(update_time=self._read_at()) if if_unchanged else Precondition()
        commit(Write.delete(self.path, precondition=condition))

    def reload(self: S) -> S:
        """Reads it again; what was set and not saved is forgotten.

        Raises:
            DataError: `missing-document` when it is gone.
        """
        [snapshot] = current().get_many([self.path])
        if not snapshot.exists:
            raise DataError(
                "missing-document", f"{self.path} does not exist any more", fix="Use .new(...) and save it."
            )
        self.__dict__.update(self._of_snapshot(snapshot).__dict__)
        return self

    def to_snapshot(self) -> ViewSnapshot:
        """The document as it is now, with what was set and not saved: `path`, `fields`, `to_dict()`."""
        from .once import ViewSnapshot
        from .writes import fields_now

        return ViewSnapshot(self.path, fields_now(cast("DomainModel", self)))

    @property
    def create_time(self) -> datetime | None:
        """When it was created; `None` for a document that was not read from a database."""
        snapshot: Snapshot | None = self.__dict__.get("_snapshot")
        return None if snapshot is None else snapshot.create_time

    @property
    def update_time(self) -> datetime | None:
        """When it was written last, as of when it was read; `None` for a document that was not read from a database."""
        snapshot: Snapshot | None = self.__dict__.get("_snapshot")
        return None if snapshot is None else snapshot.update_time

    @classmethod
    def _of_snapshot(cls: type[S], snapshot: Snapshot) -> S:
        document = cls(snapshot.path, without_fence(snapshot.fields or {}), writable=True)
        document.__dict__["_snapshot"] = snapshot
        return document

    def _write(self, if_unchanged: bool) -> Write | None:
        from .writes import fields_now, write_of

        document = cast("DomainModel", self)
        if not self._writable:
            what = f"{document!r} cannot be saved: a view is a pure function of its documents"
            raise DataError("bad-value", what, where=self.path, fix="Get it from the database, then change it.")
        if "_snapshot" in self.__dict__ and self.__dict__["_snapshot"] is None:
            return Write.create(self.path, fields_now(document))
        return write_of(document, update_time=self._read_at() if if_unchanged else None)

    def _read_at(self) -> datetime:
        snapshot: Snapshot | None = self.__dict__.get("_snapshot")
        if snapshot is None or snapshot.update_time is None:
            what = f"{self!r} was not read from a database, so nobody knows whether it is unchanged"
            raise UsageError("wrong-usage", what, fix="Leave if_unchanged out, or get it first.")
        return snapshot.update_time


def _last_part(cls: type[Stored]) -> str | None:
    """The name that `Meta.path` gives to the id, where it does."""
    length = cls._collection.pattern.count("/") + 1
    return next((name for name, index in cls._parts.items() if index == length), None)


def _path(cls: type[Stored], doc_id: str | Reference[Any] | None, path: str | None, parts: dict[str, str]) -> str:
    """The path that the words of a caller say.

    Raises:
        UsageError: `wrong-usage` where they do not say one, or one of another collection.
    """
    collection = cls._collection
    found = path if path is not None else doc_id.path if isinstance(doc_id, Reference) else None
    if found is None:
        found = _joined(cls, doc_id, dict(parts))
    if not collection.matches(found):
        what = f"{found!r:.200} is no document of {cls.__name__}, whose collection is {collection}"
        raise UsageError("wrong-usage", what, fix="Give doc_id=, path=, or a Reference.")
    return found


def _joined(cls: type[Stored], doc_id: Any, parts: dict[str, str]) -> str:
    if cls._collection.group:
        fix = f"{cls.__name__}.get(path=...), or a Reference."
        raise UsageError("wrong-usage", f"an id does not say which document of {cls._collection} is meant", fix=fix)
    segments = []
    for segment in cls._collection.pattern.split("/"):
        named = _PART.fullmatch(segment)
        if named is None:
            segments.append(segment)
        elif named[1] in parts:
            segments.append(parts.pop(named[1]))
        else:
            what = f"it is not said which {segment} of {cls._collection} is meant"
            raise UsageError("wrong-usage", what, fix=f"Give {named[1]}=... beside the id, or path=...")
    last = _last_part(cls)
    if doc_id is None and last in parts:
        doc_id = parts.pop(last)
    if not isinstance(doc_id, str) or not doc_id or parts:
        given = ", ".join(parts) if parts else f"doc_id={doc_id!r:.80}"
        what = f"{given} does not say which document of {cls.__name__} is meant"
        raise UsageError("wrong-usage", what, fix="Give doc_id=, path=, or a Reference.")
    return "/".join([*segments, doc_id])
