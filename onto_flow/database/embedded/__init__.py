"""The embedded document database: a file of SQLite, for notebooks, tests and small deployments."""

from .database import EmbeddedDatabase as EmbeddedDatabase
