"""Counts the fields that hold another type than declared, where documents are read.

Such a field reads as it is (`Meta.strict` makes it a dead letter); that there are some is told by collection and field, as
often as they are read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.change import Change
from ..core.kinds import TYPES, holds, shown_path, values_at
from ..core.native import compiled, replace
from ..plan.nodes import Plan

MAX_COLLECTIONS = 10_000
"""So many collections are looked up once; those below documents may be as many as these are."""


class Mistyped(NamedTuple):
    """How often a field held another type than declared.

    Attributes:
        collection: As the model names it: `users`, `stocks/{symbol}/daily`.
        field: Its name in Firestore; inside of maps the way to it, `lines[].price`.
        times: How many such values were read.
    """

    collection: str
    field: str
    times: int


_Check = tuple[str, frozenset[type], tuple[str, ...], tuple[str, ...], tuple[str, str]]
_Checks = tuple[_Check, ...]
"""(field, classes that it mostly has, kinds, steps further in, whose count it is)."""


def odd_values(
    changes: Iterable[Change], known: Mapping[str, _Checks], of: Callable[[str], _Checks]
) -> list[tuple[_Check, Any]]:
    """The values whose class is none of those that their field mostly has.

    Args:
        changes: Documents as they are after these.
        known: Collection -> its checks.
        of: Gives those of a collection that is not known yet.
    """
    odd = []
    for change in changes:
        fields = change.after
        if fields is not None:
            parent = change.path.rpartition("/")[0]
            checks = known.get(parent)
            for check in of(parent) if checks is None else checks:
                value = fields.get(check[0])
                if value.__class__ not in check[1]:
                    odd.append((check, value))
    return odd


class WrongTypes:
    """The fields of another type than declared in what was read.

    Args:
        plan: What is declared.

    Attributes:
        counts: (collection, field) -> how often.

    Example:
        >>> from onto_flow.demo.meeting_room import MeetingSession
        >>> found = WrongTypes(MeetingSession.plan())
        >>> found.look([Change("tickets/t1", None, {"role": "guest", "attendance": "yes"}, (1, 0))])
        >>> found.counts, found.told()
        ({('tickets', 'attendance'): 1}, [Mistyped(collection='tickets', field='attendance', times=1)])
    """

    def __init__(self, plan: Plan) -> None:
        self.counts: dict[tuple[str, str], int] = {}
        self._kinds = plan.kinds
        self._checks: dict[str, _Checks] = {}

    def look(self, changes: Iterable[Change]) -> None:
        """Counts what is wrong in the documents as they are after some changes."""
        for (_, _, kinds, inside, which), value in odd_values(changes, self._checks, self._of):
            wrong = sum(not holds(kinds, v) for v in (values_at(value, inside) if inside else (value,)))
            if wrong:
                self.counts[which] = self.counts.get(which, 0) + wrong

    def told(self) -> list[Mistyped]:
        """The counts as values that travel."""
        return [Mistyped(*which, times) for which, times in self.counts.items()]

    def take(self, mistyped: Mistyped) -> None:
        """Adds what somebody else counted."""
        collection, field, times = mistyped
        self.counts[collection, field] = self.counts.get((collection, field), 0) + times

    def _of(self, parent: str) -> _Checks:
        if len(self._checks) >= MAX_COLLECTIONS:
            self._checks.clear()
        found = [(c, fields) for c, fields in self._kinds if c.matches(f"{parent}/x")]
        checks = self._checks[parent] = tuple(
            (
                steps[0],
                _classes(kinds if len(steps) == 1 else ()),
                kinds,
                steps[1:],
                (str(collection), shown_path(steps)),
            )
            for collection, fields in found
            for steps, kinds in fields
        )
        return checks


def _classes(kinds: tuple[str, ...]) -> frozenset[type]:
    """The classes that values of some kinds mostly are of."""
    return frozenset({type(None), *(cls for kind in kinds for cls in TYPES[kind])})


def in_words(counts: Mapping[tuple[str, str], int]) -> str:
    """The counts as text: the most frequent ones by name.

    Example:
        >>> in_words({("tickets", "attendance"): 3, ("users", "age"): 1})
        'tickets.attendance 3, users.age 1'
    """
    ordered: list[Any] = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    words = ", ".join(f"{'.'.join(which)} {times:,}" for which, times in ordered[:5])
    return words + (", ..." if len(ordered) > 5 else "")


if not TYPE_CHECKING and compiled() is not None:
    replace(sys.modules[__name__], "odd_values", compiled().odd_values)
