"""The filters of Pub/Sub's subscriptions.

```
attributes:name   attributes.name = "a"   attributes.name != "a"   hasPrefix(attributes.name, "a")
NOT ...   -...   ... AND ...   ... OR ...   ( ... )
```

`AND` and `OR` are not mixed without parentheses, and keywords are in capitals, as Pub/Sub wants it
(https://cloud.google.com/pubsub/docs/subscription-message-filter).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

Filter = Callable[[Mapping[str, str]], bool]
"""Whether a message with these attributes is wanted."""

_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|(!=|[=():.,-])|([A-Za-z_][A-Za-z0-9_]*))')
_LONGEST = 256
"""Bytes of a filter: Pub/Sub's own limit."""


def parse_filter(text: str) -> Filter:
    """What a filter says; an empty one wants everything.

    Raises:
        ValueError: It is none, or too long.

    Example:
        >>> wanted = parse_filter('attributes:kind AND NOT hasPrefix(attributes.kind, "test")')
        >>> wanted({"kind": "order"}), wanted({"kind": "test-order"}), wanted({})
        (True, False, False)
    """
    if len(text.encode()) > _LONGEST:
        raise ValueError(f"a filter of more than {_LONGEST} bytes")
    tokens = _Tokens(text)
    if tokens.next is None:
        return lambda attributes: True
    wanted = _condition(tokens)
    if tokens.next is not None:
        raise ValueError(f"{tokens.next!r} is not expected in {text!r}")
    return wanted


class _Tokens:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self.next: str | None = None
        self.take()

    def take(self) -> str:
        """The next token, and goes on behind it."""
        taken = self.next or ""
        rest = self._text[self._at :]
        found = _TOKEN.match(rest)
        if found is None and rest.strip():
            raise ValueError(f"{rest.strip()[:20]!r} is not expected in {self._text!r}")
        self.next = None if found is None else found[0].strip()
        self._at += 0 if found is None else found.end()
        return taken

    def want(self, token: str) -> None:
        """Goes on behind a token that must be there."""
        if self.next != token:
            raise ValueError(f"{token!r} is missing before {self.next or 'the end'!r} in {self._text!r}")
        self.take()


def _condition(tokens: _Tokens) -> Filter:
    parts = [_term(tokens)]
    joined = tokens.next if tokens.next in ("AND", "OR") else None
    while joined is not None and tokens.next == joined:
        tokens.take()
        parts.append(_term(tokens))
    if tokens.next in ("AND", "OR"):
        raise ValueError("AND and OR are mixed without parentheses")
    every = all if joined != "OR" else any
    return parts[0] if len(parts) == 1 else lambda attributes: every(part(attributes) for part in parts)


def _term(tokens: _Tokens) -> Filter:
    if tokens.next in ("NOT", "-"):
        tokens.take()
        inner = _term(tokens)
        return lambda attributes: not inner(attributes)
    if tokens.next == "(":
        tokens.take()
        inner = _condition(tokens)
        tokens.want(")")
        return inner
    if tokens.next == "hasPrefix":
        tokens.take()
        tokens.want("(")
        name = _attribute(tokens)
        tokens.want(",")
        prefix = _text(tokens)
        tokens.want(")")
        return lambda attributes: attributes.get(name, "").startswith(prefix) and name in attributes
    return _comparison(tokens)


def _comparison(tokens: _Tokens) -> Filter:
    tokens.want("attributes")
    if tokens.next == ":":
        tokens.take()
        name = _name(tokens)
        return lambda attributes: name in attributes
    tokens.want(".")
    name = _name(tokens)
    differs = tokens.next == "!="
    if not differs and tokens.next != "=":
        raise ValueError(f"'=' or '!=' is missing before {tokens.next or 'the end'!r}")
    tokens.take()
    value = _text(tokens)
    return lambda attributes: (attributes.get(name) == value) is not differs


def _attribute(tokens: _Tokens) -> str:
    tokens.want("attributes")
    tokens.want(".")
    return _name(tokens)


def _name(tokens: _Tokens) -> str:
    token = tokens.take()
    if token.startswith('"'):
        return str(json.loads(token))
    if not token.isidentifier():
        raise ValueError(f"{token!r} is no name of an attribute")
    return token


def _text(tokens: _Tokens) -> str:
    token = tokens.take()
    if not token.startswith('"'):
        raise ValueError(f"a text in double quotes is missing where {token!r} stands")
    return str(json.loads(token))
