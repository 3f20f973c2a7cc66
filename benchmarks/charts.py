"""Bar charts of a benchmark's table, as SVG for a page on a light or dark ground."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

_ROW, _LEFT, _LONGEST, _WIDE = 24, 250, 380, 760
_STYLE = "text{font:13px sans-serif;fill:#777}.own{fill:#2a7f62}.peer{fill:#9aa5b1}"


def bars(title: str, unit: str, rows: Sequence[tuple[str, float]], own: str = "onto_flow") -> str:
    """One bar for each row; those whose name begins with `own` are ours."""
    most = max((value for _, value in rows), default=0) or 1
    lines = [f'<text x="0" y="16">{escape(title)} ({escape(unit)})</text>']
    for at, (name, value) in enumerate(rows):
        top = 28 + at * _ROW
        long = max(_LONGEST * value / most, 1)
        kind = "own" if name.startswith(own) else "peer"
        lines.append(f'<text x="{_LEFT - 8}" y="{top + 13}" text-anchor="end">{escape(name)}</text>')
        lines.append(f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{long:.1f}" height="17"/>')
        lines.append(f'<text x="{_LEFT + long + 6:.1f}" y="{top + 13}">{shown(value)}</text>')
    tall = 34 + len(rows) * _ROW
    size = f'viewBox="0 0 {_WIDE} {tall}" width="{_WIDE}" height="{tall}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title><style>{_STYLE}</style>", *lines, "</svg>", ""])


def shown(value: float) -> str:
    """A number with three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


RESULTS = Path(__file__).parent / "results"
"""Where figures and charts of the last run are kept."""
