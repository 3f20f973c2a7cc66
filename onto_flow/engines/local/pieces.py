"""How much of a first load is taken at a time where memory is bounded: what a piece takes comes on top of the state."""

from __future__ import annotations

MOST = 20_000
"""How many documents are taken at a time, at most: less where there is little memory."""

LEAST = 500
"""Smaller pieces would be commits and nothing else."""

_BYTES_OF_A_DOCUMENT = 20_000
"""Of what the state may have in memory, for each document of a piece."""

_DOCUMENTS_OF_A_ROOT = 20
"""A root and what is kept of it take as much memory as so many documents, about."""


def documents_at_once(max_memory: int) -> int:
    """How many documents, where the state may have so many bytes in memory.

    Example:
        >>> [documents_at_once(megabytes << 20) for megabytes in (1, 64, 1024)]
        [500, 3355, 20000]
    """
    return min(MOST, max(LEAST, max_memory // _BYTES_OF_A_DOCUMENT))


def roots_at_once(documents: int) -> int:
    """How many roots are shown at a time that takes so many documents.

    Example:
        >>> roots_at_once(500), roots_at_once(3)
        (25, 1)
    """
    return max(1, documents // _DOCUMENTS_OF_A_ROOT)
