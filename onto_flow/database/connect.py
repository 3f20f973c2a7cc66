"""URIs of document databases: `sqlite:FILE?option=value`, `firestore://PROJECT/DATABASE`."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from ..core.errors import UsageError
from ..core.options import refuse_unknown
from ..core.registry import Entry, load
from .base import Database

DATABASES = {
    "sqlite": Entry("onto_flow.database.embedded:EmbeddedDatabase"),
    "firestore": Entry("onto_flow.database.firestore:FirestoreDatabase", "firestore"),
}
_FROM_PYTHON = ("clock", "create")
"""Options that no text can give."""


def open_database(uri: str, *, create: bool = True) -> Database:
    """The database that a URI names.

    Args:
        uri: Such as `sqlite:app.sqlite`.
        create: Whether one that does not exist may be made.

    Raises:
        UsageError: `not-found`; `wrong-usage`, `unknown-name`: a URI, a kind or an option that is none.
        EngineError: `database-failed`, `no-credentials`.
    """
    factory, place, options = _named(uri)
    database: Database = factory(place, create=create, **options)
    return database


def check_database(uri: str) -> None:
    """Whether a URI names a database: whoever opens it may be on another machine, so a service is not contacted.

    Raises:
        UsageError: As `open_database`: also a file that is not there.
    """
    factory, place, _ = _named(uri)
    factory.check(place)


def _named(uri: str) -> tuple[Any, str, dict[str, str]]:
    """What opens a database, its place, and its options."""
    scheme, colon, rest = uri.partition(":")
    place, _, text = rest.partition("?")
    if not colon or not place:
        raise UsageError("wrong-usage", f"{uri!r:.200} is not the URI of a database", fix="Such as sqlite:app.sqlite.")
    factory = load("database", scheme, DATABASES)
    options = dict(parse_qsl(text, keep_blank_values=True))
    refuse_unknown(options, factory, f"database {scheme!r}", repr(uri[:200]), _FROM_PYTHON)
    return factory, place, options
