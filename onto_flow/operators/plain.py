"""Plain changes: a new version of a document that belongs where it did and asks for what it did.

Most changes are of this kind, and what an operator does with one is so little that it can be said as data: which fields it
keeps, which of them must be as they were, whom it tells. An engine whose messages and state are bytes does it on those.

Law: what it says of a plain change is what the operator's step does with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..plan.nodes import Slot
from .carried_keys import deciding


class Plain(NamedTuple):
    """What a plain change is, and what is done with it.

    Attributes:
        stays: The fields whose values are as they were.
        read: The fields that are kept; `None`: all.
        tells: The operators that are told of it, under the document's path.
    """

    stays: tuple[str, ...]
    read: frozenset[str] | None = None
    tells: tuple[str, ...] = ()


def asked_by(children: Iterable[Slot]) -> tuple[str, ...]:
    """The fields of documents that decide what they ask for in some slots."""
    return tuple(dict.fromkeys(name for child in children for name in deciding(child, as_parent=True)))


def is_chosen(slots: Iterable[Slot]) -> bool:
    """Whether more than their keys says which documents are in some slots."""
    return any(s.where is not None or s.until is not None for s in slots)
