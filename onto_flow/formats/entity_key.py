"""The key of a record: which document it is, of which database."""

from __future__ import annotations

from typing import NamedTuple

from .entity_parts import bad_document, get_bytes, get_path
from .wire import get_varint

_MAX_APPS = 20_000


class Key(NamedTuple):
    """The name of a document: its path, its database, whether the emulator wrote it, and where its fields begin."""

    path: str
    database: str
    emulator: bool
    end: int


class Keys:
    """Reads the keys of one export; keeps the names of databases that it met."""

    def __init__(self) -> None:
        self._apps: dict[tuple[bytes, bytes], tuple[str, bool]] = {}

    def read(self, data: bytes) -> Key:
        """The key that a record begins with."""
        if data[0] != 0x6A:
            raise bad_document("a record that does not begin with a key", 0)
        size, at = get_varint(data, 1)
        stop = at + size
        if stop > len(data) or data[at] != 0x6A:
            raise bad_document("a key that is cut or names no project", at)
        app, at = get_bytes(data, at + 1, stop)
        if data[at] != 0x72:
            raise bad_document("a key without a path", at)
        size, at = get_varint(data, at + 1)
        path, at = get_path(data, at, at + size)
        return Key(path, *self.database(app, data, at, stop), stop)

    def database(self, app: bytes, data: bytes, at: int, stop: int) -> tuple[str, bool]:
        """See `database_of`; what stands behind the path goes from `at` to `stop`."""
        rest = data[at:stop]
        found = self._apps.get((app, rest))
        if found is None:
            if at > stop:
                raise bad_document("a key that is longer than it says", at)
            if len(self._apps) > _MAX_APPS:
                self._apps.clear()
            found = self._apps[app, rest] = database_of(app, rest)
        return found


def database_of(app: bytes, rest: bytes) -> tuple[str, bool]:
    """The database that a key or a reference names, `projects/P/databases/D`, and whether the emulator wrote it.

    Args:
        app: The project, with the prefix of its location (`s~`, `dev~`).
        rest: What stands behind the path.

    Raises:
        DataError: `bad-document` for a namespace, which only Datastore has.
    """
    prefix, tilde, project = app.decode().partition("~")
    name = f"projects/{project if tilde else prefix}/databases/{_database_id(rest) or '(default)'}"
    return name, prefix == "dev"


def _database_id(rest: bytes) -> str:
    """What stands behind the path of a key: a namespace, which must be empty, and the id of a named database."""
    name, at = b"", 0
    while at < len(rest):
        tag = rest[at : at + 2]
        part, at = get_bytes(rest, at + 2, len(rest))
        if tag == b"\xba\x01":
            name = part
        elif tag != b"\xa2\x01" or part:
            raise bad_document("a key with a namespace, which Firestore does not have", at)
    return name.decode()
