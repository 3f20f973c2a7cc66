"""The suite of sinks finds every sink that is broken on purpose, by the test that is meant for it."""

from __future__ import annotations

import pytest

from onto_flow.sinks.memory import MemorySink
from onto_flow.testing.broken_sinks import broken_sinks
from onto_flow.testing.sink_suite import SinkSuite

CAUGHT_BY = {
    "LastWriteWins": "test_repeated_and_reordered_writes_change_nothing",
    "ForgetsDeletions": "test_a_history_ends_in_its_last_documents",
    "KeepsOldGenerations": "test_a_complete_generation_leaves_nothing_of_older_ones",
    "TakesOlderGenerations": "test_a_complete_generation_takes_nothing_from_older_ones",
    "CompletesWhenItOpens": "test_an_older_table_shows_until_a_newer_one_is_complete",
    "PublishesAtOnce": "test_nothing_shows_before_it_is_published",
    "LosesTypes": "test_every_type_of_value_comes_back",
}
BROKEN = {broken.__name__: broken for broken in broken_sinks(MemorySink)}


class MemorySuite(SinkSuite):
    def create_sink(self, folder):
        return MemorySink()

    def read_back(self, sink, table):
        return sink.documents(table.view)


def test_every_broken_sink_is_named():
    assert set(CAUGHT_BY) == set(BROKEN)


@pytest.mark.parametrize("name", CAUGHT_BY)
def test_the_suite_catches(name, tmp_path):
    class Suite(MemorySuite):
        def create_sink(self, folder):
            return BROKEN[name]()

    with pytest.raises(AssertionError):
        getattr(Suite(), CAUGHT_BY[name])(tmp_path)


@pytest.mark.parametrize("name", sorted(set(CAUGHT_BY.values())))
def test_the_right_one_passes(name, tmp_path):
    getattr(MemorySuite(), name)(tmp_path)
