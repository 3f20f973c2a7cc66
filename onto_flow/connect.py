"""URIs to connectors: `scheme:place?option=value`; a bare path is an export, or a feed's file.

The URL of an object store (`gs://bucket/export`) is bare too; options may follow a bare place. A database is given its
URI whole, with the options of its own client.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from inspect import signature
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl

from .core.change import DeadLetter
from .core.errors import EngineError, UsageError, did_you_mean
from .core.options import refuse_unknown
from .core.registry import Entry, load
from .deadletters import DeadLetters
from .formats.object_path import is_url
from .sinks.base import Sharing, Sink
from .sources.base import Source

SOURCES = {
    "export": Entry("onto_flow.sources.firestore_export:FirestoreExport"),
    "firestore": Entry("onto_flow.sources.firestore:FirestoreDocuments", "firestore"),
    "jsonl": Entry("onto_flow.sources.jsonl:JsonLines"),
    "parquet": Entry("onto_flow.sources.parquet:ParquetDocuments", "parquet"),
    "sqlite": Entry("onto_flow.sources.sqlite:SqliteDocuments"),
}
FEEDS = {
    "firestore": Entry("onto_flow.sources.firestore_feed:FirestoreFeed", "firestore"),
    "jsonl": Entry("onto_flow.sources.jsonl:JsonLinesFeed"),
    "pubsub": Entry("onto_flow.sources.pubsub:PubSubFeed", "pubsub"),
    "sqlite": Entry("onto_flow.sources.sqlite:SqliteFeed"),
}
SINKS = {
    "bigquery": Entry("onto_flow.sinks.bigquery:open_sink", "bigquery"),
    "firestore": Entry("onto_flow.sinks.firestore:open_sink", "firestore"),
    "jsonl": Entry("onto_flow.sinks.jsonl:JsonLinesSink"),
    "parquet": Entry("onto_flow.sinks.parquet:ParquetSink", "parquet"),
    "memory": Entry("onto_flow.sinks.memory:MemorySink"),
    "pubsub": Entry("onto_flow.sinks.pubsub:PubSubSink", "pubsub"),
    "sqlite": Entry("onto_flow.sinks.sqlite:SqliteSink"),
    "postgresql": Entry("onto_flow.sinks.postgresql:PostgresSink", "postgresql"),
    "postgres": Entry("onto_flow.sinks.postgresql:PostgresSink", "postgresql"),
}
LETTERS = {"pubsub": Entry("onto_flow.sinks.pubsub.letters:LetterTopic", "pubsub")}
_WHOLE = ("postgresql", "postgres")
_IN_FILES = (None, "export", "jsonl", "memory", "parquet", "seeds", "sqlite")
_FROM_PYTHON = ("clock", "storage")
"""Options that no text can give."""
_SECRETS = re.compile(r"(?<=//)\S*@|(?<=password=)[^&]*")
_SCHEMES = SOURCES.keys() | FEEDS.keys() | SINKS.keys()
_OPTIONS = re.compile(r"\?([a-z_]+=[^?]*)\Z")
"""A name may hold a question mark: what follows it must look like options."""


def open_source(uri: str) -> Source:
    """The source of documents that a URI names.

    Raises:
        UsageError: An unknown scheme or option.
        DataError: `bad-export`, `not-found`.
    """
    source: Source = _open("source", uri, SOURCES, "export")
    return source


def open_feed(uri: str, **options: str) -> Source:
    """The feed that a URI names; `-` is standard input; `options` go before those of the URI."""
    feed: Source = _open("feed", uri, FEEDS, "jsonl", options)
    return feed


def open_sink(uri: str, **options: str) -> Sink:
    """The sink that a URI names; `options` go before those of the URI."""
    sink: Sink = _open("sink", uri, SINKS, None, options)
    return sink


def open_writer(uri: str, **options: str) -> Sink:
    """The sink that a URI names, opened as one of several writers; see `sinks.base.Sharing`."""
    return open_sink(uri, shared="true", **options)


def sharing(uri: str) -> Sharing:
    """Where several writers may write the tables of a sink together; nothing is opened.

    Example:
        >>> sharing("jsonl:changes.jsonl"), sharing("memory:")
        ('here', 'nowhere')
    """
    scheme = split(uri)[0]
    if scheme is None:
        raise UsageError("wrong-usage", f"{shown(uri)!r} does not say what kind of sink it is")
    return _sharing(scheme)


def _sharing(scheme: str) -> Sharing:
    load("sink", scheme, SINKS)
    found: Sharing = getattr(sys.modules[SINKS[scheme].target.partition(":")[0]], "SHARING", "nowhere")
    return found


def check_writers(uri: str, where: Sharing) -> None:
    """Whether several writers may write a sink's tables together.

    Args:
        uri: The sink.
        where: `here`: all of them are in this machine; `anywhere`.

    Raises:
        EngineError: `engine-refused`, with the sinks that can.
    """
    enough = ("anywhere", where)
    if sharing(uri) in enough:
        return
    can = []
    for name in SINKS:
        with suppress(EngineError):
            can += [name] if _sharing(name) in enough else []
    place = "several writers at once" if where == "here" else "writers on several machines"
    what = f"the sink {split(uri)[0]} does not take {place}, as a stream on Beam writes"
    raise EngineError("engine-refused", what, where=shown(uri), fix=f"Write to {', '.join(can)}.")


class Letters(Protocol):
    """Where dead letters go."""

    def put(self, letter: DeadLetter) -> None:
        """Takes a letter, or one that takes an earlier one of its key back."""

    def flush(self) -> None:
        """Waits until all that was put is permanent."""

    def close(self) -> None:
        """Flushes, and lets go of files and connections."""


def open_letters(place: str | Path, redact: Iterable[str] = ()) -> Letters:
    """Where dead letters go: a file, or the topic of a URI.

    Args:
        place: `FILE`, or `pubsub://PROJECT/TOPIC`.
        redact: Names of fields whose values are never kept.
    """
    scheme, topic, _ = split(str(place))
    if scheme not in LETTERS:
        return DeadLetters(place, redact=redact)
    letters: Letters = load("place of dead letters", scheme, LETTERS)(topic, redact=redact)
    return letters


def split(uri: str) -> tuple[str | None, str, dict[str, str]]:
    """(scheme, place, options) of a URI.

    Example:
        >>> split("parquet:out/tables?x=1"), split("exports/2024-05-01T00:00:05_24305")
        (('parquet', 'out/tables', {'x': '1'}), (None, 'exports/2024-05-01T00:00:05_24305', {}))
        >>> split("gs://bucket/export?accept_mismatch=true"), split("exports/what?")
        ((None, 'gs://bucket/export', {'accept_mismatch': 'true'}), (None, 'exports/what?', {}))
    """
    scheme, colon, rest = uri.partition(":")
    if not colon or not scheme.isalnum() or not scheme[0].isalpha() or (is_url(uri) and scheme not in _SCHEMES):
        query = _OPTIONS.search(uri)
        return (None, uri[: query.start()], dict(parse_qsl(query[1]))) if query else (None, uri, {})
    place, _, text = rest.partition("?")
    return scheme, place, dict(parse_qsl(text, keep_blank_values=True))


def is_here(uri: str) -> bool:
    """Whether what a URI names is in files of this machine, or in this process: workers elsewhere do not see it.

    Example:
        >>> [is_here(uri) for uri in ("exports/1", "parquet:tables", "sqlite:app.sqlite", "file:///exports/1", "memory:")]
        [True, True, True, True, True]
        >>> [is_here(uri) for uri in ("gs://b/exports/1", "parquet:s3://b/tables", "firestore://p", "postgresql://db/shop")]
        [False, False, False, False]
    """
    scheme, place, _ = split(uri)
    return scheme in _IN_FILES and (not is_url(place) or place.startswith(("file://", "memory://")))


def with_option(uri: str, name: str, value: str) -> str:
    """A URI with one option more.

    Example:
        >>> with_option("firestore://p/d?shared=true", "dry_run", "true")
        'firestore://p/d?shared=true&dry_run=true'
    """
    return f"{uri}{'&' if _OPTIONS.search(uri) else '?'}{name}={value}"


def shown(uri: str) -> str:
    """A URI without what may be secret in it.

    Example:
        >>> shown("postgresql://ada:geheim@db/shop?password=geheim&sslmode=require")
        'postgresql://...@db/shop?password=...&sslmode=require'
    """
    return _SECRETS.sub(lambda found: "...@" if found[0].endswith("@") else "...", uri)


def _open(
    kind: str, uri: str, entries: dict[str, Entry], bare: str | None, more: Mapping[str, str] | None = None
) -> Any:
    scheme, place, options = split(uri)
    options |= more or {}
    if scheme is None:
        if bare is None:
            raise UsageError(
                "wrong-usage", f"{shown(uri)!r} does not say what kind of {kind} it is", fix=did_you_mean("", entries)
            )
        scheme = uri.partition(":")[0] if kind == "feed" and is_url(uri) else bare
    factory = load(kind, scheme, entries)
    if scheme in _WHOLE:
        if more:
            raise UsageError("unknown-name", f"{kind} {scheme!r} has no option {', '.join(more)}", where=shown(uri))
        return factory(uri)
    _check_options(kind, scheme, place, options, factory, shown(uri))
    return factory(place, **options) if place else factory(**options)


def _check_options(kind: str, scheme: str, place: str, options: Mapping[str, str], factory: Any, where: str) -> None:
    """Raises: UsageError: an option that the connector does not have, or no place where it needs one."""
    refuse_unknown(options, factory, f"{kind} {scheme!r}", where, _FROM_PYTHON)
    parameters = signature(factory).parameters.values()
    takes_place = any(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    if takes_place is not bool(place):
        what = f"{kind} {scheme!r} {'needs a place' if takes_place else 'has no place'}"
        fix = f"Write {scheme}:PLACE." if takes_place else f"Write {scheme}:"
        raise UsageError("wrong-usage", what, where=repr(where), fix=fix)
