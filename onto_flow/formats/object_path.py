"""Files in object stores, by fsspec URL: as much of `pathlib.Path` as finding and reading an export needs.

A store has no folders: a folder is what the names of objects share. Every call to the store is tried again when it fails
for a passing reason, and an object is read by ranges, of which one is held.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeVar, cast

from ..core.errors import DataError
from .filesystems import filesystem_of, without_secrets
from .ranged_file import RangedFile, Stat

RETRY_SECONDS = (0.2, 1.0, 4.0)
"""How long to wait before each further attempt."""

T = TypeVar("T")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(::|://)")
_IDENTITY = (
    "generation",
    "ETag",
    "etag",
    "md5Hash",
    "content_md5",
    "LastModified",
    "last_modified",
    "mtime",
    "created",
)
_FINAL = (PermissionError, IsADirectoryError, TypeError, AttributeError, NotImplementedError, ImportError)
"""What does not pass by waiting."""


class ObjectPath:
    """A place in an object store.

    Args:
        url: Any URL that fsspec knows: `gs://bucket/exports/2024`.
        storage: Options of its filesystem, such as credentials; fsspec's own configuration gives them too.

    Raises:
        EngineError: `missing-extra` when fsspec, or what the scheme needs, is not installed.
        UsageError: `wrong-usage` for a scheme that nobody knows.
    """

    def __init__(self, url: str, storage: Mapping[str, Any] | None = None) -> None:
        self._fs, path = filesystem_of(url, dict(storage or {}))
        self._path = path.rstrip("/")
        self._shown = without_secrets(url).rstrip("/")
        self._listings: dict[str, dict[str, Stat | None]] = {}
        self._written: list[str] = []

    def _at(self, path: str, shown: str) -> ObjectPath:
        other = object.__new__(ObjectPath)
        other._fs, other._listings, other._written = self._fs, self._listings, self._written
        other._path, other._shown = path, shown
        return other

    def __truediv__(self, name: str) -> ObjectPath:
        return self._at(f"{self._path}/{name}".lstrip("/" if not self._path else ""), f"{self._shown}/{name}")

    def __str__(self) -> str:
        return self._shown

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectPath) and self._path == other._path

    def __hash__(self) -> int:
        return hash(self._path)

    def __lt__(self, other: ObjectPath) -> bool:
        return self._path < other._path

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self._path.rpartition("/")[2]

    @property
    def parent(self) -> ObjectPath:
        """The folder that the object lies in."""
        return self._at(self._path.rpartition("/")[0], self._shown.rpartition("/")[0])

    def relative_to(self, root: ObjectPath) -> PurePosixPath:
        """The path below a folder."""
        return PurePosixPath(self._path).relative_to(root._path)

    def exists(self) -> bool:
        """Whether there is such an object, or one below it."""
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Whether there is an object of this name."""
        return self._known() is not None

    def is_dir(self) -> bool:
        """Whether there are objects below this name."""
        return bool(self._listing())

    def iterdir(self) -> Iterator[ObjectPath]:
        """What lies directly below."""
        return (self / name for name in self._listing())

    def glob(self, pattern: str) -> Iterator[ObjectPath]:
        """What lies below and fits; `*` stands for a part of one name."""
        first, _, rest = pattern.partition("/")
        for child in self.iterdir():
            if fnmatchcase(child.name, first):
                yield from child.glob(rest) if rest else [child]

    def stat(self) -> Stat:
        """Size and identity, as the folder's listing told them.

        Raises:
            FileNotFoundError: There is no such object.
        """
        found = self._known()
        if found is None:
            raise FileNotFoundError(2, "No such object", str(self))
        return found

    def read_bytes(self) -> bytes:
        """The whole object."""
        with self.open("rb") as file:
            return file.read()

    def open(self, mode: str = "rb") -> BinaryIO:
        """The object for reading.

        Raises:
            DataError: `bad-export` when it is another one than the folder's listing told, or gone.
        """
        assert mode == "rb", mode
        return cast(BinaryIO, RangedFile(str(self), self.stat(), self.fetch, self.now))

    def get(self) -> bytes | None:
        """The whole object, asked for in one call; `None` where there is none.

        Raises:
            DataError: `bad-export` when the store goes on failing.
        """
        try:
            return self._try(lambda: bytes(self._fs.cat_file(self._path)))
        except FileNotFoundError:
            return None

    def put(self, data: bytes) -> None:
        """Makes or replaces the object, in one call: nobody sees a part of it."""
        self._try(lambda: self._fs.pipe_file(self._path, data))

    def remove(self) -> None:
        """Takes the object away, if it is there."""
        with suppress(FileNotFoundError):
            self._try(lambda: self._fs.rm_file(self._path))

    def names(self) -> list[str]:
        """The names of the objects directly below, asked of the store anew."""
        self._fs.invalidate_cache(self._path)
        self._listings.pop(self._path, None)
        found = [name for name, stat in self._listing().items() if stat is not None]
        del self._listings[self._path]
        return found

    def create(self) -> BinaryIO:
        """A new object, which appears when it is closed."""
        self._written.append(self._path)
        return cast(BinaryIO, self._fs.open(self._path, "wb"))

    def remove_written(self) -> None:
        """Takes away what was created from here or from a place below."""
        for path in self._written:
            with suppress(Exception):  # what stays is no export, and the first error is the one to show
                self._fs.rm_file(path)

    def fetch(self, start: int, end: int) -> bytes:
        """The bytes of a range.

        Raises:
            DataError: `bad-export` when the store goes on failing.
        """

        def whole() -> bytes:
            data: bytes = self._fs.cat_file(self._path, start=start, end=end)
            if len(data) != end - start:
                raise OSError(f"{len(data)} bytes came instead of {end - start}")
            return data

        return self._try(whole, f"byte {start}")

    def now(self) -> Stat | None:
        """Size and identity, asked of the store anew; `None` when it has no such object."""

        def ask() -> Stat | None:
            self._fs.invalidate_cache(self._path.rpartition("/")[0])
            info = self._fs.info(self._path)
            return None if info.get("type") == "directory" else _stat(info)

        try:
            return self._try(ask)
        except FileNotFoundError:
            return None

    def _known(self) -> Stat | None:
        """A listing is used where there is one; none is made, since the folder above may be no business of ours."""
        listing = self._listings.get(self._path.rpartition("/")[0])
        return self.now() if listing is None else listing.get(self.name)

    def _listing(self) -> dict[str, Stat | None]:
        """Name -> what is known of the object, or `None` for a folder; asked for once."""
        if self._path not in self._listings:
            try:
                entries = self._try(lambda: self._fs.ls(self._path, detail=True))
            except FileNotFoundError:
                entries = []
            self._listings[self._path] = _children(self._path, entries)
        return self._listings[self._path]

    def _try(self, call: Callable[[], T], where: str = "") -> T:
        for seconds in (*RETRY_SECONDS, None):
            try:
                return call()
            except FileNotFoundError:
                raise
            except Exception as error:
                if seconds is None or isinstance(error, _FINAL):
                    raise self._unreadable(error, where) from error
                time.sleep(seconds)
        raise AssertionError

    def _unreadable(self, error: Exception, where: str) -> DataError:
        said = without_secrets(str(error))
        return DataError(
            "bad-export",
            f"The store does not give this: {type(error).__name__} {said:.200}",
            where=", ".join(filter(None, (str(self), where))),
            fix="Look at the network and the permissions, and run it again.",
        )


