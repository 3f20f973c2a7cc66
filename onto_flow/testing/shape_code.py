"""What users write beside their views, as generated views have it: an accumulator, and functions of slots."""

from __future__ import annotations

from typing import Any

from ..core.equality import same
from ..core.errors import DataError
from ..core.kinds import holds
from ..core.values import Document


class Parity:
    """An accumulator as users write them: how many numbers are odd, and how many are not."""

    def create(self) -> tuple[int, int]:
        """No numbers."""
        return (0, 0)

    def add(self, state: tuple[int, int], number: float) -> tuple[int, int]:
        """One more."""
        return (state[0] + 1, state[1]) if number % 2 == 1 else (state[0], state[1] + 1)

    def retract(self, state: tuple[int, int], number: float) -> tuple[int, int]:
        """One less."""
        return (state[0] - 1, state[1]) if number % 2 == 1 else (state[0], state[1] - 1)

    def merge(self, left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
        """The numbers of both."""
        return (left[0] + right[0], left[1] + right[1])

    def result(self, state: tuple[int, int]) -> list[int]:
        """[odd, others]."""
        return list(state)


PARITY = Parity()


def shown(path: str, fields: Document) -> bool:
    """A `where` on a document."""
    return bool(fields.get("n") != "hide")


def strict(path: str, fields: Document) -> bool:
    """A `where` as a strict model has it: a document of another type than declared does not count."""
    if not holds(("float",), fields.get("n")):
        raise DataError("wrong-type", f"{path}: n is declared float, and holds {fields['n']!r}", where=path)
    return True


def alike(path: str, fields: Document, parent: str, parent_fields: Document) -> bool:
    """A `where` that compares with the parent."""
    return same(fields.get("k2"), parent_fields.get("k2"))


def by_n(path: str, fields: Document) -> Any:
    """What documents are ordered by."""
    return fields.get("n")
