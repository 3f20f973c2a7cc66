"""What is written to a document database, as data: where, what, and under which condition.

Law: a write says all that the database needs; `apply` is what every database makes of it, so a write that is recorded
here and now means the same wherever and whenever it is committed.

| made by | `fields`, `mask` | precondition |
|---|---|---|
| `Write.set` | the whole document, no mask | none, unless given |
| `Write.create` | the whole document, no mask | it must not exist |
| `Write.merge` | some fields, the mask names each one | none, unless given |
| `Write.update` | some fields, the mask names each one | it must exist |
| `Write.delete` | no fields | none, unless given |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .errors import DataError, UsageError
from .field_path import MISSING, FieldPath, read_field_path, value_at
from .transforms import DELETE, Transform
from .values import Document

Changes = Mapping[Any, Any]
"""Field path (as text, or its names) -> value, `DELETE`, or a transform."""


@dataclass(frozen=True)
class Precondition:
    """What must be so at the commit; else nothing of it is written.

    Attributes:
        exists: Whether the document must exist, or must not.
        update_time: When it must have been written last.
    """

    exists: bool | None = None
    update_time: datetime | None = None

    def failure(self, update_time: datetime | None) -> str | None:
        """Why it does not hold for a document that was written last at this time (`None`: there is none).

        Example:
            >>> Precondition(exists=True).failure(None)
            'it does not exist'
        """
        if self.exists is False and update_time is not None:
            return "it exists"
        if (self.exists or self.update_time is not None) and update_time is None:
            return "it does not exist"
        if self.update_time is not None and update_time != self.update_time:
            return f"it was written at {update_time}, not last at {self.update_time}"
        return None


ANYHOW = Precondition()


@dataclass(frozen=True)
class Write:
    """One write to one document.

    Attributes:
        path: The document, relative to the database's root.
        fields: Values by their names in Firestore; `None` for a deletion.
        mask: The fields that are written: a path with no value in `fields` goes. `None`: the whole document is replaced.
        transforms: Values that are made at the commit, after the fields.
        precondition: What must be so.

    Example:
        >>> write = Write.update("users/u1", {"address.city": "Oslo", "age": DELETE})
        >>> write.fields, write.mask, write.precondition.exists
        ({'address': {'city': 'Oslo'}}, (('address', 'city'), ('age',)), True)
        >>> apply(write, {"age": 36, "name": "Ada"}, datetime.min)
        {'name': 'Ada', 'address': {'city': 'Oslo'}}
    """

    path: str
    fields: Document | None
    mask: tuple[FieldPath, ...] | None = None
    transforms: tuple[tuple[FieldPath, Transform], ...] = ()
    precondition: Precondition = ANYHOW

    @classmethod
    def set(cls, path: str, fields: Document, *, precondition: Precondition = ANYHOW) -> Write:
        """Replaces the whole document, or creates it."""
        values, transforms, _ = _taken_apart(path, fields, may_delete=False)
        return cls(path, values, None, transforms, precondition)

    @classmethod
    def create(cls, path: str, fields: Document) -> Write:
        """Creates the document, which must not exist."""
        return cls.set(path, fields, precondition=Precondition(exists=False))

    @classmethod
    def merge(cls, path: str, fields: Document, *, precondition: Precondition = ANYHOW) -> Write:
        """Writes the given fields, also inside maps, and keeps all others; creates the document."""
        values, transforms, mask = _taken_apart(path, fields, may_delete=True)
        return cls(path, values, mask, transforms, precondition)

    @classmethod
    def update(cls, path: str, changes: Changes, *, update_time: datetime | None = None) -> Write:
        """Writes the fields at some paths of a document that must exist; a value replaces all that was there.

        Args:
            path: The document.
            changes: What is written where.
            update_time: When the document must have been written last.

        Raises:
            DataError: `bad-value` for a path inside another one, or a transform inside a value.
            UsageError: `wrong-usage` for text that is no field path.
        """
        values: dict[str, Any] = {}
        transforms: list[tuple[FieldPath, Transform]] = []
        mask: list[FieldPath] = []
        paths = {_field_path(name): value for name, value in changes.items()}
        _refuse_overlap(path, paths)
        for field, value in paths.items():
            if isinstance(value, Transform):
                transforms.append((field, value))
                continue
            mask.append(field)
            if value is not DELETE:
                _refuse_inside(path, value)
                _put(values, field, value)
        return cls(path, values, tuple(mask), tuple(transforms), Precondition(True, update_time))

    @classmethod
    def delete(cls, path: str, *, precondition: Precondition = ANYHOW) -> Write:
        """Deletes the document, where there is one."""
        return cls(path, None, None, (), precondition)


def apply(write: Write, before: Document | None, time: datetime) -> dict[str, Any] | None:
    """The document after a write, whose precondition holds.

    Args:
        write: What is written.
        before: The document as it is; `None` where there is none. It is not changed.
        time: Of the commit.
    """
    if write.fields is None:
        return None
    if write.mask is None:
        after = dict(write.fields)
    else:
        after = dict(before or {})
        for field in write.mask:
            value = value_at(write.fields, field)
            if value is MISSING:
                _take(after, field)
            else:
                _put(after, field, value)
    for field, transform in write.transforms:
        old = value_at(after, field)
        _put(after, field, transform.apply(None if old is MISSING else old, time))
    return after


def _put(document: dict[str, Any], path: FieldPath, value: Any) -> None:
    """Sets a value at a path; maps on the way are copied, what is no map gives way to one."""
    for name in path[:-1]:
        inner = document.get(name)
        document[name] = dict(inner) if isinstance(inner, Mapping) else {}
        document = document[name]
    document[path[-1]] = value


def _take(document: dict[str, Any], path: FieldPath) -> None:
    if value_at(document, path) is MISSING:
        return
    for name in path[:-1]:
        document[name] = dict(document[name])
        document = document[name]
    del document[path[-1]]


def _taken_apart(
    path: str, fields: Document, *, may_delete: bool
) -> tuple[dict[str, Any], tuple[tuple[FieldPath, Transform], ...], tuple[FieldPath, ...]]:
    """(plain values, transforms, the paths of values and of `DELETE`) of a map that holds them all."""
    values: dict[str, Any] = {}
    transforms: list[tuple[FieldPath, Transform]] = []
    mask: list[FieldPath] = []
    for field, value in _leaves(fields, ()):
        if isinstance(value, Transform):
            transforms.append((field, value))
            continue
        if value is DELETE and not may_delete:
            raise DataError("bad-value", "DELETE in a whole document", where=path, fix="Leave the field out.")
        mask.append(field)
        if value is not DELETE:
            _refuse_inside(path, value)
            _put(values, field, value)
    return values, tuple(transforms), tuple(mask)


def _leaves(fields: Document, above: FieldPath) -> Iterator[tuple[FieldPath, Any]]:
    for name, value in fields.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value


def _refuse_inside(path: str, value: Any) -> None:
    """Raises: DataError: a transform where only values may be."""
    if value is DELETE or isinstance(value, Transform):
        fix = "Name the field itself, by its path; elements of an array cannot be transformed."
        raise DataError("bad-value", f"{value!r:.80} inside a value", where=path, fix=fix)
    inner: Iterable[Any] = ()
    if isinstance(value, Mapping):
        inner = value.values()
    elif isinstance(value, (list, tuple)):
        inner = value
    for element in inner:
        _refuse_inside(path, element)


def _field_path(name: str | FieldPath) -> FieldPath:
    if isinstance(name, tuple) and name:
        return name
    if not isinstance(name, str):
        raise UsageError("wrong-usage", f"{name!r:.200} is not a field path", fix="Give the names from the outside in.")
    path, end = read_field_path(name)
    if end != len(name):
        fix = "Put other names between backticks: `zip-code`; or give a tuple of names."
        raise UsageError("wrong-usage", f"{name!r:.200} is not a field path", fix=fix)
    return path


def _refuse_overlap(path: str, fields: Iterable[FieldPath]) -> None:
    known = set(fields)
    for field in known:
        for length in range(1, len(field)):
            if field[:length] in known:
                what = f"both {'.'.join(field[:length])} and {'.'.join(field)} are written"
                raise DataError("bad-value", what, where=path, fix="Write the outer one alone.")
