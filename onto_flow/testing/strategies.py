"""Hypothesis strategies for views, histories, deliveries and settings: the generators of `cases`, with draws that shrink.

Example:
    >>> from hypothesis import find
    >>> len(find(histories(), lambda history: any(c.fields is None for c in history.commits)).commits) >= 2
    True
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import strategies as st

from .cases import Case, random_case, random_history, random_shape, random_world
from .histories import DELIVERIES, History, deliver
from .shapes import Shape


def cases(*, most: int = 45) -> st.SearchStrategy[Case]:
    """Views with a history."""
    return _randoms().map(lambda random: random_case(random, most=most))


def shapes(name: str = "V") -> st.SearchStrategy[Shape]:
    """Views."""
    return _randoms().map(lambda random: random_shape(random, name))


def histories(letters: str = "abc", *, most: int = 45) -> st.SearchStrategy[History]:
    """Histories of documents in some of the collections of `shapes.COLLECTIONS`."""
    return _randoms().map(lambda random: random_history(random, random_world(random, letters), most=most))


def deliveries(feed: Sequence[int]) -> st.SearchStrategy[list[int]]:
    """Ways to deliver a feed: late, repeated, in any order, and nothing lost."""
    return st.builds(lambda random, kind: deliver(feed, random, kind), _randoms(), st.sampled_from(DELIVERIES))


def _randoms() -> st.SearchStrategy[Random]:
    return st.randoms(use_true_random=False, note_method_calls=False)
