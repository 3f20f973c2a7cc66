"""A new version of views against the one that a job runs: may the job be updated in place, or what else is to be done.

Both are what `explain --format json` says. A job that is updated in place keeps its state and goes on with the next
change; so it may only be updated where the state means the same, and where documents that no change touches are still
right.

- `same`: nothing differs.
- `update`: a view was renamed, or is gone. In place, with the mapping of names.
- `replace`: the state differs, what the views say does not: another layout of state, other fields read. The job is
  drained, and a new one begins from an export and takes the tables over.
- `rebuild`: what the views say differs, or a view is new. A new generation beside the old one, which is promoted when it
  has caught up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ANSWERS = ("same", "update", "replace", "rebuild")
"""From the least work to the most."""

TODO = {
    "same": "nothing of the views differs: update the job in place, if anything else does",
    "update": "update the job in place, with the mapping of names",
    "replace": "drain the job, and start a new one from an export: it takes the tables over",
    "rebuild": "make a new generation beside the old one, and promote it when it has caught up",
}

Explained = Mapping[str, Any]


@dataclass(frozen=True)
class Comparison:
    """What differs, and what follows.

    Attributes:
        answer: One of `ANSWERS`: the most that any difference asks for.
        reasons: (answer, what differs) of each difference.
        names: Operator of the running job -> its name now; `""` where it is gone. Operators that are not named keep
            their names: the form of Dataflow's mapping of transforms, whose names begin with those of operators.
    """

    answer: str
    reasons: tuple[tuple[str, str], ...]
    names: Mapping[str, str]

    def text(self) -> str:
        """For people: what to do, then why."""
        lines = [f"{self.answer}: {TODO[self.answer]}"]
        lines += [f"  {answer:<8} {reason}" for answer, reason in self.reasons]
        lines += [f"  name     {old} -> {new or '(gone)'}" for old, new in self.names.items()]
        return "\n".join(lines) + "\n"


def compare(old: Explained, new: Explained) -> Comparison:
    """Compares two plans as `explain_json` tells them.

    Example:
        >>> view = {"name": "V", "writes": "v/{ids of m}", "fingerprint": {"structure": "a", "title": "b"}}
        >>> plan = {"views": [view], "operators": [{"id": "ingest", "cells": {}}, {"id": "V.assemble", "cells": {}}]}
        >>> changed = {**plan, "views": [{**view, "fingerprint": {"structure": "a", "title": "c"}}]}
        >>> compare(plan, plan).answer, compare(plan, changed).answer
        ('same', 'rebuild')
        >>> print(compare(plan, changed).text(), end="")
        rebuild: make a new generation beside the old one, and promote it when it has caught up
          rebuild  V: title was changed: documents that nothing touches would keep what the old code said
    """
    before, now = _by_name(old["views"]), _by_name(new["views"])
    renamed = dict(_renamed(before, now))
    names = {} if not renamed else _operators_of(old, renamed)
    gone = [name for name in before if name not in now and name not in renamed]
    for name in gone:
        names |= {operator: "" for operator in _ids(old) if _view_of(operator) == name}
    reasons = [
        *(("update", f"{a} is named {b} now") for a, b in renamed.items()),
        *(("update", f"{name} is gone: its state goes, its table stays as it is") for name in gone),
        *(
            ("rebuild", f"{name} is new: its state would begin without the documents that there are")
            for name in now
            if name not in before and name not in renamed.values()
        ),
    ]
    for name, view in before.items():
        if name not in gone:
            reasons += _view_reasons(view, now[renamed.get(name, name)])
    reasons += _state_reasons(old, new, names)
    answer = max((answer for answer, _ in reasons), key=ANSWERS.index, default="same")
    return Comparison(answer, tuple(reasons), names)


def _by_name(views: Any) -> dict[str, Explained]:
    return {view["name"]: view for view in views}


def _renamed(before: Mapping[str, Explained], now: Mapping[str, Explained]) -> Iterator[tuple[str, str]]:
    """Views that write the same documents under another name."""
    new = {view["writes"]: name for name, view in now.items() if name not in before}
    for name, view in before.items():
        if name not in now and view["writes"] in new:
            yield name, new[view["writes"]]


def _view_reasons(old: Explained, new: Explained) -> Iterator[tuple[str, str]]:
    name = new["name"]
    if old["writes"] != new["writes"]:
        yield "rebuild", f"{name}: it writes {new['writes']}, and wrote {old['writes']}"
    parts, was = new.get("fingerprint", {}), old.get("fingerprint", {})
    if not (parts and was):
        yield "rebuild", f"{name}: nothing tells whether its code is the same: explain it with this version of the tool"
        return
    for part in dict.fromkeys([*parts, *was]):
        if parts.get(part) != was.get(part):
            yield "rebuild", f"{name}: {_changed(part)}"


def _changed(part: str) -> str:
    if part == "structure":
        return "its slots, keys or accumulators were changed: its state would mean something else"
    return f"{part} was changed: documents that nothing touches would keep what the old code said"


def _state_reasons(old: Explained, new: Explained, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    was = {o["id"]: o for o in old["operators"]}
    for operator in new["operators"]:
        before = was.get(next((a for a, b in names.items() if b == operator["id"]), operator["id"]))
        if before is not None and _kinds(before) != _kinds(operator):
            yield "replace", f"{operator['id']}: its state has other cells"
    if old.get("read", {}) != new.get("read", {}):
        yield from _read_reasons(old.get("read", {}), new.get("read", {}))


def _read_reasons(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for collection, fields in new.items():
        if collection not in old:
            yield "replace", f"{collection} is read now: its documents are not in the state"
        elif old[collection] is not None and (fields is None or set(fields) - set(old[collection])):
            more = "all fields" if fields is None else ", ".join(sorted(set(fields) - set(old[collection])))
            yield "replace", f"{collection}: {more} is read now, and not in the state"


def _kinds(operator: Explained) -> dict[str, Any]:
    return {name: cell["kind"] for name, cell in operator["cells"].items()}


def _operators_of(old: Explained, renamed: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for operator in _ids(old):
        if (new := renamed.get(_view_of(operator))) is not None:
            found[operator] = new + operator[len(_view_of(operator)) :]
    return found


def _ids(explained: Explained) -> list[str]:
    return [operator["id"] for operator in explained["operators"]]


def _view_of(operator: str) -> str:
    return operator.partition(".")[0]
