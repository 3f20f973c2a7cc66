"""What a pipeline needs of its runner, read off the pipeline."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
from apache_beam.io.gcp.pubsub import ReadFromPubSub
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.runners.common import DoFnSignature
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import OrderedListStateSpec, get_dofn_specs

from ...core.errors import EngineError
from .runners import Need, keep_keys_whole, known, refusals, runner_of


def needs_of(pipeline: beam.Pipeline) -> frozenset[Need]:
    """What all steps of a pipeline need."""
    found = _Needs()
    pipeline.visit(found)
    return frozenset(found.needs)


def check_pipeline(pipeline: beam.Pipeline, runner: str = "") -> None:
    """Refuses a pipeline that its runner cannot run; tells the runner what it must know of one with state.

    Args:
        pipeline: It, whole.
        runner: The name of another runner than the pipeline's.

    Raises:
        EngineError: `engine-refused`.
    """
    record = known(runner) if runner else runner_of(pipeline)
    needs = needs_of(pipeline)
    if reasons := refusals(record, pipeline._options, needs):
        raise EngineError("engine-refused", "; ".join(reasons))
    if Need.STATE in needs:
        keep_keys_whole(record, pipeline._options)


class _Needs(PipelineVisitor):
    def __init__(self) -> None:
        self.needs: set[Need] = set()
        self._fired: set[Any] = set()
        """Collections of bounded inputs that event-time timers gave, or what follows from those."""

    def enter_composite_transform(self, applied: AppliedPTransform) -> None:
        self._look(applied)

    def visit_transform(self, applied: AppliedPTransform) -> None:
        self._look(applied)
        if any(not output.is_bounded for output in applied.outputs.values()):
            self.needs.add(Need.STREAM)
        if isinstance(applied.transform, beam.ParDo):
            self.needs |= _of_dofn(applied.transform.fn, applied.inputs[0].is_bounded)
        self._follow_timers(applied)

    def _look(self, applied: AppliedPTransform) -> None:
        if isinstance(applied.transform, ReadFromPubSub):
            self.needs.add(Need.PUBSUB)
        if isinstance(applied.transform, TestStream):
            self.needs.add(Need.TEST_STREAM)

    def _follow_timers(self, applied: AppliedPTransform) -> None:
        """Inputs are visited before what they lead to."""
        waits = any(side.pvalue in self._fired for side in applied.side_inputs)
        fired = any(given in self._fired for given in applied.inputs)
        if waits or (fired and isinstance(applied.transform, beam.GroupByKey)):
            self.needs.add(Need.GROUPED_TIMERS)
        if fired or _fires_at_end(applied):
            self._fired.update(applied.outputs.values())


def _fires_at_end(applied: AppliedPTransform) -> bool:
    """Whether a step gives something when event time ends."""
    if not isinstance(applied.transform, beam.ParDo) or not applied.inputs[0].is_bounded:
        return False
    _, timers = get_dofn_specs(applied.transform.fn)
    return any(timer.time_domain == TimeDomain.WATERMARK for timer in timers)


def _of_dofn(fn: Any, is_bounded: bool) -> set[Need]:
    needs = set()
    signature = DoFnSignature(fn)
    if signature.is_splittable_dofn():
        needs.add(Need.ENDLESS_SPLITTABLE if signature.is_unbounded_per_element() else Need.SPLITTABLE)
    if (fn._process_batch_defined and not fn._process_defined) or fn._process_yields_batches:
        needs.add(Need.BATCHES)
    states, timers = get_dofn_specs(fn)
    if states or timers:
        needs.add(Need.STATE)
    if any(isinstance(state, OrderedListStateSpec) for state in states):
        needs.add(Need.ORDERED_STATE)
    if any(timer.time_domain == TimeDomain.REAL_TIME for timer in timers):
        needs.add(Need.TIMERS_AT_END if is_bounded else Need.TIMERS)
    return needs
