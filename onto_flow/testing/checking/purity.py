"""Whether a view is a pure function of its documents: evaluated twice in two processes with other hash seeds.

The second process lives 400 days later in another time zone, and gets what the first one gets in the opposite order. So a
clock, a random number, the order of a set, a cache that forgets a key, a default that is kept between calls: each gives
another answer in one of the three evaluations. What code changes of what it was given, and what it opens, is heard.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.codec import decode
from ...core.equality import same
from ...core.values import Document
from .evaluating import Answer, answer, packed, unpacked_answer
from .stories import Story
from .subject import Subject
from .watching import Watch

Documents = Mapping[str, Document]


class _Process:
    """A process that evaluates."""

    def __init__(self, views: Sequence[type[Any]], hash_seed: int, other_day: bool) -> None:
        command = [sys.executable, "-m", "onto_flow.testing.checking.evaluating"]
        path = os.pathsep.join(p for p in sys.path if p)
        environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": path}
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        where = [
            (v.__module__, v.__qualname__, getattr(sys.modules.get(v.__module__), "__file__", None)) for v in views
        ]
        task = {"path": sys.path, "views": where, "other_day": other_day}
        self._send(json.dumps(task).encode() + b"\n")

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def ask(self, documents: Documents) -> Answer:
        """What it answers."""
        assert self._process.stdout is not None
        try:
            self._send(packed(documents))
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            raise LookupError("the view cannot be imported by another process, or ended it")
        return unpacked_answer(line)

    def close(self) -> None:
        """Ends the process."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        self._process.kill()
        self._process.wait()


class _Here:
    """This process in place of another: for classes that no other one can import."""

    def __init__(self, views: Sequence[type[Any]]) -> None:
        self._subject, self._watch = Subject(tuple(views)), Watch()

    def ask(self, documents: Documents) -> Answer:
        """What it answers."""
        return answer(self._subject, self._watch, documents)

    def close(self) -> None:
        """Nothing to end."""


class Twice:
    """Evaluates views in two processes, or, where another one cannot import them, twice in this one.

    Attributes:
        portable: Whether other processes can import the views.
    """

    def __init__(self, subject: Subject, hash_seed: int = 1) -> None:
        views = subject.views
        self.portable = not any(v.__module__ == "__main__" or "<" in v.__qualname__ for v in views)
        self._first: _Process | _Here = _Process(views, hash_seed, False) if self.portable else _Here(views)
        self._second: _Process | _Here = _Process(views, hash_seed + 4242, True) if self.portable else self._first
        try:
            self._first.ask({})
        except LookupError:
            self.close()
            self.portable = False
            self._first = self._second = _Here(views)

    def complaints(self, several: Sequence[Documents]) -> Iterator[tuple[Documents, str]]:
        """(documents, what is wrong): those of which one evaluation is not like another."""
        firsts, seconds = [], {}
        for at, documents in enumerate(several):
            firsts.append((self._first.ask(documents), self._first.ask(documents)))
            backwards = len(several) - 1 - at
            if self.portable:
                seconds[backwards] = self._second.ask(several[backwards])
        if not self.portable:
            seconds = {at: self._first.ask(several[at]) for at in reversed(range(len(several)))}
        for at, (documents, (one, again)) in enumerate(zip(several, firsts)):
            yield from ((documents, complaint) for complaint in _compared(one, again, seconds[at]))

    def close(self) -> None:
        """Ends the processes."""
        self._first.close()
        self._second.close()


def _compared(one: Answer, again: Answer, other: Answer) -> Iterator[str]:
    asked = list(dict.fromkeys([*one.asked, *again.asked, *other.asked]))
    hint = f"; it asks for {', '.join(asked)}" if asked else ""
    for what, second in (("evaluated again", again), ("in another process, after other documents", other)):
        difference = _difference(one, second)
        if difference is not None:
            yield f"the view is no pure function of its documents: {what}, {difference}{hint}"
            return
    for what in (one.changed or other.changed)[:1]:
        yield f"the view's code changes {what}"
    for what in (one.io or again.io or other.io)[:1]:
        yield f"the view's code does more than compute: {what}"


def _difference(one: Answer, other: Answer) -> str | None:
    if one.raised != other.raised:
        return f"it raised {other.raised or 'nothing'} instead of {one.raised or 'nothing'}"
    if one.tables == other.tables:
        return None
    first, second = decode(one.tables), decode(other.tables)
    for view in first:
        for path in {**first[view], **second[view]}:
            if not same(first[view].get(path), second[view].get(path)):
                return f"{path} is {second[view].get(path)} instead of {first[view].get(path)}"
    return "it differs"


@dataclass(frozen=True)
class InTwoProcesses:
    """A way to run a story: its final documents and those before are evaluated in two processes."""

    def complaints(self, subject: Subject, story: Story) -> Iterator[str]:
        """See `Way`."""
        twice = Twice(subject)
        try:
            yield from (complaint for _, complaint in twice.complaints(story.states()))
        finally:
            twice.close()

    def simpler(self, story: Story) -> Iterator[InTwoProcesses]:
        """See `Way`."""
        return iter(())

    def without(self, start: int, stop: int) -> InTwoProcesses:
        """See `Way`."""
        return self

    def call(self) -> str:
        """See `Way`."""
        return ".twice()"
