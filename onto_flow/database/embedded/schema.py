"""The tables of an embedded database.

Law: the rows of `versions` are never changed. A document as of a position is the first of its versions, from the newest
one back, whose id is not above the position; so every read of several rows is as of one commit, without a lock.

| table | row |
|---|---|
| `versions` | one state of one document: its id is its position in the feed; no `data`: it was deleted |
| `documents` | the newest version of each document, also of one that was deleted while that is kept |
| `collections` | every collection that ever had a document |
| `state` | one row: the position and time of the last commit, and those up to which versions are forgotten |
| `indexes`, `entries` | the fields that have an index; where documents stand in it, and how many kept versions of each do |
| `view_versions`, `view_tables` | what the sink `sqlite:` knows of the view documents and tables that it wrote |
"""

from __future__ import annotations

APPLICATION_ID = 0x6F6E746F
FORMAT = 2
"""Format 1 had no indexes; it becomes format 2 when it is opened."""

TABLES = """
CREATE TABLE versions (
    id INTEGER PRIMARY KEY, time INTEGER NOT NULL, created INTEGER NOT NULL, path TEXT NOT NULL,
    previous INTEGER, previous_time INTEGER, data BLOB
);
CREATE TABLE documents (
    collection TEXT NOT NULL, number NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (collection, number, id)
) WITHOUT ROWID;
CREATE TABLE collections (path TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX collections_by_name ON collections (name);
CREATE TABLE state (
    only INTEGER PRIMARY KEY CHECK (only = 1), position INTEGER NOT NULL, time INTEGER NOT NULL,
    floor INTEGER NOT NULL, floor_time INTEGER NOT NULL
);
INSERT INTO state VALUES (1, 0, 0, 0, 0);
CREATE TABLE view_tables (collection TEXT PRIMARY KEY, generation INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE view_versions (
    collection TEXT NOT NULL, path TEXT NOT NULL, generation INTEGER NOT NULL, epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL, gone INTEGER, misfit INTEGER NOT NULL, PRIMARY KEY (collection, path)
) WITHOUT ROWID;
"""

INDEX_TABLES = """
CREATE TABLE indexes (id INTEGER PRIMARY KEY, name TEXT NOT NULL, field BLOB NOT NULL, UNIQUE (name, field));
CREATE TABLE entries (
    indexed INTEGER NOT NULL, collection TEXT NOT NULL, rank INTEGER NOT NULL, key NOT NULL, number NOT NULL,
    id TEXT NOT NULL, versions INTEGER NOT NULL, PRIMARY KEY (indexed, collection, rank, key, number, id)
) WITHOUT ROWID;
"""
