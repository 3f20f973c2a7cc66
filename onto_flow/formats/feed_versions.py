"""The version rules: what orders the changes of one document, one rule for each kind of feed.

The table `RULES` is the one place that says it; the decoders ask it, and `docs/feeds.md` shows it.

| operation | version |
|---|---|
| create, update, delete | (number, tie): what the kind orders by; the tie of the operation, or one that the event has |
| snapshot (a row of a first copy) | `BELOW_EVENTS` and above: (0, 2 + number); below any live change of the document |
| read (a document that was read at a time) | (number, `AS_READ`): below any live change of that time |

Numbers are microseconds, so that they compare with the time of an export; positions in a log are no times, and stand above
all of them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..core.change import AS_READ, BELOW_EVENTS, Version
from ..core.errors import DataError

Operation = Literal["create", "update", "delete", "snapshot", "read"]

POSITIONS = 1 << 60
"""What is added to a position in a log: above the microseconds of any year."""

_LIMIT = 1 << 62


class Rule(NamedTuple):
    """How one kind of feed orders the changes of a document.

    Attributes:
        kind: The kind of feed.
        number: What the number of a version is.
        ties: The tie of create, update, delete, where the event has none of its own.
        position: Whether the number is a position in a log, not a time.
    """

    kind: str
    number: str
    ties: tuple[int, int, int]
    position: bool = False

    def version(self, operation: Operation, number: int, tie: int | None = None) -> Version:
        """The version of a change.

        Raises:
            DataError: `bad-change` for a number that is not a time after 1970, or no position.
        """
        if operation == "snapshot":
            return BELOW_EVENTS[0], BELOW_EVENTS[1] + 1 + self._checked(number, 0)
        if operation == "read":
            return self._checked(number, 1), AS_READ
        own = self.ties[_OPERATIONS[operation]] if tie is None else tie
        return self._checked(number, 0 if self.position else 1) + POSITIONS * self.position, own

    def _checked(self, number: int, least: int) -> int:
        if least <= number < _LIMIT:
            return number
        what = "a position" if self.position else "a time after 1970"
        raise DataError("bad-change", f"{number} orders no change: it is not {what}")


def last_microsecond(micros: int, unit: int) -> int:
    """What a time counts as that is known to a unit of so many microseconds: the last that it may have been.

    An event of the unit in which an export was taken may be younger than the export, so it must not be taken for a part
    of it; one that is older is applied once more, which changes nothing.
    """
    return micros + unit - 1


_OPERATIONS = {"create": 0, "update": 1, "delete": 2}
_COMMIT, _RANKED = (0, 0, 1), (0, 1, 2)

RULES: dict[str, Rule] = {
    rule.kind: rule
    for rule in (
        Rule("cloudevents", "the document's update time; of a deletion, that of the document it removed", _COMMIT),
        Rule("background", "the document's update time; of a deletion, that of the side before", _COMMIT),
        Rule("database", "of thin events: the update time of the document as it was read", _COMMIT),
        Rule("changelog", "the row's timestamp, which is the time of the event", _COMMIT),
        Rule("debezium", "of rows of a first copy: the time, else the position", _RANKED),
        Rule("debezium-lsn", "source.lsn", (0, 0, 0), position=True),
        Rule("debezium-ord", "the second of source.ts_ms, then source.ord", _RANKED),
        Rule("debezium-ts_us", "source.ts_us, else ts_us; then the record's offset, where the line has one", _RANKED),
        Rule("debezium-ts_ms", "source.ts_ms, else ts_ms; then the record's offset, where the line has one", _RANKED),
        Rule("mapping-time", "what the mapping's `version` names, as a time", _RANKED),
        Rule("mapping-position", "what the mapping's `version` names, as a number that rises", _RANKED, position=True),
    )
}
