"""How many writes a day may cost: counted in the database itself, in the commits that they are made in."""

from __future__ import annotations

from collections.abc import Callable

from ...core.errors import EngineError
from ...core.transforms import Increment
from ...core.writes import Write
from ...database.base import Database
from ..around import Around
from .fence import SPENT


class Budget:
    """The writes of a day (UTC), of all writers of the database that have a budget.

    Args:
        database: Where.
        around: Its clock.
        most: Writes a day; `None`: as many as there are, and they are not counted.
    """

    def __init__(self, database: Database, around: Around, most: int | None) -> None:
        self._database, self._around, self._most = database, around, most
        self._day = ""
        self._spent = 0

    @property
    def is_bounded(self) -> bool:
        """Whether there is a budget."""
        return self._most is not None

    def room(self, waiting: Callable[[], int]) -> int | None:
        """How many writes may still be made today; `None`: any number.

        Args:
            waiting: Says how many documents wait, for the message.

        Raises:
            EngineError: `write-budget` when there are not enough for a document: two, and the one that counts them.
        """
        if self._most is None:
            return None
        day = self._around.now.strftime("%Y-%m-%d")
        if day != self._day:
            fields = self._database.get(f"{SPENT}/{day}").fields or {}
            spent = fields.get("writes")
            self._day, self._spent = day, spent if type(spent) is int else 0
        if self._spent + 3 > self._most:
            raise EngineError(
                "write-budget",
                f"{self._spent} of the {self._most} writes of {day} (UTC) are made; {waiting()} view documents wait",
                fix="With --checkpoint all of it is kept: start the job again tomorrow, or with a larger "
                "--write-budget-per-day.",
            )
        return self._most - self._spent - 1

    def counting(self, writes: int) -> tuple[Write, ...]:
        """The write that counts others, for their commit; it is one more itself."""
        if self._most is None:
            return ()
        return (Write.merge(f"{SPENT}/{self._day}", {"writes": Increment(writes + 1)}),)

    def spent(self, writes: int) -> None:
        """A commit with a count of so many others is made."""
        if self._most is not None:
            self._spent += writes + 1
