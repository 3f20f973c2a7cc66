"""A source of documents that are given: what surveys are tested with."""

from __future__ import annotations

from onto_flow.core.change import BELOW_EVENTS, Change, DeadLetter
from onto_flow.sources.base import Partition, SourceInfo
from onto_flow.survey import survey_of


class OfDocuments:
    """A source of (path, fields); of a text instead of fields, a document that cannot be read."""

    def __init__(self, documents, batch=100):
        self._items = [
            DeadLetter(f"document:{path}", fields, "", b"")
            if isinstance(fields, str)
            else Change(path, None, fields, BELOW_EVENTS, None)
            for path, fields in documents
        ]
        self._batch = batch
        self.documents_read = 0

    def info(self):
        return SourceInfo("given")

    def partitions(self):
        return [Partition("all")]

    def open(self, partition, *, resume=None, projection=None):
        self._left = list(self._items)
        return self

    def next_batch(self):
        batch, self._left = self._left[: self._batch], self._left[self._batch :]
        return batch or None

    def next_wake(self):
        return None

    def close(self):
        pass


def survey(documents, batch=100):
    return survey_of(OfDocuments(documents, batch), "given")


def fields_of(survey, *names):
    return {f.label: f for f in survey.collection(names).fields}


def guesses(survey):
    """The references in short: (collection, field, by, target, field of the target)."""
    return {("/".join(g.source), g.field, g.by, "/".join(g.target), g.target_field) for g in survey.references}
