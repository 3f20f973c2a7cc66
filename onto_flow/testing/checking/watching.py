"""What user code does beside returning a value: it changes what it was given, reads files, asks clocks."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...core.codec import encode
from ...core.values import Document
from ...model.domain import DomainModel
from ...model.values import Scope

_IO_EVENTS = ("open", "os.", "socket.", "subprocess.", "sqlite3.", "urllib.", "http.", "shutil.", "ftplib.", "smtplib.")
_NOT_THE_USERS = ("importlib", "linecache.py", "tokenize.py", "traceback.py", "zipimport")


class Watch:
    """Watches evaluations of this process.

    Attributes:
        io: What was opened, connected or started by the evaluation under way.
        asked: The clocks and random numbers that it asked for.
    """

    def __init__(self) -> None:
        self.io: list[str] = []
        self.asked: list[str] = []
        self._on = False
        self._scopes: list[Scope] = []
        self._first: dict[int, list[tuple[Any, Any, Any]]] = {}

    def hook(self) -> None:
        """Listens to the interpreter; this cannot be undone, so only processes of our own do it."""
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._on and event.startswith(_IO_EVENTS) and not _by_the_interpreter():
            self.io.append(f"{event}({', '.join(repr(a)[:60] for a in arguments[:1])})")

    def note(self, name: str) -> None:
        """A clock or random number was asked for."""
        if self._on and name not in self.asked:
            self.asked.append(name)

    @contextmanager
    def watching(self, documents: Mapping[str, Document]) -> Iterator[list[str]]:
        """Watches one evaluation; the list has what was changed, in the end."""
        changed: list[str] = []
        self.io, self.asked, self._scopes, self._first = [], [], [], {}
        before = {path: encode(dict(fields)) for path, fields in documents.items()}
        original = Scope.__missing__

        def missing(self_: Scope, source: Any) -> Any:
            value = original(self_, source)
            self._saw(self_, source, value)
            return value

        Scope.__missing__ = missing  # type: ignore
        self._on = True
        try:
            yield changed
        finally:
            self._on = False
            Scope.__missing__ = original  # type: ignore[method-assign]
            changed += self._changes()
            changed += [f"the document {p} itself" for p, f in documents.items() if encode(dict(f)) != before[p]]

    def _saw(self, scope: Scope, source: Any, value: Any) -> None:
        known = self._first.get(id(scope))
        if known is None:
            known = self._first[id(scope)] = []
            self._scopes.append(scope)
        if isinstance(value, (list, dict, set)) or dataclasses.is_dataclass(value):
            known.append((source, value, frozen(value)))

    def _changes(self) -> list[str]:
        found = []
        for scope in self._scopes:
            for source, value, first in self._first[id(scope)]:
                if frozen(value) != first:
                    found.append(f"the value of {source.name or 'the key'}, after it was computed")
            found += _changed_attributes(scope.view)
        return list(dict.fromkeys(found))


def _by_the_interpreter() -> bool:
    frame = sys._getframe(2)
    while frame is not None:
        if any(part in frame.f_code.co_filename for part in _NOT_THE_USERS):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _changed_attributes(view: Any) -> Iterator[str]:
    """Arrays and maps of documents that are not any more what the document has."""
    built: Mapping[str, Any] = getattr(getattr(view, "store", None), "_built", {})
    for several in built.values():
        for document in _documents(several):
            known: Mapping[str, Any] = getattr(document, "_known", {})
            for name, value in known.items():
                attribute = type(document)._attributes.get(name)
                if attribute is None or not isinstance(value, (list, dict)):
                    continue
                if frozen(attribute.read(document._fields)) != frozen(value):
                    yield f"{name} of {document.path}"


def _documents(several: Any) -> list[DomainModel]:
    if isinstance(several, DomainModel):
        return [several]
    return [d for d in several if isinstance(d, DomainModel)] if hasattr(several, "__iter__") else []


def frozen(value: Any) -> Any:
    """A value as something that later changes of it do not change."""
    if isinstance(value, DomainModel):
        return value.path
    if isinstance(value, Mapping):
        return tuple((k, frozen(v)) for k, v in value.items())
    if isinstance(value, (set, frozenset)):
        return frozenset(frozen(v) for v in value)
    if isinstance(value, (list, tuple)):
        return tuple(frozen(v) for v in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return tuple(frozen(getattr(value, f.name)) for f in dataclasses.fields(value))
    return (type(value).__name__, value if value == value else "NaN")
