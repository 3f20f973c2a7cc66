"""Full resource names (`projects/P/databases/D/documents/users/u1`) <-> a database and a path relative to its root."""

from __future__ import annotations

import re
from functools import lru_cache

from ..core.errors import DataError
from ..core.keys import check_path

DATABASE = re.compile(r"projects/([^/]+)/databases/([^/]+)")
DEFAULT_DATABASE = "projects/demo-onto-flow/databases/(default)"
"""Where documents come from when nobody says otherwise; a project whose id begins with `demo-` exists nowhere."""


def split_name(name: str) -> tuple[str | None, str]:
    """The database (`None` for a relative path) and the path of a document.

    Raises:
        DataError: `bad-key` when it is neither.

    Example:
        >>> split_name("projects/p/databases/(default)/documents/users/u1")
        ('projects/p/databases/(default)', 'users/u1')
        >>> split_name("users/u1")
        (None, 'users/u1')
    """
    if not isinstance(name, str):
        raise DataError("bad-key", f"{name!r:.80} is not the name of a document")
    if not name.isascii() and name != name.encode(errors="replace").decode():
        raise DataError("bad-key", f"{name!r:.200} is not Unicode text")
    parts = name.split("/", 5)
    if len(parts) == 6 and (parts[0], parts[2], parts[4]) == ("projects", "databases", "documents"):
        return "/".join(parts[:4]), check_path(parts[5])
    return None, check_path(name)


_MAX_KEPT = 300
_kept = lru_cache(maxsize=4096)(split_name)


def split_reference(name: str) -> tuple[str | None, str]:
    """`split_name`, remembered: both sides of an event refer to the same documents, and most events of a feed do."""
    return _kept(name) if type(name) is str and len(name) <= _MAX_KEPT else split_name(name)


def full_name(path: str, database: str | None) -> str:
    """The full name of a document; the path itself where no database is known.

    Example:
        >>> full_name("users/u1", "projects/p/databases/d"), full_name("users/u1", None)
        ('projects/p/databases/d/documents/users/u1', 'users/u1')
    """
    return f"{database}/documents/{path}" if database else path
