"""Looks for one fault with `check_view`, as a user would: with views, in so many seconds, and by the test that is printed."""

from __future__ import annotations

import importlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.laws.checked import wrong_views
from tests.laws.checked.faults import BY_NAME, BY_TEXT, Broken
from tests.laws.checked.faults_of_paging import FAULTS_OF_PAGING
from tests.laws.checked.more_views import MORE_VIEWS
from tests.laws.checked.timed_views import TIMED_VIEWS
from tests.laws.checked.views import VIEWS, Echo

OF_VIEWS = tuple(Broken(name, "view", views=(name,)) for name in wrong_views.WRONG_VIEWS)
RIGHT = {**{name: (view,) for name, view in VIEWS.items()}, **MORE_VIEWS, **TIMED_VIEWS}
"""Views that are right, each with those that it reads: faults outside of views are looked for with them."""

BROKEN: tuple[Broken, ...] = (*BY_TEXT, *BY_NAME, *FAULTS_OF_PAGING, *OF_VIEWS)
EXAMPLES = 24
"""How many stories a view is checked with before the next one's turn."""


@dataclass(frozen=True)
class Found:
    """What `check_view` said of a fault.

    Attributes:
        broken: The fault.
        seconds: Of a processor, until it was found; shrinking aside.
        view: With which view.
        complaint: What is wrong; empty when it was not found.
        changes: How many writes the printed test has, given documents included.
        again: Whether the printed test fails too, while the fault is there.
    """

    broken: Broken
    seconds: float
    view: str = ""
    complaint: str = ""
    changes: int = 0
    again: bool = False
    test: str = ""

    def line(self) -> str:
        """One line."""
        if not self.complaint:
            return f"MISSED   {self.broken.part:9} {self.broken.name}"
        state = "" if self.again else "  NOT AGAIN"
        complaint = " ".join(self.complaint.split())[:90]
        return f"{self.seconds:5.1f} s {self.changes:3} {self.broken.part:9} {self.broken.name}: {self.view}: {complaint}{state}"


def find(broken: Broken, seconds: float) -> Found:
    """Runs `check_view` while something is broken, for so many seconds of a processor."""
    started = _used()
    with broken.applied():
        check = importlib.import_module("onto_flow.testing.checking.check")
        for several, seed in _turns(broken):
            if _used() - started >= seconds:
                break
            try:
                check.check_view(*several, examples=EXAMPLES, seed=seed, sink=broken.sink, pure=broken.part == "view")
            except check.CheckFailed as failed:
                took = _used() - started - failed.shrinking
                changes = failed.changes + failed.documents
                return Found(
                    broken,
                    took,
                    several[-1].__name__,
                    failed.complaint,
                    changes,
                    _fails_again(failed.test),
                    failed.test,
                )
    return Found(broken, _used() - started)


def _used() -> float:
    """Seconds of a processor that this process and its children have had: the same on a machine that is busy."""
    return sum(os.times()[:4])


def _turns(broken: Broken) -> Iterator[tuple[tuple[type[Any], ...], int]]:
    """Views and seeds in turn: those that were named, and again between all others."""
    if broken.part == "view":
        yield from (((wrong_views.WRONG_VIEWS[broken.name],), seed) for seed in itertools.count())
    named, seeds = broken.views, itertools.count()
    others = itertools.cycle(name for name in RIGHT if name not in named)
    yield from ((RIGHT.get(name, (Echo,)), 0) for name in named)
    for seed in seeds:
        yield RIGHT[next(others)], seed
        yield from ((RIGHT.get(name, (Echo,)), seed + 1) for name in named)


def _fails_again(test: str) -> bool:
    """Whether a printed test fails."""
    names: dict[str, Any] = {"__name__": "printed"}
    exec(compile(test, "printed", "exec"), names)  # noqa: S102 - it is what was printed
    [run] = [value for name, value in names.items() if name.startswith("test_")]
    try:
        run()
    except AssertionError:
        return True
    except Exception:
        return True
    return False
