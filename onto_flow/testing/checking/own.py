"""The accumulators that users wrote, on the values that their views' rows give: the laws of `check_accumulator`.

Tables alone do not show a wrong `merge`, nor a state that was changed in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...core.codec import encode
from ...core.values import Document
from ...plan.nodes import Accumulator, Plan, View
from ..accumulator_laws import check_accumulator
from ..oracle import contributions

MOST = 4
"""How many different values of an accumulator are tried; three of them in any order, each as often as three times."""


class OwnAccumulators:
    """Gathers values of rows, and checks each accumulator once there are enough.

    Args:
        plan: The views' plan.
    """

    def __init__(self, plan: Plan) -> None:
        self._values: dict[tuple[str, int], dict[bytes, Any]] = {
            (view.name, at): {} for view in plan.views for at, a in enumerate(view.accumulators) if a.kind == "own"
        }
        self._plan = plan
        self._checked: set[tuple[str, int]] = set()

    def take(self, documents: Mapping[str, Document]) -> None:
        """Takes the values that some documents give.

        Raises:
            AssertionError: A law that does not hold, as a ready test says it.
        """
        for place in self._values.keys() - self._checked:
            view = self._plan.view(place[0])
            values = self._values[place]
            for value in _values(self._plan, view, place[1], documents):
                if len(values) < MOST:
                    values.setdefault(encode(value), value)
            if len(values) == MOST:
                self._check(place)

    def end(self) -> None:
        """Checks those of which few values were seen.

        Raises:
            AssertionError: See `take`.
        """
        for place in self._values.keys() - self._checked:
            self._check(place)

    def _check(self, place: tuple[str, int]) -> None:
        self._checked.add(place)
        accumulator: Accumulator = self._plan.view(place[0]).accumulators[place[1]]
        assert accumulator.code is not None
        values = list(self._values[place].values())
        try:
            check_accumulator(accumulator.code.resolve(), values)
        except AssertionError as error:
            test = f"check_accumulator({place[0]}.{accumulator.name}.own, {values!r})"
            raise AssertionError(f"{place[0]}.{accumulator.name}: {error}\n\n{test}") from error


def _values(plan: Plan, view: View, at: int, documents: Mapping[str, Document]) -> Iterator[Any]:
    """What rows give; nothing from where the view's code raises."""
    try:
        yield from contributions(plan, view, at, documents)
    except Exception:
        return
