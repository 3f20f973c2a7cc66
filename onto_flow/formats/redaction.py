"""What of a dead letter may be shown: values of sensitive fields are cut out, also where they stand in its texts.

Bytes in which a sensitive field is named, and which are no JSON, are not shown at all.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from ..core.change import DeadLetter
from ..core.errors import DataError
from .typed_json import encode_value

MAX_PAYLOAD = 15_000_000
"""Characters of one payload: a message of Pub/Sub of 10 MB, in base64."""
MAX_TEXT = 20_000
REDACTED = "(redacted)"
_SHORTEST_HIDDEN = 4


def redacted(letter: DeadLetter, names: frozenset[str]) -> DeadLetter:
    """The letter as it is kept: its texts not too long, its payload text.

    Args:
        letter: What failed.
        names: Fields whose values are never shown.

    Example:
        >>> redacted(DeadLetter("k", "no '+44 1234'", payload={"phone": "+44 1234"}), frozenset({"phone"}))[1::2]
        ("no '(redacted)'", '{"mapValue": {"fields": {"phone": {"stringValue": "(redacted)"}}}}', '')
    """
    redaction = Redaction(names)
    payload = storable(_payload(letter.payload, redaction))
    reason, stack = (storable(redaction.text(text)) for text in (letter.reason, letter.stack))
    return letter._replace(key=storable(letter.key), reason=reason[:MAX_TEXT], stack=stack[-MAX_TEXT:], payload=payload)


def is_whole(payload: str) -> bool:
    """Whether nothing was cut out of a payload that `redacted` gave."""
    return REDACTED not in payload and len(payload) <= MAX_PAYLOAD


def storable(text: str) -> str:
    """The text where it is Unicode; what is not stands as an escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _payload(payload: Any, redaction: Redaction) -> str:
    """The payload as text: a line of a feed as it is, values as JSON in Firestore's typed form."""
    if payload is None:
        return ""
    text = redaction.line(payload) if isinstance(payload, bytes) else ""
    if not text:
        shown = redaction.value(payload)
        try:
            text = json.dumps(encode_value(shown), ensure_ascii=False)
        except DataError:
            text = repr(shown)
    return text if len(text) <= MAX_PAYLOAD else f"{text[:MAX_PAYLOAD]}... (cut: {len(text):,} characters)"


class Redaction:
    """Cuts the values of some fields out of one letter, and remembers them.

    Example:
        >>> redaction = Redaction(frozenset({"iban"}))
        >>> redaction.value({"name": "Ada", "iban": "DE0012"}), redaction.text("ValueError: 'DE0012'")
        ({'name': 'Ada', 'iban': '(redacted)'}, "ValueError: '(redacted)'")
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._raw = [name.encode() for name in names]
        self._hidden: set[str] = set()

    def line(self, payload: bytes) -> str:
        """A line of a feed as text; empty when it is none, or cannot be redacted."""
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            return ""
        if not self._names:
            return text
        try:
            whole = json.loads(text)
            shown = self.value(whole)
        except (ValueError, RecursionError):
            return "" if self._named(payload) else text
        return text if shown == whole else json.dumps(shown, ensure_ascii=False)

    def value(self, value: Any) -> Any:
        """A value without what is hidden."""
        if isinstance(value, dict):
            return {k: self._hide(v) if k in self._names else self.value(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(v) for v in value]
        raw = value if isinstance(value, bytes) else _bytes_of(value) if isinstance(value, str) else b""
        return REDACTED if self._named(raw) else value

    def text(self, text: str) -> str:
        """A text without the values that were hidden so far, also where only their beginning is left."""
        for hidden in sorted(self._hidden, key=len, reverse=True):
            at = text.find(hidden[:16])
            while at >= 0:
                text = text[:at] + REDACTED + text[at + _shared(text[at:], hidden) :]
                at = text.find(hidden[:16], at + len(REDACTED))
        return text

    def _named(self, raw: bytes) -> bool:
        return any(name in raw for name in self._raw)

    def _hide(self, value: Any) -> str:
        waiting = [value]
        while waiting:
            found = waiting.pop()
            if isinstance(found, dict):
                waiting += found.values()
            elif isinstance(found, (list, tuple)):
                waiting += found
            elif found is not None and not isinstance(found, bool) and len(str(found)) >= _SHORTEST_HIDDEN:
                self._hidden.add(str(found))
        return REDACTED


def _shared(left: str, right: str) -> int:
    """How many characters two texts begin with together."""
    pairs = enumerate(zip(left, right))
    return next((at for at, (a, b) in pairs if a != b), min(len(left), len(right)))


def _bytes_of(text: str) -> bytes:
    """The bytes that a text stands for in base64; none where it is not base64."""
    if len(text) % 4 or len(text) < 16:
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
