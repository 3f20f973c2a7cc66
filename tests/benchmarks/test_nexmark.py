"""Nexmark with mutations, in small: our tables are DuckDB's."""

from benchmarks import nexmark, nexmark_events, nexmark_oracle
from benchmarks.nexmark_views import VIEWS


def test_events_are_the_same_every_time_and_have_their_shares():
    changes = list(nexmark_events.events(5000))
    assert changes == list(nexmark_events.events(5000))
    assert len({c.version for c in changes}) == 5000 and changes != sorted(changes, key=lambda c: c.version)
    deleted = sum(c.after is None for c in changes)
    assert 60 < deleted < 140
    assert 150 < 5000 - len({c.path for c in changes}) - deleted < 350


def test_all_views_end_as_duckdb_has_them():
    changes = list(nexmark_events.events(3000))
    _, outputs = nexmark.follow(VIEWS, changes, 100)
    found = nexmark.tables_of(outputs)
    right = nexmark_oracle.tables(nexmark_events.final(changes))
    assert {view: len(table) for view, table in found.items()} == {view: len(table) for view, table in right.items()}
    assert nexmark.differences(found, right) == []
    found["DayStats"].popitem()
    assert len(nexmark.differences(found, right)) == 1
