"""The user's own accumulators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

V = TypeVar("V")
S = TypeVar("S")
R = TypeVar("R")


class Accumulator(ABC, Generic[V, S, R]):
    """An accumulator of one's own, with O(1) state: values `V` of rows, a state `S`, a result `R`.

    Law: `retract(add(s, v), v)` is `s`; `add` and `retract` commute; `merge` is the state of the rows of both. They return
    a new state and leave the given one alone. A state is made of values of Firestore, integers of any size, and tuples.
    Doubles that are added up break the law by rounding: keep integers, or `fractions` as pairs of integers.
    `onto_flow.testing.check_accumulator` checks all of this.

    Example:
        >>> class MeanSquare(Accumulator[int, tuple[int, int], float | None]):
        ...     '''The mean of the squares.'''
        ...     def create(self) -> tuple[int, int]:
        ...         return (0, 0)
        ...     def add(self, state: tuple[int, int], value: int) -> tuple[int, int]:
        ...         return (state[0] + 1, state[1] + value * value)
        ...     def retract(self, state: tuple[int, int], value: int) -> tuple[int, int]:
        ...         return (state[0] - 1, state[1] - value * value)
        ...     def merge(self, left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
        ...         return (left[0] + right[0], left[1] + right[1])
        ...     def result(self, state: tuple[int, int]) -> float | None:
        ...         return state[1] / state[0] if state[0] else None
        >>> square = MeanSquare()
        >>> square.result(square.retract(square.add(square.add(square.create(), 3), 4), 3))
        16.0
    """

    @abstractmethod
    def create(self) -> S:
        """The state of no rows."""

    @abstractmethod
    def add(self, state: S, value: V) -> S:
        """The state with one more row."""

    @abstractmethod
    def retract(self, state: S, value: V) -> S:
        """The state without a row that was added."""

    @abstractmethod
    def merge(self, left: S, right: S) -> S:
        """The state of the rows of both."""

    @abstractmethod
    def result(self, state: S) -> R:
        """What the view shows."""
