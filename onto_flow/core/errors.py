"""Errors as values: a code, what happened, where, and what to do about it.

Every error that a user can meet is an [OntoFlowError][] with one of `CODES`; the codes are documented in
`docs/errors.md`, and a test compares the two lists.
"""

from __future__ import annotations

import difflib
import linecache
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from types import CodeType
from typing import Any

CODES: dict[str, str] = {
    "ambiguous-name": "One name stands for two things of a view.",
    "audit-refused": "An audit would compare, or a repair would send, what cannot be right.",
    "bad-change": "A line of a feed is not a change that can be read.",
    "bad-document": "A document of an export cannot be decoded.",
    "bad-export": "An export is damaged, incomplete or contradicts its metadata.",
    "bad-key": "A key or a path cannot become a document id.",
    "bad-meta": "A Meta class has an unknown option or a wrong value.",
    "bad-seeds": "Seeds that a stream is to begin with are damaged, or not there.",
    "bad-slot": "A slot of a store cannot be understood.",
    "bad-table": "A published table, or a Parquet file, is damaged or incomplete.",
    "bad-value": "A value that Firestore does not have.",
    "breaker-open": "Too much user code failed: the run was stopped.",
    "checkpoint-differs": "A checkpoint was made by other code than that which would go on with it.",
    "checkpoint-failed": "A checkpoint cannot be read or written.",
    "checkpoint-fenced": "Another process took a checkpoint over.",
    "checkpoint-locked": "Another process is using a checkpoint.",
    "contention": "Others changed what a transaction read, time after time.",
    "cycle": "Computed attributes or slots need each other in a circle.",
    "database-failed": "A database cannot be read or written.",
    "engine-refused": "An engine cannot run a plan, or not with these options.",
    "engine-failed": "An engine stopped a job that it had begun.",
    "feed-failed": "A feed gives nothing any more.",
    "feed-expired": "What a feed or a reading needs is no longer kept.",
    "io-failed": "The system refused to read or to write.",
    "mixed-feeds": "Changes of one collection come from feeds of different kinds.",
    "missing-extra": "A package that an engine or a connector needs is not installed.",
    "missing-document": "A referenced document does not exist.",
    "no-credentials": "A service of Google is asked without credentials.",
    "no-snapshot-time": "An export and a feed cannot be joined without the time of the export.",
    "path-claimed": "Two roots of a view write one output path; the smaller one shows.",
    "not-found": "A file, module or name does not exist.",
    "not-portable": "A class that only this process knows cannot travel to a cluster.",
    "precondition-failed": "A document was not as a write wanted it.",
    "resume-lost": "A feed no longer has what comes after a resume point.",
    "seeds-differ": "Seeds were made by other code, or of other documents, than the stream that would begin with them.",
    "sink-failed": "A table cannot be written.",
    "state-version": "State bytes of an unknown version.",
    "thin-event": "An event tells of a document without carrying it.",
    "too-deep": "A value or a message is nested deeper or is larger than the limit.",
    "too-late": "An event older than the late horizon, for a document that has no state.",
    "udf-failed": "User code raised an exception.",
    "unknown-name": "A parameter, field or option names nothing that exists.",
    "write-budget": "The writes of a day are spent.",
    "wrong-decorator": "Decorators in an order or a place that has no meaning.",
    "wrong-type": "A field of a strict model has another type than declared.",
    "wrong-usage": "A command or a URI that cannot be understood.",
}


_MOST_NAMES = 50
"""Nobody reads more."""


@dataclass(frozen=True)
class SourceLine:
    """A line of the user's code: what an error about a declaration points to."""

    file: str
    line: int

    @property
    def text(self) -> str:
        """The line itself, without indentation; empty where the file cannot be read."""
        return linecache.getline(self.file, self.line).strip()

    @classmethod
    def of_caller(cls, depth: int = 2) -> SourceLine:
        """The line that called the function `depth` frames up."""
        frame = sys._getframe(depth)
        return cls(frame.f_code.co_filename, frame.f_lineno)

    @classmethod
    def of_code(cls, code: CodeType) -> SourceLine:
        """The first line of a function, its decorators included."""
        return cls(code.co_filename, code.co_firstlineno)

    def __str__(self) -> str:
        return f'File "{self.file}", line {self.line}: {self.text}'


class OntoFlowError(Exception):
    """The root of every error of this package.

    Attributes:
        code: One of `CODES`.
        what: What went wrong, as a sentence.
        where: A file and byte offset, a path, or the user's line; may be empty.
        fix: What to do; may be empty.
    """

    def __init__(self, code: str, what: str, *, where: object = "", fix: str = "") -> None:
        assert code in CODES, code
        self.code = code
        self.what = what
        self.where = str(where)
        self.fix = fix
        super().__init__(code, what, self.where, fix)

    def __str__(self) -> str:
        parts = [f"[{self.code}] {self.what}"]
        if self.where:
            parts.append(f"at {self.where}")
        if self.fix:
            parts.append(self.fix)
        return "\n  ".join(parts)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.code, self.what, self.where, self.fix)


def _rebuild(cls: type[OntoFlowError], code: str, what: str, where: str, fix: str) -> OntoFlowError:
    return cls(code, what, where=where, fix=fix)


class DeclarationError(OntoFlowError, TypeError):
    """A model, store or view that cannot be compiled; `where` is the user's line."""


class DataError(OntoFlowError, ValueError):
    """Input that cannot be read: a document, an event, a key."""


class UsageError(OntoFlowError, ValueError):
    """A wrong command, URI or option."""


class EngineError(OntoFlowError, RuntimeError):
    """An engine or connector that cannot do what was asked."""


class MissingDocument(OntoFlowError, KeyError):
    """`many[ref]` for a document that does not exist.

    Attributes:
        path: The path of the document that is missing.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__("missing-document", f"{path} does not exist", fix="Use .get(ref), which gives None.")

    def __reduce__(self) -> tuple[Any, ...]:
        return MissingDocument, (self.path,)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence with the nearest of the known names and, where that helps, all of them.

    Example:
        >>> did_you_mean("meetin", ["meeting", "users"])
        'Did you mean meeting? Known: meeting, users.'
        >>> did_you_mean("x", [])
        'Nothing is known here.'
        >>> did_you_mean("machine_tipe", [*(f"option{n}" for n in range(100)), "machine_type"])
        'Did you mean machine_type?'
    """
    names = sorted(known)
    if not names:
        return "Nothing is known here."
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"{hint}Known: {', '.join(names)}." if len(names) <= _MOST_NAMES else hint.rstrip()
