"""What a pipeline needs is read off it, and what its runner lacks is refused; Beam is patched only where it was looked at."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
from apache_beam.io.gcp.pubsub import ReadFromPubSub
from apache_beam.options.pipeline_options import DebugOptions, PipelineOptions
from apache_beam.runners.direct.direct_runner import _DirectReadFromPubSub
from apache_beam.runners.direct.transform_evaluator import TransformEvaluatorRegistry, _PubSubReadEvaluator
from apache_beam.runners.worker import statecache
from apache_beam.testing import test_stream
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import OrderedListStateSpec, TimerSpec, on_timer
from beam_shuffle import Root

from onto_flow.beam import Backfill, Maintain, ReadExport, WriteViewTable
from onto_flow.cli import main
from onto_flow.core.change import Change
from onto_flow.core.errors import EngineError
from onto_flow.demo import data as demo
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.beam import probe
from onto_flow.engines.beam.local_pubsub import LOOKED_AT, patient_reads
from onto_flow.engines.beam.needs import check_pipeline, needs_of
from onto_flow.engines.beam.runners import BOUNDED, RUNNERS, STREAM, UNSPLIT, Need, known, table
from onto_flow.formats.export_writer import write_export

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

KEYED = tuple[str, int]


class Timed(beam.DoFn):
    """A step with a timer of processing time, and a list state."""

    TIMER = TimerSpec("t", TimeDomain.REAL_TIME)

    def process(self, element, timer=beam.DoFn.TimerParam(TIMER)):
        yield element

    @on_timer(TIMER)
    def expired(self):
        yield 1


class AtTheEnd(beam.DoFn):
    """A step that gives all it has when event time ends."""

    TIMER = TimerSpec("t", TimeDomain.WATERMARK)

    def process(self, element, timer=beam.DoFn.TimerParam(TIMER)):
        timer.set(beam.transforms.window.GlobalWindow().max_timestamp())

    @on_timer(TIMER)
    def ended(self, key=beam.DoFn.KeyParam):
        yield key, 1


class Ordered(beam.DoFn):
    """A step with an ordered list."""

    def process(self, element, held=beam.DoFn.StateParam(OrderedListStateSpec("o", beam.coders.BytesCoder()))):
        yield element


def at_the_end(pipeline):
    keyed = pipeline | beam.Create([("a", 1), ("b", 2)]).with_output_types(KEYED)
    return keyed | beam.ParDo(AtTheEnd()).with_output_types(KEYED)


def timed(pipeline, root):
    return pipeline | root | beam.ParDo(Timed())


BUILDS = {
    "nothing": (lambda p: p | beam.Create([1]) | beam.Map(str), set()),
    "a timer at the end": (
        lambda p: timed(p, beam.Create([("a", 1)]).with_output_types(KEYED)),
        {Need.STATE, Need.TIMERS_AT_END},
    ),
    "a timer in a stream": (
        lambda p: timed(p, Root().with_output_types(KEYED)),
        {Need.STATE, Need.TIMERS, Need.STREAM},
    ),
    "an ordered list": (
        lambda p: p | beam.Create([("a", 1)]).with_output_types(KEYED) | beam.ParDo(Ordered()),
        {Need.STATE, Need.ORDERED_STATE},
    ),
    "Pub/Sub": (
        lambda p: p | ReadFromPubSub(subscription="projects/demo-project/subscriptions/views"),
        {Need.PUBSUB, Need.STREAM},
    ),
    "a test stream": (lambda p: p | test_stream.TestStream(), {Need.TEST_STREAM, Need.STREAM}),
    "a backfill": (
        lambda p: p | ReadExport("export", views=[MeetingSession]) | Backfill(MeetingSession),
        {Need.SPLITTABLE, Need.BATCHES},
    ),
    "what timers gave, grouped": (
        lambda p: at_the_end(p) | beam.Map(lambda pair: pair) | beam.GroupByKey(),
        {Need.STATE, Need.GROUPED_TIMERS},
    ),
    "what timers gave, on the side": (
        lambda p: p | beam.Impulse() | beam.Map(lambda _, side: side, beam.pvalue.AsIter(at_the_end(p))),
        {Need.STATE, Need.GROUPED_TIMERS},
    ),
    "what timers gave, and groups beside it": (
        lambda p: (at_the_end(p), p | "b" >> beam.Create([("a", 1)]) | beam.GroupByKey()),
        {Need.STATE},
    ),
    "a bounded job with state": (
        lambda p: p | beam.Create([]).with_output_types(Change) | Maintain(MeetingSession),
        {Need.STATE},
    ),
}


@pytest.mark.parametrize("name", BUILDS)
def test_needs_are_read_off_the_pipeline(name):
    build, needs = BUILDS[name]
    pipeline = beam.Pipeline(options=PipelineOptions(["--streaming"] if Need.STREAM in needs else []))
    build(pipeline)
    assert needs_of(pipeline) == needs


def test_what_the_runner_lacks_is_refused_with_a_runner_that_has_it():
    pipeline = beam.Pipeline(STREAM)
    timed(pipeline, beam.Create([("a", 1)]).with_output_types(KEYED))
    with pytest.raises(
        EngineError, match=r"BundleBasedDirectRunner lacks processing-time timers on a bounded input: it loses"
    ):
        check_pipeline(pipeline)
    check_pipeline(pipeline, BOUNDED)
    check_pipeline(pipeline, "PrismRunner")
    check_pipeline(pipeline, "SomebodysRunner")
    with pytest.raises(EngineError, match="BundleBasedDirectRunner lacks splittable DoFns"):
        streaming = beam.Pipeline(STREAM)
        _ = streaming | ReadExport("export", views=[MeetingSession])
        check_pipeline(streaming)


def test_groups_of_what_timers_gave_fail_on_the_runner_that_lacks_them():
    """Why they are refused: where this passes, Beam does better than its record."""
    pipeline = beam.Pipeline(STREAM)
    _ = at_the_end(pipeline) | beam.GroupByKey()
    with pytest.raises(EngineError, match="lacks grouping what event-time timers gave.*: it groups before they fire"):
        check_pipeline(pipeline)
    with pytest.raises(AssertionError):
        pipeline.run().wait_until_finish()


def test_a_table_of_views_with_state_is_refused_there_when_the_pipeline_is_made(tmp_path):
    pipeline = beam.Pipeline(STREAM)
    views = pipeline | beam.Create([]).with_output_types(Change) | Maintain(MeetingSession)
    with pytest.raises(EngineError, match="lacks grouping what event-time timers gave"):
        _ = views | WriteViewTable(f"jsonl:{tmp_path}/views", MeetingSession)


def experiments_of(runner, *options):
    pipeline = beam.Pipeline(runner, PipelineOptions([*options]))
    _ = pipeline | beam.Create([]).with_output_types(Change) | Maintain(MeetingSession)
    return asked_of(pipeline)


def asked_of(pipeline):
    """The experiments that are asked of a pipeline's runner, but Beam's own."""
    return [e for e in pipeline._options.view_as(DebugOptions).experiments or [] if e != "beam_fn_api"]


def test_prism_is_told_not_to_split_the_bundles_of_steps_with_state():
    assert experiments_of("PrismRunner", "--experiments=other") == ["other", UNSPLIT]
    assert experiments_of("DirectRunner") == [UNSPLIT], "it may choose Prism"
    assert experiments_of(BOUNDED) == []
    stateless, timed_one = beam.Pipeline("PrismRunner"), beam.Pipeline("PrismRunner")
    _ = stateless | beam.Create([1])
    timed(timed_one, beam.Create([("a", 1)]).with_output_types(KEYED))
    check_pipeline(stateless)
    check_pipeline(timed_one)
    assert asked_of(stateless) == []
    assert asked_of(timed_one) == [UNSPLIT]


def test_every_runner_is_known_by_the_names_that_beam_takes():
    assert known(BOUNDED).name == "FnApiRunner"
    assert [known(r.name) for r in RUNNERS] == list(RUNNERS)
    assert known("dataflowrunner").is_local is False


def test_the_table_says_of_each_runner_what_it_does_instead():
    lines = table([Need.STREAM, Need.DRAIN]).splitlines()
    assert lines[0] == "|  | FnApiRunner | BundleBasedDirectRunner | PrismRunner | DataflowRunner |"
    assert lines[2] == "| a stream | **no**: it never returns | yes | yes | yes |"
    assert len(lines) == 4
    page = (Path(__file__).parents[2] / "docs" / "beam.md").read_text()
    assert table() in page, "docs/beam.md has the table that engines.beam.runners.table() makes"


def test_explain_shows_what_the_jobs_of_views_need(capsys):
    assert main(["explain", "onto_flow.demo.meeting_room:MeetingSession", "--engine", "beam"]) == 0
    said = capsys.readouterr().out
    assert "on Beam, a backfill needs splittable DoFns, DoFns that take batches" in said
    assert (
        "on Beam, a stream needs state and event-time timers, processing-time timers in a stream, a stream, Pub/Sub"
        in said
    )
    assert "| Pub/Sub as a source | **no**: it never returns |" in said


def test_the_probe_that_is_replaced_is_the_one_that_was_looked_at():
    assert beam.__version__ in probe.MEASURED, "look at the probe of this version, then add it"
    assert probe.MEASURED[beam.__version__] == probe.source_hash()


def test_the_probe_of_an_unknown_version_stays_and_is_told_of(caplog):
    before = statecache.get_deep_size
    with probe.cheap_state_sizes():
        assert statecache.get_deep_size is probe.shallow_size
    assert statecache.get_deep_size is before
    with caplog.at_level(logging.WARNING), probe.cheap_state_sizes("9.9.9"):
        assert statecache.get_deep_size is before
    assert "The size probe of Beam 9.9.9 was not looked at" in caplog.text


def test_the_local_read_is_replaced_only_where_it_was_looked_at():
    overrides = TransformEvaluatorRegistry._test_evaluators_overrides
    assert beam.__version__ in LOOKED_AT, "look at the local read of this version, then add it"
    assert hasattr(_PubSubReadEvaluator, "_read_from_pubsub") and hasattr(
        _PubSubReadEvaluator, "_get_subscriber_client"
    )
    with patient_reads("9.9.9"):
        assert _DirectReadFromPubSub not in overrides
    with patient_reads():
        assert _DirectReadFromPubSub in overrides
    assert _DirectReadFromPubSub not in overrides


def test_a_runner_that_does_not_exist_is_said_in_our_words(tmp_path):
    write_export(tmp_path / "export", demo.documents().items())
    with pytest.raises(EngineError, match="Beam does not take the job: Unexpected pipeline runner: Dataflo") as caught:
        MeetingSession.backfill(source=str(tmp_path / "export"), engine="beam", runner="Dataflo")
    assert caught.value.code == "engine-refused"
