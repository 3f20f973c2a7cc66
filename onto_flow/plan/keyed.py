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
    return _is_known(slot)


def first_found_by_keys(slot: Slot) -> bool:
    """Whether a slot holds the first of such documents, in path order or another one."""
    return slot.kind != "root" and _is_known(dataclasses.replace(slot, order=None, limit=None))


def _is_known(slot: Slot) -> bool:
    return all(f.name in _KNOWN or getattr(slot, f.name) == f.default for f in dataclasses.fields(slot))
