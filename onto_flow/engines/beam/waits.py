"""What a key of a stream waits for: timers that it asked for, and what it keeps until they come; and for how long it may."""

from __future__ import annotations

from typing import Any, NamedTuple

from apache_beam.utils.timestamp import Timestamp

from ...plan.nodes import OperatorNode, View
from ..coding import decode_state, encode_state
from ..credit import NOTHING, Weight


class Waits(NamedTuple):
    """What a key waits for.

    Attributes:
        garbage: When its garbage timer is to act, in microseconds; 0: never.
        pages: Whether it goes on by pages.
        weight: What it keeps until the last page.
        inbox: Whether messages wait in its inbox.
    """

    garbage: int = 0
    pages: bool = False
    weight: Weight = NOTHING
    inbox: bool = False


class Waiting:
    """The state of `Waits`, read when it is asked for, written where it differs."""

    def __init__(self, state: Any) -> None:
        self._state = state
        self._held: Waits | None = None

    def get(self) -> Waits:
        """What is waited for."""
        if self._held is None:
            raw = self._state.read()
            garbage, pages, weight, *inbox = (0, False, NOTHING) if raw is None else decode_state(raw)
            self._held = Waits(garbage, pages, Weight(*weight), bool(inbox))
        return self._held

    def put(self, waits: Waits) -> None:
        """Writes what is waited for, where it differs."""
        if waits == self.get():
            return
        self._held = waits
        if waits == Waits():
            self._state.clear()
        else:
            inbox = (True,) if waits.inbox else ()
            self._state.write(encode_state((waits.garbage, waits.pages, tuple(waits.weight), *inbox)))


def goes_on(state: Any) -> bool:
    """Whether a key goes on by pages, by the state of `Waits`."""
    raw = state.read()
    return raw is not None and bool(decode_state(raw)[1])


def set_garbage(waiting: Waiting, timer: Any, at: int) -> None:
    """Sets the garbage timer of a key, unless it comes before that anyhow."""
    waits = waiting.get()
    if not 0 < waits.garbage <= at:
        waiting.put(waits._replace(garbage=at))
        timer.set(Timestamp(micros=at))


def patience_of(node: OperatorNode, view: View | None, coalesce: int) -> int:
    """For how many microseconds messages of an operator wait for others, to be one step with them; 0: none does.

    No result depends on it: a step takes its messages in any order and number. What a load caused does not
    wait (decision 88).

    Args:
        node: It.
        view: Its view; `None`: of none.
        coalesce: For how many microseconds what shows view documents waits for more.
    """
    if view is None or node.kind not in _SHOW:
        return 0
    shows = node.kind != "assemble" or not (view.grouped or view.owned)
    return coalesce if shows else 0


_SHOW = frozenset({"assemble", "aggregate", "sessions", "own"})
