"""The transforms of batch jobs, on sources, plans and sinks; `onto_flow.beam` makes them of URIs and views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from ...core.change import Change, DeadLetter, ViewChange
from ...core.collection import Projection
from ...plan.nodes import Plan
from ..breaker import stopped
from .backfill import SHARDS, BuildTables
from .elements import Backfilled, Built, Documents
from .read_documents import OpenSource, ReadBlocks, Unpack, documents_of, letters_of


class ReadDocuments(beam.PTransform):
    """The documents of a source as `Change`s; see `onto_flow.beam.ReadExport`."""

    def __init__(self, open: OpenSource, *, projection: Projection | None = None, splittable: bool = True) -> None:
        super().__init__()
        self._open, self._projection, self._splittable = open, projection, splittable

    def expand(self, begin: Any) -> Documents:
        """Reads blocks and unpacks them."""
        blocks = begin | "blocks" >> ReadBlocks(self._open, projection=self._projection, splittable=self._splittable)
        letters = blocks | "letters" >> beam.FlatMap(letters_of).with_output_types(DeadLetter)
        unpack = beam.ParDo(Unpack()) if self._splittable else beam.FlatMap(documents_of)
        documents = blocks | "documents" >> unpack.with_output_types(Change)
        return Documents(documents, letters)


class BackfillViews(beam.PTransform):
    """Documents -> the view documents of a plan; see `onto_flow.beam.Backfill`."""

    def __init__(self, plan: Plan, *, shards: int = SHARDS, generation: int | None = None) -> None:
        super().__init__()
        self._plan, self._shards, self._generation = plan, shards, generation

    def expand(self, documents: Any) -> Backfilled:
        """Builds the tables and unpacks them."""
        built = documents | "tables" >> BuildTables(self._plan, shards=self._shards, generation=self._generation)
        letters = built | "letters" >> beam.FlatMap(_letters).with_output_types(DeadLetter)
        changes = built | "changes" >> beam.FlatMap(Built.changes).with_output_types(ViewChange)
        return Backfilled(changes, letters, built)


def _letters(built: Built) -> Iterator[DeadLetter]:
    """The letters; one whose view says that the run stops, stops it."""
    for letter in built.letters():
        if isinstance(letter, DeadLetter):
            if letter.policy == "fail":
                raise stopped(letter)
            yield letter
