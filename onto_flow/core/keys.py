r"""From a key to a document id: one injective encoding.

| key | id |
|---|---|
| text | as it is, with `%`, `/`, `\|` and control characters as `%XX` |
| text that begins with `=` | `%3D...` |
| `""` | `%` |
| `.`, `..`, `__x__` | the first character as `%XX` |
| integer, double, boolean | `=1995`, `=19.5`, `=true` |
| timestamp | `=@2024-05-01T00:00:00.000000Z` |
| bytes | `=b` and base64 (URL alphabet, no padding) |
| reference | `=r` and its path as text; of another database `=R`, that database, `/` and the path |
| tuple | parts joined by `\|`; one part: with `\|` behind it; `None` as a part: `=null` |
| longer than 1,500 bytes | its first 1,400 bytes, `%~` and the SHA-256 of all |

`None` means: no document.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from typing import Any

from .errors import DataError
from .values import Reference, to_micros

MAX_ID_BYTES = 1500
_KEPT_BYTES = 1400
_UNSAFE = re.compile("[%/|\x00-\x1f\x7f]")
_ESCAPED = re.compile("%([0-9A-F]{2})|%$")
_RESERVED = re.compile(r"\.\.?|__.*__", re.DOTALL)


def document_id(key: Any) -> str:
    """The document id of a key.

    Raises:
        DataError: `bad-key` for a value that cannot be a key.

    Example:
        >>> document_id("u1"), document_id(("Acme", "a|b")), document_id(1995), document_id("a/b"), document_id("__x__")
        ('u1', 'Acme|a%7Cb', '=1995', 'a%2Fb', '%5F_x__')
    """
    text = _part(key) if not isinstance(key, tuple) else "|".join(_part(p) for p in key) + "|" * (len(key) < 2)
    if _RESERVED.fullmatch(text):
        text = _escape(text[0]) + text[1:]
    raw = text.encode()
    if len(raw) <= MAX_ID_BYTES:
        return text
    return raw[:_KEPT_BYTES].decode(errors="ignore") + "%~" + hashlib.sha256(raw).hexdigest()


def texts_of(name: str) -> tuple[str | None, ...]:
    """The parts of the key that has a document id: texts, and `None` for what is no text; nothing of a key that is too long.

    Example:
        >>> texts_of(document_id("u1")), texts_of(document_id(("a|b", "", 7, "=x"))), texts_of(document_id("x" * 1501))
        (('u1',), ('a|b', '', None, '=x'), ())
    """
    if "%~" in name:
        return ()
    parts = name.removesuffix("|").split("|")
    return tuple(None if p.startswith("=") else _ESCAPED.sub(_unescape, p) for p in parts)


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else ""


def _escape(char: str) -> str:
    return f"%{ord(char):02X}"


def _part(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if value is None:
        return "=null"
    if isinstance(value, bool):
        return "=true" if value else "=false"
    if isinstance(value, (int, float)):
        return f"={value!r}"
    if isinstance(value, datetime):
        to_micros(value)
        return f"=@{value.strftime('%Y-%m-%dT%H:%M:%S.%f').zfill(26)}Z"
    if isinstance(value, bytes):
        return "=b" + base64.urlsafe_b64encode(value).decode().rstrip("=")
    if isinstance(value, Reference):
        return "=r" + _text(value.path) if value.database is None else "=R" + _text(f"{value.database}/{value.path}")
    raise DataError(
        "bad-key",
        f"a {type(value).__name__} cannot be (part of) a key: {value!r:.80}",
        fix="Use text, numbers, booleans, timestamps, bytes, references, or a flat tuple of them.",
    )


def _text(value: str) -> str:
    if not value:
        return "%"
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataError("bad-key", f"a key that is not Unicode text: {value!r:.80}") from error
    escaped = _UNSAFE.sub(lambda m: _escape(m[0]), value)
    return f"%3D{escaped[1:]}" if escaped.startswith("=") else escaped


def check_path(path: str) -> str:
    """The path itself when it names a document.

    Raises:
        DataError: `bad-key` for an odd number of parts, an empty part, `.`, `..` or a part over 1,500 bytes.

    Example:
        >>> check_path("users/u1/notes/n1")
        'users/u1/notes/n1'
    """
    parts = path.split("/")
    if len(parts) % 2 or not all(parts) or "." in parts or ".." in parts:
        raise DataError("bad-key", f"{path!r:.200} is not the path of a document", fix="Use collection/id, or deeper.")
    if len(path) > MAX_ID_BYTES // 4 and any(len(p.encode(errors="replace")) > MAX_ID_BYTES for p in parts):
        raise DataError("bad-key", f"{path!r:.200} has a part of more than {MAX_ID_BYTES} bytes")
    return path
