"""A job that was started: what it tells, and its tables where they are in memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from .core.change import DeadLetter
from .core.errors import UsageError
from .core.html import html_table
from .core.values import Document
from .engines.base import Progress, Report
from .sinks.base import Sink
from .sinks.memory import MemorySink

_SHOWN_BYTES = 64 << 10


@dataclass
class Run:
    """A job that was started: its progress, and its tables when the sink is in memory.

    Attributes:
        sink: Where the view documents went; `None` where workers write them.
        progress: How far it is.
        report: What it did; `None` until it is done.
        letters: What failed, as far as it was not taken back; of a message or line the first 64 KiB.
        stop: Ends it cleanly, where it runs in this process.
        job: One that a service took (Dataflow): its `id`, `name` and `console`, `state()`, `wait()`.
    """

    sink: Sink | None
    progress: Progress = field(default_factory=lambda: Progress("waiting"))
    report: Report | None = None
    letters: dict[str, DeadLetter] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    job: Any = None

    def documents(self, view: type | str | None = None) -> dict[str, Document]:
        """The view table: path -> document. `view` may be left out when there is one."""
        sink = self._memory()
        return dict(sink.documents(self._name(view)))

    def to_arrow(self, view: type | str | None = None) -> Any:
        """The view table as a `pyarrow.Table`: `__path__`, then the view's attributes."""
        return self._memory().to_arrow(self._name(view))

    def to_pandas(self, view: type | str | None = None) -> Any:
        """The view table as a `pandas.DataFrame`."""
        return self._memory().to_pandas(self._name(view))

    def _repr_html_(self) -> str:
        """What a notebook shows: what was read, written and failed, and how many documents each table has."""
        report = self.report
        if report is None:
            return html_table(("stage", "documents", "changes"), [self._now()])
        if report.submitted:
            return html_table(("job", "console"), [(report.submitted, self.job.console)])
        read = (report.documents, report.changes, report.view_changes, report.dead_letters, report.gaps_open)
        head = ("documents", "changes", "view changes", "dead letters", "gaps open", "seconds")
        shown = html_table(
            head, [(*read, report.seconds)], "" if report.published else "stopped: nothing was published"
        )
        if not isinstance(self.sink, MemorySink):
            return shown
        return shown + html_table(("view", "view documents"), [(v, len(self.documents(v))) for v in self.sink.views()])

    def _now(self) -> tuple[str, int, int]:
        return self.progress.stage, self.progress.documents, self.progress.changes

    def _memory(self) -> MemorySink:
        if not isinstance(self.sink, MemorySink):
            raise UsageError("wrong-usage", "the tables went to a sink outside this process", fix="Read them there.")
        return self.sink

    def _name(self, view: type | str | None) -> str:
        if view is not None:
            return view if isinstance(view, str) else view.__name__
        names = self._memory().views()
        if len(names) != 1:
            raise UsageError("wrong-usage", f"say which view: {', '.join(names)}")
        return names[0]

    def took(self, letter: DeadLetter) -> None:
        """A letter was put, or an earlier one of its key taken back."""
        if letter.cleared:
            self.letters.pop(letter.key, None)
        else:
            payload = letter.payload
            shown = payload[:_SHOWN_BYTES] if isinstance(payload, bytes) else payload
            self.letters[letter.key] = letter._replace(payload=shown)
