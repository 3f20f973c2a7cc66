"""The whole table of a job, from its state: given to a sink that knows nothing of what a process before has shown.

Law: of a view document that changes meanwhile a sink keeps the newest version, so what changed may be given before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import chain, islice

from ...core.change import ViewChange
from ...plan.nodes import Plan
from .flow import LocalFlow
from .kept import KeptState

_CHUNK = 1000
_CHUNKS = 5
"""So many chunks are given between two batches of the feed, at most half of the time."""


class WholeTable:
    """What the state shows, chunk by chunk.

    Args:
        plan: Of the job.
        flow: What computes.
        state: What is shown, while it changes.

    Attributes:
        chunks: What was not given yet.
    """

    def __init__(self, plan: Plan, flow: LocalFlow, state: KeptState) -> None:
        self._plan, self._flow, self._state = plan, flow, state
        self.chunks = self._shown()
        self._gave, self._took = 0.0, 0.0

    @property
    def is_due(self) -> bool:
        """Whether the feed has had as much time as was last given to this."""
        return time.monotonic() - self._gave >= self._took

    def give(self, write: Callable[[list[ViewChange]], None]) -> bool:
        """Gives some more; whether that was all."""
        began = time.monotonic()
        some = list(islice(self.chunks, _CHUNKS))
        for chunk in some:
            write(chunk)
        self._gave = time.monotonic()
        self._took = self._gave - began
        return len(some) < _CHUNKS

    def _shown(self) -> Iterator[list[ViewChange]]:
        chunk: list[ViewChange] = []
        for node in self._plan.operators:
            if node.shows:
                keys = self._state.every(node.id)
                for change in chain.from_iterable(self._flow.shown(node, key, cells) for key, cells in keys):
                    chunk.append(change)
                    if len(chunk) >= _CHUNK:
                        yield chunk
                        chunk = []
        yield chunk
