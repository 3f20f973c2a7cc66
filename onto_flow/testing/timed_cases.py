"""Cases in which time passes, and code fails: generated views and histories, with moments between the changes.

Beside what `testing.cases` makes, documents have `u`, a moment or none, and some slots count their documents until it; some
views have a clock, and show it; and with `fails` a root with `n` equal to `"hide"` makes the view's code raise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from ..core.collection import Collection
from ..core.values import Document, from_micros, to_micros
from ..plan.clocks import CLOCKS, clock_path
from ..plan.compile import compile_plan
from ..plan.nodes import CodeRef, OnError, Plan, Slot, View
from ..plan.places import FieldPath
from .cases import Case, random_case
from .oracle import all_at_moment
from .oracle_joins import passes
from .shapes import READ

BEGINNING, END = 100, 300
"""Moments lie between these, in microseconds; a tick at 0 would be no version of a clock."""

_UNTIL = FieldPath(("u",))


class Code:
    """The code of a generated view, with a clock, or failing.

    Args:
        shape: The code without them.
        clock: The name of the clock's slot; empty without one.
        fails: Whether roots with `n` equal to `"hide"` make it raise.
    """

    def __init__(self, shape: Any, clock: str, fails: bool) -> None:
        self._shape, self._clock, self._fails = shape, clock, fails

    def evaluator(self) -> Code:
        """Itself."""
        return self

    def documents(self, members: Mapping[str, Any], *results: Any) -> dict[str, Document]:
        """See `plan.evaluator.Evaluator`."""
        plain, tick = self._plain(members)
        shown: dict[str, Document] = self._shape.documents(plain, *results)
        return shown if tick is None else {path: {**document, "tick": tick} for path, document in shown.items()}

    def rows(self, members: Mapping[str, Any]) -> dict[bytes, Any]:
        """See `plan.evaluator.Evaluator`; with a clock a root is in its group at every other tick."""
        plain, tick = self._plain(members)
        rows: dict[bytes, Any] = self._shape.rows(plain)
        return {} if tick is not None and tick // 10 % 2 else rows

    def each(self, members: Mapping[str, Any], slot: int, elements: Sequence[Any]) -> Any:
        """See `plan.evaluator.Evaluator`."""
        return self._shape.each(self._plain(members)[0], slot, [self._plain(e)[0] for e in elements])

    def result(self, key: bytes, results: Sequence[Any]) -> Any:
        """See `plan.evaluator.Evaluator`."""
        return self._shape.result(key, results)

    def _plain(self, members: Mapping[str, Any]) -> tuple[dict[str, Any], int | None]:
        if self._fails and any(fields.get("n") == "hide" for _, fields in members.get("s0", ())):
            raise ValueError("hide")
        plain = {name: docs for name, docs in members.items() if name != self._clock}
        shown = members.get(self._clock, ())
        return plain, to_micros(shown[0][1]["now"]) if shown else None


@dataclass(frozen=True)
class Timed:
    """A case in which time passes.

    Attributes:
        case: Views and a history, without time.
        until: For each view, the indexes of slots that have an `until`.
        every: For each view, how often its clock ticks; 0 without one.
        policy: What the views do where their code fails; empty: it does not.
        first: The moment of the first load.
        moments: (how many changes of the feed were delivered before, moment), rising.
    """

    case: Case
    until: tuple[tuple[int, ...], ...]
    every: tuple[int, ...]
    policy: str
    first: int
    moments: tuple[tuple[int, int], ...]

    @property
    def plan(self) -> Plan:
        """The plan of the views."""
        plan = self.case.plan
        views = [self._view(v, at) for at, v in enumerate(plan.views)]
        read = None if self.case.read is None else (*READ, "u")
        return compile_plan(views, [(c, read) for c, _ in plan.projection.collections])

    def _view(self, view: View, at: int) -> View:
        slots = [replace(s, until=_UNTIL if s.index in self.until[at] else None) for s in view.slots]
        clock = f"s{len(slots)}" if self.every[at] else ""
        if clock:
            place = Collection(CLOCKS)
            slots.append(Slot(clock, len(slots), "via", place, 0, always=clock_path(self.every[at])))
        code = CodeRef(view.code.path, Code(view.code.live, clock, bool(self.policy)))
        policy: OnError = "delete" if self.policy == "delete" else "keep"
        return replace(view, slots=tuple(slots), code=code, on_error=policy)

    def at(self, delivered: int) -> int:
        """The moment when so many changes were delivered."""
        return max([self.first, *(moment for number, moment in self.moments if number <= delivered)])

    @property
    def last(self) -> int:
        """The moment at the end."""
        return max([self.first, *(moment for _, moment in self.moments)])


def random_timed(random: Random, *, most: int = 25) -> Timed:
    """Any case in which time passes."""
    case = random_case(random, most=most)
    commits = tuple(c._replace(fields=_with_moment(random, c.fields)) for c in case.history.commits)
    case = replace(case, history=replace(case.history, commits=commits))
    count = len(case.history.feed)
    passing = sorted((random.randrange(count + 1), _moment(random)) for _ in range(random.choice((0, 1, 3, 6))))
    moments = tuple(zip([n for n, _ in passing], sorted(m for _, m in passing)))
    until = tuple(tuple(i for i in range(len(s.slots)) if random.random() < (0.6 if i else 0.3)) for s in case.shapes)
    every = tuple(random.choice((0, 10, 50)) for _ in case.shapes)
    policy = random.choice(("", "", "keep", "delete"))
    return Timed(case, until, every, policy, random.choice((BEGINNING, _moment(random))), moments)


def _with_moment(random: Random, fields: Document | None) -> Document | None:
    if fields is None or random.random() < 0.3:
        return fields
    return {**fields, "u": random.choice((None, "soon", from_micros(random.randrange(END))))}


def _moment(random: Random) -> int:
    return random.randrange(BEGINNING, END)


def failing(timed: Timed, documents: Mapping[str, Document], moment: int) -> set[tuple[str, str]]:
    """(view, root) of the roots on which the views' code raises at a moment."""
    if not timed.policy:
        return set()
    known = all_at_moment(timed.plan, documents, moment)
    roots = [(v, p, f) for v in timed.plan.views for p, f in known.items() if v.slots[0].collection.matches(p)]
    return {(v.name, p) for v, p, f in roots if f.get("n") == "hide" and passes(v.slots[0], p, f)}
