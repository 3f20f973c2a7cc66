"""One connection to PostgreSQL: a URI as libpq takes it, one transaction at a time, and no secret in any message."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar
from urllib.parse import unquote

import psycopg
from psycopg import conninfo, pq

from ...core.errors import EngineError, UsageError, did_you_mean

RECONNECT_SECONDS = 1.0
"""How long to wait before the one further attempt after a connection was lost."""
CONNECT_SECONDS = 10
"""How long to wait for a server that does not answer, where neither the URI nor PGCONNECT_TIMEOUT says it."""

_URI = re.compile(r"(postgres(?:ql)?://(?:[^@/]*@)?[^?]*)(?:\?(.*))?\Z", re.DOTALL)
_OWN = ("schema",)
_SECRET = ("password", "sslpassword")
_LOST = ("57P01", "57P02", "57P03", "40001", "40P01")
"""The server stops or starts; another transaction was in the way. Class 08 is the connection's."""
_DATA = "22"
"""The class of errors whose message holds values."""

T = TypeVar("T")
Connection: TypeAlias = "psycopg.Connection[Any]"


class Database:
    """A database that is connected to when it is needed, and again after the connection was lost.

    Args:
        uri: `postgresql://USER@HOST/DB?OPTIONS`: libpq's options, and `schema`.

    Attributes:
        schema: The schema that the URI names; empty where it names none.
        shown: What the database is called in messages: nothing secret.

    Raises:
        UsageError: `wrong-usage` when the URI cannot be understood.
    """

    def __init__(self, uri: str) -> None:
        place, options = _split(uri)
        self.schema = options.get("schema", "")
        parts = _parts(place)
        secrets = {str(found) for name in _SECRET if (found := parts.get(name) or _defaults().get(name))}
        self._secrets = sorted(secrets, key=len, reverse=True)
        self._conninfo = conninfo.make_conninfo("", **parts, client_encoding="UTF8")
        self.shown = _shown(parts)
        self._connection: Connection | None = None

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Runs work in one transaction; once more, in a new one, where the connection was lost or another was in the way.

        Args:
            work: May run twice, also when the first one was committed and the answer got lost.

        Raises:
            EngineError: `sink-failed`; nothing, or all, of the work was done.
        """
        try:
            return self._once(work)
        except psycopg.Error as error:
            if not self._passing(error):
                raise self._failed(error) from None
        self.close()
        time.sleep(RECONNECT_SECONDS)
        try:
            return self._once(work)
        except psycopg.Error as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Lets go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _once(self, work: Callable[[Connection], T]) -> T:
        connection = self._connection
        if connection is None or connection.closed:
            connection = self._connection = self._connect()
        with connection.transaction():
            return work(connection)

    def _connect(self) -> Connection:
        connection = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=None)
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        connection.read_only = False
        return connection

    def _passing(self, error: psycopg.Error) -> bool:
        if error.sqlstate:
            return error.sqlstate in _LOST or error.sqlstate.startswith("08")
        return self._connection is not None and self._connection.closed

    def _failed(self, error: psycopg.Error) -> EngineError:
        what = error.diag.message_primary or str(error).strip()
        if (error.sqlstate or "").startswith(_DATA):
            what = f"{type(error).__name__} (SQLSTATE {error.sqlstate})"
        for secret in self._secrets:
            what = what.replace(secret, "(hidden)")
        return EngineError("sink-failed", f"PostgreSQL: {what}", where=self.shown)


def _defaults() -> dict[str, str]:
    """The options of libpq, and what the environment says for them (`PGPASSWORD` and its like)."""
    return {option.keyword.decode(): (option.val or b"").decode() for option in pq.Conninfo.get_defaults()}


def _split(uri: str) -> tuple[str, dict[str, str]]:
    """The URI without our own options, and these."""
    match = _URI.fullmatch(uri)
    if match is None:
        raise UsageError("wrong-usage", "a place in PostgreSQL is written postgresql://USER@HOST/DATABASE?schema=NAME")
    place, query = match[1], match[2] or ""
    pairs = [pair for pair in query.split("&") if pair]
    own = {name: unquote(value) for name, _, value in (pair.partition("=") for pair in pairs) if name in _OWN}
    rest = [pair for pair in pairs if pair.partition("=")[0] not in _OWN]
    known = [*_defaults(), "ssl"]
    unknown = [name for name in (unquote(pair.partition("=")[0]) for pair in rest) if name not in known]
    if unknown and "@" in query:
        raise _not_understood()
    if unknown:
        fix = did_you_mean(unknown[0], [*known, *_OWN])
        raise UsageError("unknown-name", f"PostgreSQL has no option {unknown[0]!r:.80}", fix=fix)
    return f"{place}?{'&'.join(rest)}" if rest else place, own


def _parts(place: str) -> dict[str, Any]:
    try:
        parts: dict[str, Any] = conninfo.conninfo_to_dict(place)
    except psycopg.Error:  # its text may hold the password
        raise _not_understood() from None
    if (
        "@" in str(parts.get("host", ""))[1:]
    ):  # what follows the first @ of a password; at the beginning: an abstract socket
        raise _not_understood()
    defaults = {"fallback_application_name": "onto-flow"}
    if not _defaults().get("connect_timeout"):
        defaults["connect_timeout"] = str(CONNECT_SECONDS)
    return {**defaults, **parts}


def _not_understood() -> UsageError:
    return UsageError(
        "wrong-usage",
        "this URI of PostgreSQL cannot be understood (it is not shown: it may hold a password)",
        fix="Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE; in a password @ is %40, / is %2F, ? is %3F, % is %25.",
    )


def _shown(parts: dict[str, Any]) -> str:
    user = f"{parts['user']}@" if parts.get("user") else ""
    port = f":{parts['port']}" if parts.get("port") else ""
    return f"postgresql://{user}{parts.get('host', '')}{port}/{parts.get('dbname', '')}"
