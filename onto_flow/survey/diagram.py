"""A drawing of collections and what refers to what: boxes around an ellipse, and bent arrows between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from . import shown
from .charts import text_width
from .facts import Names, ReferenceSurvey, Survey
from .markup import Markup, element, number
from .table import fit

MOST = 40
"""So many collections are drawn: those that take part in most references."""

FEW = 12
"""So many arrows carry the names of their fields; of more, the names are seen when one points at them."""

_HEIGHT, _LONGEST, _MARGIN = 46, 30, 40


class Box(NamedTuple):
    """A collection: its middle, and half of its width and height."""

    x: float
    y: float
    wide: float
    high: float

    def border(self, x: float, y: float) -> tuple[float, float]:
        """Where the way from its middle to a point leaves it."""
        dx, dy = x - self.x, y - self.y
        part = min(self.wide / abs(dx) if dx else math.inf, self.high / abs(dy) if dy else math.inf)
        return self.x + dx * part, self.y + dy * part


def references_diagram(survey: Survey) -> Markup | None:
    """The drawing; nothing where nothing refers."""
    arrows = _arrows(survey.references)
    drawn = _drawn(survey, arrows)
    if not drawn:
        return None
    arrows = {ends: some for ends, some in arrows.items() if ends[0] in drawn and ends[1] in drawn}
    inside = [(n[:-1], n) for n in drawn if n[:-1] in drawn]
    said = {names: _said(survey, names) for names in drawn}
    boxes, wide, high = _places(said)
    parts = [_inside(boxes[a], boxes[b]) for a, b in inside]
    parts += [_arrow(boxes, ends, some, named=len(arrows) <= FEW) for ends, some in arrows.items()]
    parts += [_box(names, said[names], boxes[names]) for names in drawn]
    head = element("path", d="M0 0 L9 4 L0 8 z", class_="head")
    marker = element("marker", head, id="head", markerWidth=9, markerHeight=8, refX=8, refY=4, orient="auto")
    size = {"viewBox": f"0 0 {number(wide)} {number(high)}", "role": "img", "aria_label": "Collections and references"}
    style = f"max-width:{number(wide)}px"
    return element("svg", element("defs", marker), *parts, class_="diagram", style=style, **size)


_Arrows = Mapping[tuple[Names, Names], Sequence[ReferenceSurvey]]


def _arrows(guesses: Sequence[ReferenceSurvey]) -> dict[tuple[Names, Names], list[ReferenceSurvey]]:
    found: dict[tuple[Names, Names], list[ReferenceSurvey]] = {}
    for guess in guesses:
        found.setdefault((guess.source, guess.target), []).append(guess)
    return dict(sorted(found.items()))


def _drawn(survey: Survey, arrows: _Arrows) -> list[Names]:
    often: dict[Names, int] = {}
    for (source, target), some in arrows.items():
        for names in (source, target):
            often[names] = often.get(names, 0) + len(some)
    for one in survey.collections:
        if one.names in often and one.parent and any(c.names == one.parent for c in survey.collections):
            often.setdefault(one.parent, 0)
    return sorted(sorted(often, key=lambda n: (-often[n], n))[:MOST])


def _said(survey: Survey, names: Names) -> str:
    documents = next((c.documents for c in survey.collections if c.names == names), 0)
    return shown.counted(documents, "document") if documents else "no documents"


def _places(drawn: Mapping[Names, str]) -> tuple[dict[Names, Box], float, float]:
    """The boxes around an ellipse that grows with their number, two side by side; and the size of the drawing."""
    count = len(drawn)
    halves = [max(text_width(_label(names)), text_width(said)) / 2 + 14 for names, said in drawn.items()]
    across = max(max(halves) + 60, 130 * count / math.pi) if count > 1 else 0.0
    along = max(95.0, 82 * count / math.pi) if count > 2 else 0.0
    start = math.pi if count == 2 else math.pi / 2
    angles = [2 * math.pi * n / count - start for n in range(count)]
    middles = [(across * math.cos(a), along * math.sin(a)) for a in angles]
    left = min(x - half for (x, _), half in zip(middles, halves)) - _MARGIN
    right = max(x + half for (x, _), half in zip(middles, halves)) + _MARGIN
    top, bottom = (edge(y for _, y in middles) for edge in (min, max))
    top, bottom = top - _HEIGHT / 2 - _MARGIN, bottom + _HEIGHT / 2 + _MARGIN
    boxes = {n: Box(x - left, y - top, h, _HEIGHT / 2) for n, (x, y), h in zip(drawn, middles, halves)}
    return boxes, right - left, bottom - top


def _label(names: Names) -> str:
    return fit(shown.collection(names), _LONGEST)


def _box(names: Names, said: str, box: Box) -> Markup:
    shape = {"x": number(box.x - box.wide), "y": number(box.y - box.high), "width": number(2 * box.wide)}
    return element(
        "g",
        element("title", shown.collection(names)),
        element("rect", height=_HEIGHT, rx=7, **shape),
        element("text", _label(names), x=number(box.x), y=number(box.y - 3), class_="name"),
        element("text", said, x=number(box.x), y=number(box.y + 14), class_="said"),
        class_="collection gone" if said == "no documents" else "collection",
    )


def _inside(parent: Box, child: Box) -> Markup:
    a, b = parent.border(child.x, child.y), child.border(parent.x, parent.y)
    line = {"x1": number(a[0]), "y1": number(a[1]), "x2": number(b[0]), "y2": number(b[1])}
    return element("line", element("title", "subcollection"), class_="inside", **line)


def _arrow(
    boxes: Mapping[Names, Box], ends: tuple[Names, Names], guesses: Sequence[ReferenceSurvey], *, named: bool
) -> Markup:
    source, target = boxes[ends[0]], boxes[ends[1]]
    path, at = _loop(source) if ends[0] == ends[1] else _curve(source, target)
    resolved = min(g.resolved for g in guesses)
    lines = [f"{shown.source_of(g)} → {shown.refers(g)}: {shown.share(g.resolved, 1)} of {g.values:,}" for g in guesses]
    parts = [element("title", "\n".join(lines)), element("path", d=path, marker_end="url(#head)", class_="line")]
    parts.append(element("path", d=path, class_="near"))
    if named:
        fields = ", ".join(shown.clean(g.field) for g in guesses[:3]) + (", …" if guesses[3:] else "")
        parts.append(element("text", fit(fields, 28), x=number(at[0]), y=number(at[1]), class_="field"))
    return element("g", *parts, class_="arrow" if resolved >= 0.5 else "arrow doubtful")


def _curve(source: Box, target: Box) -> tuple[str, tuple[float, float]]:
    """A way that bends to its right, so that one there and one back do not lie on each other."""
    dx, dy = target.x - source.x, target.y - source.y
    bend = (source.x + dx / 2 - dy * 0.13, source.y + dy / 2 + dx * 0.13)
    a, b = source.border(*bend), target.border(*bend)
    half = a[0] / 4 + bend[0] / 2 + b[0] / 4, a[1] / 4 + bend[1] / 2 + b[1] / 4
    points = [number(c) for point in (a, bend, b) for c in point]
    return "M{} {} Q{} {} {} {}".format(*points), (half[0], half[1] + 4)


def _loop(box: Box) -> tuple[str, tuple[float, float]]:
    top = box.y - box.high
    points = [number(c) for c in (box.x - 18, top, box.x - 30, top - 40, box.x + 30, top - 40, box.x + 18, top)]
    return "M{} {} C{} {} {} {} {} {}".format(*points), (box.x, top - 32)
