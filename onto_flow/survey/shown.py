"""How counts, shares, sizes, names and values are shown to people; nothing of a document can move a terminal's cursor."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..core.values import GeoPoint, Reference
from ..formats.times import format_time
from .facts import FieldSurvey, Names, ReferenceSurvey, Survey, TypeSurvey
from .kinds import SHOWN
from .patterns import pattern_of

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
_SHORT = 40


def share(part: float, whole: float) -> str:
    """A share in percent; 0 and 100 only where they are exact.

    Example:
        >>> [share(n, 10_000) for n in (0, 1, 50, 2500, 9999, 10_000)]
        ['0 %', '<0.1 %', '0.5 %', '25 %', '99.9 %', '100 %']
    """
    if not part or not whole:
        return "0 %"
    percent = 100 * part / whole
    if part >= whole:
        return "100 %"
    if percent < 0.1:
        return "<0.1 %"
    cut = math.floor(percent * 10 + 1e-9) / 10
    return f"{cut:.0f} %" if cut == int(cut) else f"{cut:.1f} %"


def size(number: int) -> str:
    """Bytes in a unit that suits them.

    Example:
        >>> size(147), size(3350), size(5 << 20)
        ('147 bytes', '3.2 KiB', '5.0 MiB')
    """
    value, unit = float(number), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{number} bytes" if not unit else f"{math.floor(value * 10) / 10:.1f} {_UNITS[unit]}"


def count(number: int, estimated: bool = False) -> str:
    """A count; an estimate has a tilde, and three digits that count.

    Example:
        >>> count(20196), count(123456, estimated=True)
        ('20,196', '~123,000')
    """
    if not estimated:
        return f"{number:,}"
    step = 10 ** max(len(str(number)) - 3, 0)
    return f"~{round(number / step) * step:,}"


def counted(number: int, noun: str) -> str:
    """So many of something.

    Example:
        >>> counted(1, "document"), counted(1200, "document")
        ('1 document', '1,200 documents')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def clean(text: str) -> str:
    r"""A text on one line, without anything that a terminal would obey.

    Example:
        >>> print(clean("a\nb\x1b[31m\u202eé"))
        a\nb\x1b[31m\u202eé
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cut(text: str, limit: int = SHOWN) -> str:
    """A text of so many characters at most; a dot-dot-dot says that there was more."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def value(one: Any, limit: int = _SHORT) -> str:
    """A value as it is shown in a table."""
    return clean(cut(_TEXTS.get(type(one), str)(one), limit))


def _bytes(one: bytes) -> str:
    return "0x" + one[: SHOWN // 2].hex() + ("…" if len(one) > SHOWN // 2 else "")


_TEXTS: dict[type, Callable[[Any], str]] = {
    bool: lambda v: str(v).lower(),
    int: str,
    float: lambda v: f"{v:.6g}" if abs(v) < 1e6 or not v.is_integer() else f"{v:.12g}",
    str: lambda v: v if v and v == v.strip() else f"'{v}'",
    bytes: _bytes,
    datetime: lambda v: format_time(v),
    GeoPoint: lambda v: f"({v.latitude:.4g}, {v.longitude:.4g})",
    Reference: lambda v: v.path if v.database is None else f"{v.database}/documents/{v.path}",
}


def types(field: FieldSurvey, *, short: bool = False) -> str:
    """The types of a field with their shares, where there are several; in short, the first one has the rest."""
    if len(field.types) < 2:
        return field.types[0].word if field.types else "null"
    known = sum(t.count for t in field.types)
    parts = [f"{t.word} {share(t.count, known)}" for t in field.types]
    return ", ".join([field.types[0].word, *parts[1:]] if short else parts)


def distinct(field: FieldSurvey) -> str:
    """How many different values a field has, where its values are compared."""
    known = [t for t in field.types if t.distinct is not None]
    if not known:
        return ""
    return count(sum(t.distinct or 0 for t in known), any(t.estimated for t in known))


def refers(guess: ReferenceSurvey) -> str:
    """Where a field leads."""
    end = f".{clean(guess.target_field)}" if guess.target_field else f" ({guess.by})"
    return f"{collection(guess.target)}{end}"


def collection(names: Names) -> str:
    """The pattern of a collection."""
    return clean(pattern_of(names))


def source_of(guess: ReferenceSurvey) -> str:
    """The field that refers."""
    field = clean(guess.field) + (" (keys)" if guess.keys else "")
    return f"{collection(guess.source)} · {field}"


def values(field: FieldSurvey, *, examples: bool = True) -> str:
    """What the values are like: a range, lengths, or examples."""
    parts = []
    if field.own_id:
        parts.append("= the document's id")
    if field.keys is not None:
        keys = f"{count(field.keys.distinct, field.keys.estimated)} different keys"
        shown = ", ".join(value(k, 24) for k in field.keys.examples)
        parts.append(f"{keys}: {shown}" if examples else keys)
    parts += [text for t in field.types if (text := _of_type(t, field, examples))]
    return "; ".join(parts)


def _of_type(one: TypeSurvey, field: FieldSurvey, examples: bool) -> str:
    if one.word in ("array", "vector"):
        lengths = f"{one.shortest}" if one.shortest == one.longest else f"{one.shortest} to {one.longest}"
        return f"{lengths} {'elements' if one.word == 'array' else 'dimensions'}"
    if not examples:
        return f"{one.shortest} to {one.longest} long" if one.word in ("string", "bytes") else ""
    if one.word in ("integer", "double", "timestamp") and one.low is not None and one.low != one.high:
        return f"{value(one.low)} … {value(one.high)}"
    kind = _PYTHON.get(one.word)
    return ", ".join(value(e) for e in field.examples if type(e) is kind)


_PYTHON: dict[str, type] = {
    "boolean": bool,
    "integer": int,
    "double": float,
    "string": str,
    "bytes": bytes,
    "timestamp": datetime,
    "geopoint": GeoPoint,
    "reference": Reference,
}


def headline(survey: Survey) -> str:
    """What was read, in a line."""
    collections = sum(1 for c in survey.collections if c.documents)
    parts = [survey.kind, counted(survey.documents, "document"), counted(collections, "collection")]
    if survey.file_bytes is not None:
        parts.append(f"{size(survey.file_bytes)} of files")
    if survey.snapshot_time:
        parts.append(f"taken at {survey.snapshot_time}")
    return " · ".join(parts)
