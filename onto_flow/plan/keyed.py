"""Slots whose documents are known one by one."""

from __future__ import annotations

import dataclasses

from .nodes import Slot

_KNOWN = frozenset(
    {
        *("name", "index", "kind", "collection", "parent", "many", "required"),
        *("relation", "pairs", "fused", "until", "always", "where"),
    }
)


def found_by_keys(slot: Slot) -> bool:
    """Whether a slot holds all documents that its join keys find, in path order: then each belongs to it or not by itself.

    What may be said of a slot beside that is not known here and makes it another one; so does a condition on the root, or a
    moment until which it counts.
    """
    if slot.kind == "root" and (slot.where is not None or slot.until is not None):
        return False
    return all(f.name in _KNOWN or getattr(slot, f.name) == f.default for f in dataclasses.fields(slot))
