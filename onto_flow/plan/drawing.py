"""A plan as a picture: collections on the left, the operators of each view in a row, its table on the right."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from .explain import output_path
from .nodes import OperatorNode, Plan

_WIDTH, _HEIGHT, _ACROSS, _DOWN = 190, 46, 240, 66
_STYLE = (
    "text{font:12px sans-serif;fill:#1b2733}.k{font-size:10px;fill:#5b6b7a}rect{fill:#eef3f8;stroke:#8aa2b8;rx:6}"
    ".d rect{fill:#e9f5ec;stroke:#7fae8c;rx:20}path{fill:none;stroke:#8aa2b8}"
)


class _Box(NamedTuple):
    """A rectangle with two lines of text, at a column and a row."""

    name: str
    detail: str
    column: int
    row: int
    stored: bool = False

    @property
    def x(self) -> int:
        return 10 + self.column * _ACROSS

    @property
    def y(self) -> int:
        return 10 + self.row * _DOWN


def draw(plan: Plan) -> str:
    """The plan as SVG, some kilobytes; names are escaped.

    Example:
        >>> from onto_flow.demo.meeting_room import OrganizationLoad
        >>> picture = draw(OrganizationLoad.plan())
        >>> picture.count("<rect"), picture.count("<path")
        (7, 7)
    """
    boxes, arrows = _boxes(plan), list(_arrows(plan))
    right = max(box.x for box in boxes.values()) + _WIDTH + 10
    below = max(box.y for box in boxes.values()) + _HEIGHT + 10
    lines = [_arrow(boxes[a], boxes[b]) for a, b in arrows]
    shapes = [_shape(box) for box in boxes.values()]
    size = f'width="{right}" height="{below}" viewBox="0 0 {right} {below}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{_STYLE}</style>{"".join(lines + shapes)}</svg>'


def _boxes(plan: Plan) -> dict[str, _Box]:
    boxes = {f"from {name}": _Box(name, "collection", 0, row, True) for row, name in enumerate(_collections(plan))}
    depth = _depths(plan)
    last = max(depth.values()) + 1
    row = 0
    for node in (n for n in plan.operators if not n.view):
        boxes[node.id] = _Box(node.id, f"by {node.key}", depth[node.id], 0)
    for view in plan.views:
        taken: dict[int, int] = {}
        for node in (n for n in plan.operators if n.view == view.name):
            below = taken[depth[node.id]] = taken.get(depth[node.id], row - 1) + 1
            boxes[node.id] = _Box(node.id, f"by {node.key}", depth[node.id], below)
        boxes[f"to {view.name}"] = _Box(view.name, output_path(view), last, row, True)
        row = max([row, *taken.values()]) + 1
    return boxes


def _collections(plan: Plan) -> list[str]:
    written = {view.collection for view in plan.views if view.relayed}
    read = dict.fromkeys(str(s.collection) for v in plan.views for s in v.slots)
    return [name for name in read if name not in written]


def _depths(plan: Plan) -> dict[str, int]:
    """Operator -> its column: after all that sends to it. Operators stand in the order of the flow."""
    depth = {node.id: 1 for node in plan.operators}
    for node in plan.operators:
        for target in node.sends_to:
            depth[target] = max(depth[target], depth[node.id] + 1)
    return depth


def _arrows(plan: Plan) -> Iterator[tuple[str, str]]:
    for name in _collections(plan):
        yield f"from {name}", plan.operators[0].id
    for node in plan.operators:
        yield from ((node.id, target) for target in node.sends_to)
    for view in plan.views:
        yield _last(plan, view.name).id, f"to {view.name}"


def _last(plan: Plan, view: str) -> OperatorNode:
    return next(node for node in plan.operators if node.view == view and node.shows)


def _arrow(a: _Box, b: _Box) -> str:
    x1, y1, x2, y2 = a.x + _WIDTH, a.y + _HEIGHT // 2, b.x, b.y + _HEIGHT // 2
    middle = (x1 + x2) // 2
    return f'<path d="M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}"/>'


def _shape(box: _Box) -> str:
    kind = ' class="d"' if box.stored else ""
    texts = (
        f'<text x="{box.x + 10}" y="{box.y + 20}">{_cut(box.name, 28)}</text>'
        f'<text class="k" x="{box.x + 10}" y="{box.y + 36}">{_cut(box.detail, 34)}</text>'
    )
    about = f"<title>{escape(box.name)}: {escape(box.detail)}</title>"
    return f'<g{kind}>{about}<rect x="{box.x}" y="{box.y}" width="{_WIDTH}" height="{_HEIGHT}"/>{texts}</g>'


def _cut(text: str, most: int) -> str:
    return escape(text if len(text) <= most else text[: most - 1] + "…")
