from __future__ import annotations

from onto_flow.database.embedded import EmbeddedDatabase
from onto_flow.testing.database_suite import DatabaseSuite


class TestEmbedded(DatabaseSuite):
    def create_database(self, folder):
        return EmbeddedDatabase(folder / "test.sqlite", synchronous="off")


class TestEmbeddedWithIndexes(DatabaseSuite):
    """Every query by a field has an index made, however small the collection."""

    def create_database(self, folder):
        return EmbeddedDatabase(folder / "test.sqlite", synchronous="off", index_from=-1)
