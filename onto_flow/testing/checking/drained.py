"""One run of a story through the local engine's flow, judged after every batch: tables, flags, dead letters, gaps, state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...core.change import DeadLetter, ViewChange
from ...core.codec import decode, encode
from ...core.gaps import Gap, Gaps
from ...engines.base import event, seed
from ...engines.bulk import unfilled
from ...engines.local.flow import PAGE, LocalFlow
from ...operators import over
from ...operators.base import Output
from ...operators.messages import Event
from ...operators.record import Record
from ...plan.clocks import clocks
from ...plan.nodes import Plan
from ..judge_changes import judge_chain
from ..rest import complaints_at_rest
from ..simulation import MOMENT
from .stories import Story
from .subject import Expected, Letters, Subject, differences, newest, raised

_MOST_BATCHES = 1_000
"""After so many of its own, a flow should have told all pages of a change in a story."""


class Drained:
    """One run.

    Args:
        subject: The views.
        story: What happens.
        page: How many subscribers of a change one step tells; 0: as many as always. Until all are told, nothing is judged.
        kept: Whether accumulators keep what they have made of a slot, however few documents it has.
        filled: Whether the export is joined without messages, as jobs do where they can, instead of as one batch.
        resumed: Whether every further batch is run by another process, which goes on from the bytes of the one before.
        hurried: Whether changes come while pages wait, where no code of the story raises; then the end is judged.
    """

    def __init__(
        self,
        subject: Subject,
        story: Story,
        page: int = 0,
        *,
        kept: bool = False,
        filled: bool = False,
        resumed: bool = False,
        hurried: bool = False,
    ) -> None:
        self.subject, self.story, self.history = subject, story, story.history
        self.page, self.kept, self.resumed = page or PAGE, kept, resumed
        self.hurried = hurried and not story.may_raise
        self.filled = filled and not unfilled(subject.plan)
        self.generation = 0
        self.came: list[int] = []
        self.moment = MOMENT
        self.raised = False

    def run(self, batches: Sequence[Sequence[int]]) -> Iterator[str]:
        """Runs all batches, of numbers of changes, and judges after each; an empty one kills the process."""
        before = over.KEPT_FROM
        over.KEPT_FROM = 0 if self.kept else before
        try:
            yield from self._run(batches)
        finally:
            over.KEPT_FROM = before

    def _run(self, batches: Sequence[Sequence[int]]) -> Iterator[str]:
        yield from self._start()
        for batch in batches:
            if batch:
                self.came += batch
                yield from self._take(batch)
            else:
                yield from self._end()
                yield from self._start()
                yield from self._take(self.came)
        yield from self._end()

    def _end(self) -> Iterator[str]:
        if self.hurried:
            yield from self._rest()
            yield from self._judge(self._commits())
        yield from judge_chain((change, False) for change in self.seen)
        if not self.raised:
            known = self.history.known(self._commits())
            yield from complaints_at_rest(self.subject.judged, self.flow.state.states, known, self.moment, lost=True)

    def _start(self) -> Iterator[str]:
        """A new process: it loads the export, under a higher generation."""
        self.generation += 1
        self.moment = MOMENT
        history = self.history
        self.flow = LocalFlow(
            self.subject.judged, generation=self.generation, snapshot=history.snapshot, page=self.page
        )
        self.flow.advance(MOMENT)
        self.seen: list[ViewChange] = []
        self.letters, self.gaps = Letters(), Gaps()
        self.good: dict[str, dict[str, Any]] = {}
        if history.exported:
            yield from self._load([seed(c, history.snapshot) for c in history.seeds()])
            yield from self._judge([])

    def _load(self, seeds: Sequence[tuple[str, Event]]) -> Iterator[str]:
        if not self.filled:
            yield from self._process(seeds)
            return
        self.flow.fill(seeds)
        yield from self._keep([output for outputs in self.flow.filled() for output in outputs])

    def _take(self, changes: Sequence[int]) -> Iterator[str]:
        if changes:
            moment = self.story.moment(changes)
            if moment > MOMENT:
                self.flow.advance(moment)
                self.moment = max(self.moment, moment)
            commits = [n for at in changes if (n := self.story.commits[at]) is not None]
            yield from self._process([event(self.history.change(n)) for n in commits])
            if not self.hurried:
                yield from self._judge(self._commits())

    def _commits(self) -> list[int]:
        """What came, as numbers in the history."""
        return [n for at in self.came if (n := self.story.commits[at]) is not None]

    def _process(self, events: Sequence[tuple[str, Event]]) -> Iterator[str]:
        """A batch, and those after it that tell the rest of its pages."""
        yield from self._keep(self.flow.process(events))
        if not self.hurried:
            yield from self._rest()

    def _rest(self) -> Iterator[str]:
        """The batches that tell the rest of what waits."""
        batches = range(_MOST_BATCHES)
        while self.flow.timer_is_due and (batches := batches[1:]):
            if self.resumed:
                self.flow = resumed(self.flow, self.subject.judged, self.history.snapshot, self.page)
                self.flow.advance(self.moment)
            before = self._versions()
            yield from self._keep(self.flow.process(()))
            yield from self._bounded(before)
        if not batches:
            yield f"after {_MOST_BATCHES} further batches it is still not at rest"

    def _versions(self) -> dict[str, int]:
        """Root -> how many times it has shown something, where only pages can be what further batches tell."""
        plan = self.subject.judged
        if len(plan.views) > 1 or clocks(plan) or any(s.until is not None for s in plan.views[0].slots):
            return {}
        states = self.flow.state.states[f"{plan.views[0].name}.assemble"]
        return {str(root): Record.of(cells.get("record")).seq for root, cells in states.items()}

    def _bounded(self, before: Mapping[str, int]) -> Iterator[str]:
        """A page tells no more roots than it may."""
        told = [root for root, seq in self._versions().items() if seq != before.get(root, 0)]
        if before and len(told) > self.page:
            yield f"a page of {self.page} has told {len(told)} roots: {sorted(told)}"

    def _keep(self, outputs: Sequence[Output]) -> Iterator[str]:
        written: set[tuple[str, str]] = set()
        for output in outputs:
            if isinstance(output, ViewChange):
                self.seen.append(output)
                if (output.view, output.path) in written:
                    yield f"{output.path} is written twice in one batch"
                written.add((output.view, output.path))
                if any(s.collection.matches(output.path) for s in self.subject.plan.view(output.view).slots):
                    yield f"{output.view} writes {output.path}, which it reads: it would set itself off for ever"
            elif isinstance(output, Gap):
                self.gaps.take(output)
            elif isinstance(output, DeadLetter):
                self.letters.take(output)

    def _judge(self, came: Sequence[int]) -> Iterator[str]:
        known = self.history.known(came)
        if self.story.may_raise:
            expected = self.subject.expected_after(known, self.moment, self.good)
            self.good = expected.shown
            yield from self._flags(expected)
        else:
            expected = self.subject.expected(known, self.moment)
            yield from raised(expected)
        self.raised = self.raised or bool(expected.raised)
        yield from differences(expected, newest(self.seen))
        yield from self.letters.judge(expected)
        missing = {(p, v) for p, v in self.history.missing(came) if self.subject.plan.projection.wants(p)}
        if self.gaps.awaited() != missing:
            yield f"the gaps of the feed are {sorted(self.gaps.awaited())}, and should be {sorted(missing)}"

    def _flags(self, expected: Expected) -> Iterator[str]:
        """Documents that are the last good ones of code that fails, of views of which each is made by one root."""
        last = {(c.view, c.path): c for c in self.seen}
        for view in self.subject.judged.views:
            if view.grouped or view.owned or view.name not in expected.tables:
                continue
            for root, outputs in expected.shown[view.name].items():
                fails = view.on_error == "keep" and root in expected.failing[view.name]
                for path in outputs:
                    change = last.get((view.name, path))
                    if change is not None and change.failed != fails:
                        yield f"{path} is {'not ' * fails}flagged as the last good one of code that fails"


def resumed(flow: LocalFlow, plan: Plan, snapshot: int | None, page: int) -> LocalFlow:
    """The flow of a process that goes on from the bytes which another one left."""
    for states in flow.state.states.values():
        for cells in states.values():
            for name, value in list(cells.items()):
                if hasattr(value, "pack"):
                    cells[name] = decode(encode(value.pack()))
    return LocalFlow(plan, generation=flow.generation, snapshot=snapshot, page=page, state=flow.state)
