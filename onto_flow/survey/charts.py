"""Bar charts as SVG: what the values of a field are, and how many documents collections have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import shown
from .facts import CollectionSurvey, FieldSurvey
from .markup import Markup, element, number
from .table import fit, width

BAR = 150
_ROW, _LABEL, _LONGEST, _CHARACTER = 26, 320, 420, 7.3


def types_bar(field: FieldSurvey) -> Markup:
    """A bar of which each type has its share; a hatched part is null, an empty one missing."""
    at = 0.0
    parts = []
    for name, count in [*((t.word, t.count) for t in field.types), ("null", field.nulls)]:
        wide = BAR * count / max(field.of, 1)
        if count:
            title = element("title", f"{name}: {count:,} of {field.of:,} ({shown.share(count, field.of)})")
            shape = {"x": number(at), "width": number(max(wide, 1.0)), "height": 12, "class_": f"type-{name}"}
            parts.append(element("rect", title, **shape))
        at += wide
    rest = f"null {shown.share(field.nulls, field.of)}; missing {shown.share(field.missing, field.of)}"
    label = f"{shown.types(field)}; {rest}"
    track = element("rect", class_="track", width=BAR, height=12)
    options = {"viewBox": f"0 0 {BAR} 12", "width": BAR, "height": 12, "role": "img", "aria_label": label}
    return element("svg", track, *parts, class_="types", **options)


def share_bar(share: float) -> Markup:
    """A bar that is full at 1."""
    full = element("rect", width=number(60 * share), height=8, class_="share")
    track = element("rect", class_="track", width=60, height=8)
    return element("svg", track, full, viewBox="0 0 60 8", width=60, height=8, aria_hidden="true")


def documents_chart(collections: Sequence[CollectionSurvey]) -> Markup:
    """How many documents each collection has, the largest first."""
    ordered = sorted(collections, key=lambda c: (-c.documents, c.names))
    most = max((c.documents for c in ordered), default=0) or 1
    left = min(max((text_width(shown.collection(c.names)) for c in ordered), default=0) + 14, _LABEL)
    wide = number(left + _LONGEST + 260)
    size = {"viewBox": f"0 0 {wide} {_ROW * len(ordered)}", "style": f"max-width:{wide}px"}
    rows = (part for row, one in enumerate(ordered) for part in _row(one, _ROW * row + _ROW / 2, left, most))
    return element("svg", *rows, class_="chart", role="img", aria_label="Documents per collection", **size)


def _row(one: CollectionSurvey, middle: float, left: float, most: int) -> Iterator[Markup]:
    name = shown.collection(one.names)
    long = max(_LONGEST * one.documents / most, 1.5 if one.documents else 0)
    said = f"{one.documents:,}" + (f" · {shown.size(one.size.total)}" if one.size else "")
    if one.phantoms:
        said += f" · {shown.count(one.phantoms, one.phantoms_estimated)} missing parent{'s' * (one.phantoms != 1)}"
    label, title = fit(name, int(_LABEL / _CHARACTER) - 2), element("title", name)
    baseline = number(middle + 4)
    yield element("text", label, title, x=number(left - 10), y=baseline, text_anchor="end")
    bar = {"x": number(left), "y": number(middle - 8), "width": number(long), "height": 16, "rx": 2}
    yield element("rect", class_="documents", **bar)
    yield element("text", said, x=number(left + long + 8), y=baseline, class_="said")


def text_width(text: str) -> float:
    """How wide a text is in a drawing, nearly."""
    return width(text) * _CHARACTER
