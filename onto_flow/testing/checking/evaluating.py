"""Evaluates views over documents in this process or in one of two others; what they answer is compared in `purity`.

`python -m onto_flow.testing.checking.evaluating` is such a process: a line of JSON says which views, then each line holds
documents, and each answer is a line.
"""

from __future__ import annotations

import base64
import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from typing import IO, Any, NamedTuple

from ...core.codec import decode, encode
from ...core.values import Document
from .shifting import shift
from .subject import Subject
from .watching import Watch


class Answer(NamedTuple):
    """What an evaluation gave and did.

    Attributes:
        tables: The canonical bytes of all tables.
        raised: view -> what its code raised.
        changed: What it was given and has changed.
        io: What it opened, connected or started.
        asked: The clocks and random numbers that it asked for.
    """

    tables: bytes
    raised: dict[str, str]
    changed: list[str]
    io: list[str]
    asked: list[str]


def answer(subject: Subject, watch: Watch, documents: Mapping[str, Document]) -> Answer:
    """Evaluates once."""
    with watch.watching(documents) as changed:
        found = subject.expected(documents)
    tables = {v: {p: dict(d) for p, d in sorted(t.items())} for v, t in sorted(found.tables.items())}
    raised = {v: type(e).__name__ for v, e in found.raised.items()}
    return Answer(encode(tables), raised, changed, watch.io, watch.asked)


def packed(documents: Mapping[str, Document]) -> bytes:
    """Documents as a line."""
    return base64.b64encode(encode({p: dict(f) for p, f in documents.items()})) + b"\n"


def unpacked_answer(line: bytes) -> Answer:
    """The answer that a line is."""
    content = json.loads(line)
    return Answer(base64.b64decode(content.pop("tables")), **content)


def class_of(module: str, name: str, file: str | None) -> Any:
    """A class by the name of its module, or where that cannot be imported by its file."""
    try:
        found: Any = importlib.import_module(module)
    except ImportError:
        if file is None:
            raise
        spec = importlib.util.spec_from_file_location(module, file)
        assert spec is not None
        assert spec.loader is not None
        found = sys.modules[module] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def main() -> None:
    """Answers until its input ends; what user code prints goes nowhere."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    lines = sys.stdin.buffer
    task = json.loads(lines.readline())
    sys.path[:] = task["path"]
    watch = Watch()
    shift(watch.note, other_day=task["other_day"])
    subject = Subject(tuple(class_of(*where) for where in task["views"]))
    _ = subject.judged
    watch.hook()
    _answer_all(subject, watch, lines, answers)


def _answer_all(subject: Subject, watch: Watch, lines: IO[bytes], answers: IO[bytes]) -> None:
    for line in lines:
        found = answer(subject, watch, decode(base64.b64decode(line)))
        content = {**found._asdict(), "tables": base64.b64encode(found.tables).decode()}
        answers.write(json.dumps(content).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