def place_of(place: str | Path, storage: Mapping[str, Any] | None = None) -> Path | ObjectPath:
    """The path that a text stands for: a local one, or an fsspec URL.

    Example:
        >>> place_of("file:///exports/2024").as_posix()
        '/exports/2024'
    """
    text = str(place)
    if text.startswith("file://"):
        return Path(text.removeprefix("file://"))
    return ObjectPath(text, storage) if is_url(text) else Path(place)


def is_url(text: str) -> bool:
    """Whether a text is a URL with a place, and no path.

    Example:
        >>> is_url("gs://bucket/e"), is_url("exports/2024-05-01T00:00:05_24305")
        (True, False)
    """
    return _URL.match(text) is not None


def _children(folder: str, entries: list[dict[str, Any]]) -> dict[str, Stat | None]:
    """Marks of folders (objects whose names end with a slash) are no children."""
    children: dict[str, Stat | None] = {}
    prefix = folder.strip("/") + "/" if folder.strip("/") else ""
    for entry in entries:
        name = str(entry["name"]).lstrip("/")
        inner, slash, below = name.removeprefix(prefix).partition("/")
        if not name.startswith(prefix) or not inner:
            continue
        if entry.get("type") == "directory" or below:
            children.setdefault(inner, None)
        elif not slash:
            children[inner] = _stat(entry)
    return dict(sorted(children.items()))


def _stat(info: Mapping[str, Any]) -> Stat:
    kind = next((key for key in _IDENTITY if info.get(key)), "")
    value = info.get(kind, "")
    if isinstance(value, datetime):
        value = value.timestamp()  # some stores list a number and answer a time
    return Stat(int(info["size"] or 0), kind.lower(), str(value).strip('"'))
