from __future__ import annotations

import pytest
from firestore_place import Standing, database, documents

from onto_flow.core.errors import DataError
from onto_flow.database.limits import checked_document
from onto_flow.sinks.firestore import FirestoreSink
from onto_flow.sinks.firestore.sink import Limits
from onto_flow.testing.broken_sinks import broken_sinks
from onto_flow.testing.sink_suite import SinkSuite


class TestFirestore(SinkSuite):
    sink = FirestoreSink

    def create_sink(self, folder):
        self.folder = folder
        return self.sink(database(folder), Limits(gently=False), Standing().around)

    def read_back(self, sink, table):
        with database(self.folder) as place:
            return documents(place, table.collection)

    def holds(self, value):
        try:
            checked_document("a/b", {"v": value})
        except DataError:
            return False
        return True


@pytest.mark.parametrize("broken", [s for s in broken_sinks(FirestoreSink) if s.__name__ != "PublishesAtOnce"])
def test_the_suite_finds_a_sink_that_is_wrong(broken, tmp_path):
    suite = TestFirestore()
    suite.sink = broken
    tests = [name for name in dir(suite) if name.startswith("test_") and "any_value" not in name]
    wrong = 0
    for n, name in enumerate(tests):
        (tmp_path / str(n)).mkdir()
        try:
            getattr(suite, name)(tmp_path / str(n))
        except (AssertionError, pytest.fail.Exception):
            wrong += 1
    assert wrong
