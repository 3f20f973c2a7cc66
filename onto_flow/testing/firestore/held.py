"""One database of the double: an embedded one, its transactions, and what its listeners are not to know."""

from __future__ import annotations

from datetime import datetime

from ...core.values import to_micros
from ...database.embedded.database import EmbeddedDatabase
from ...database.embedded.reading import Reading
from ...database.embedded.rows import State, state_of
from ...database.embedded.transaction import EmbeddedTransaction
from .faults import Faults
from .messages import Reads

_AT = "SELECT id FROM versions WHERE time <= ? ORDER BY id DESC LIMIT 1"


class Held:
    """One database of the server.

    Attributes:
        database: Its documents.
        epoch: Tokens of another one are answered with a reset.
        forgets_times: Whether a listener from a time is answered with a reset.
        counts_missed: Whether listeners that were not told of a change are told the number of documents.
        counts_at_resume: Whether who goes on is told the number of documents, as Firestore does now and then.
    """

    def __init__(self, name: str, file: str, faults: Faults) -> None:
        self.database = EmbeddedDatabase(file, synchronous="off")
        self.reads, self.faults = Reads(name), faults
        self.epoch = 0
        self.forgets_times = self.counts_at_resume = False
        self.counts_missed = True
        self.transactions: dict[bytes, EmbeddedTransaction] = {}
        self._missed: set[str] = set()

    def miss(self, *paths: str) -> None:
        """Listeners are not told of the next change of these documents; then they are told how many there are."""
        self._missed.update(paths)

    def take_missed(self, told: set[str]) -> set[str]:
        """What a moment of a listener leaves out, of what it would tell."""
        missed = self._missed & told
        self._missed -= missed
        return missed

    def as_of(self, time: datetime) -> Reading:
        """Reads as of a time."""
        micros = to_micros(time)
        with self.database.file.reading() as connection:
            now = state_of(connection)
            rows = connection.execute(_AT, (micros,)).fetchall()
        position = rows[0][0] if rows else now.floor
        return Reading(self.database.file, State(position, micros, now.floor, now.floor_time))
