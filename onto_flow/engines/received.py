"""What a submitting process does with the outputs of a bounded job: the sink has the changes, all else is told."""

from __future__ import annotations

from typing import Any

from ..core.change import DeadLetter, ViewChange
from ..core.gaps import Gap, Gaps
from .base import Job
from .breaker import Failures
from .wrong_types import Mistyped, WrongTypes

WRITE_AT_ONCE = 1000
"""So many view changes are handed to the sink together."""


class Received:
    """The outputs of one job, as far as every engine has them.

    Args:
        job: Whose they are.

    Attributes:
        view_changes, dead_letters: How many came; letters that are taken back do not count.
        gaps, wrong_types: What operators and readers told of.
        failures: Whether so much of user code failed that nothing may be published.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.view_changes = self.dead_letters = 0
        self.gaps = Gaps()
        self.wrong_types = WrongTypes(job.plan)
        self.failures = Failures(job.limits)
        self._held: list[ViewChange] = []
        job.metrics.counts_in(self.gaps, self.wrong_types.counts)

    def take(self, output: Any) -> None:
        """Takes an output; one of the engine's own is none of these."""
        if isinstance(output, ViewChange):
            self.view_changes += 1
            self._held.append(output)
        elif isinstance(output, DeadLetter):
            self.dead_letters += not output.cleared
            self.job.dead_letter(output)
            self.failures.take(output)
        elif isinstance(output, Gap):
            self.gaps.take(output)
        elif isinstance(output, Mistyped):
            self.wrong_types.take(output)

    @property
    def many(self) -> bool:
        """Whether so many view changes wait that the sink should have them."""
        return len(self._held) >= WRITE_AT_ONCE

    def write(self) -> None:
        """Hands on what waits."""
        if self._held:
            self.job.sink.write(self._held)
            self._held = []

    def publish(self) -> None:
        """Ends well: the tables are complete, and are shown.

        Raises:
            EngineError: `breaker-open`.
        """
        self.write()
        self.failures.settle(self.view_changes)
        self.job.sink.complete()
        for letter in self.job.sink.publish():
            self.take(letter)
