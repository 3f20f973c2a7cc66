"""A story as the text of a ready test."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ...core.equality import same
from ...core.values import Document, GeoPoint, Reference, Vector
from .scenarios import MISSING
from .shrinking import Failure
from .stories import CLOCK, Story
from .subject import Subject

_WIDTH = 110


def test_of(failure: Failure, subject: Subject) -> str:
    """A test that fails as a story does."""
    story, way, complaint = failure
    names = [v.__name__ for v in subject.views]
    options = [n for n in ("own_time", "may_raise") if getattr(story, n)]
    head = ", ".join([*names, *(f"{n}=True" for n in options)])
    lines = [f"def test_{_snake(names[0])}():", f"    # {_one_line(complaint)}", "    (", f"        scenario({head})"]
    if story.given:
        lines += ["        .given({", *(f"            {_pair(p, f)}," for p, f in story.given.items()), "        })"]
    if story.changes or story.export is not None:
        lines += ["        .when(", *(f"            {line}," for line in _changes(story)), "        )"]
    call = way.call()
    if call == ".twice()":
        lines.append("        .twice()")
    else:
        lines += [f"        {call}"] if call else []
        lines += _then(subject.expected(story.states()[-1], story.moment()).tables)
    lines.append("    )")
    return "\n".join([*_imports("\n".join(lines), subject), "", "", *lines])


def _then(tables: Mapping[str, Mapping[str, Document]]) -> list[str]:
    rows = [_pair(path, document) for table in tables.values() for path, document in table.items()]
    if not rows:
        return ["        .then({})"]
    return ["        .then({", *(f"            {row}," for row in rows), "        })"]


def _changes(story: Story) -> Iterator[str]:
    states = story.states()
    for at, (path, fields) in enumerate(story.changes):
        if at == story.export:
            yield "EXPORT"
        if path == CLOCK:
            yield f"now({_literal((fields or {})['now'])})"
        else:
            yield f"({_literal(path)}, {_literal(update(states[at].get(path), fields))})"
    if story.export == len(story.changes):
        yield "EXPORT"


def update(before: Document | None, after: Document | None) -> Document | None:
    """What a test says of a change: the fields that change, and `MISSING` for those that go."""
    if before is None or after is None:
        return after
    changed = {n: v for n, v in after.items() if n not in before or not same(before[n], v)}
    return {**changed, **{n: MISSING for n in before if n not in after}}


def _pair(path: str, fields: Document) -> str:
    return f"{_literal(path)}: {_literal(fields)}"


def _literal(value: Any) -> str:
    """A value as Python writes it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_literal(k)}: {_literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(v) for v in value) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return "math.nan" if value != value else "math.inf" if value > 0 else "-math.inf"
    if isinstance(value, datetime):
        return f"datetime.fromisoformat({value.isoformat()!r})"
    if isinstance(value, Reference):
        database = "" if value.database is None else f", {_literal(value.database)}"
        return f"Reference({_literal(value.path)}{database})"
    if isinstance(value, str) and '"' not in value:
        return f'"{repr(value + chr(39))[1:-2]}"'
    return repr(value)


def _imports(text: str, subject: Subject) -> list[str]:
    lines = ["import math"] if "math." in text else []
    lines += ["from datetime import datetime"] if "datetime." in text else []
    values = [t.__name__ for t in (GeoPoint, Reference, Vector) if f"{t.__name__}(" in text]
    lines += ["", f"from onto_flow import {', '.join(values)}"] if values else [""] if lines else []
    words = [n for n in ("EXPORT", "MISSING") if re.search(rf"\b{n}\b", text)]
    told = ["now"] if re.search(r"^ *now\(", text, re.MULTILINE) else []
    lines.append(f"from onto_flow.testing import {', '.join([*words, *told, 'scenario'])}")
    for view in subject.views:
        lines.append(f"from {view.__module__} import {view.__name__}")
    return lines


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."
